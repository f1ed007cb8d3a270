// cpio-stream and zstd-napi, an independent reader: it agrees where an archive is single, well-formed and ASCII,
// and the rest of this file pins why it is no more than a second opinion.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { createGunzip } from 'node:zlib';

import { extract } from 'cpio-stream';
import { describe, expect, test, type TestContext } from 'vitest';

import { packInitramfs } from '../../fixtures/builder/initramfs.ts';
import type { Compression, Member } from '../../src/image/segment.ts';
import { runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import { skipAloud } from '../support/tools.ts';

const SAMPLES = fileURLToPath(new URL('../../fixtures/initramfs/', import.meta.url));

// An optional dependency: it is compiled at installation where there is no prebuilt binary.
const zstd = await import('zstd-napi').catch(() => undefined);

function decompressor(compression: Compression, test: TestContext): Transform {
  switch (compression) {
    case 'none':
      return new PassThrough();
    case 'gzip':
      return createGunzip();
    case 'zstd':
      return zstd === undefined ? skipAloud(test, 'zstd-napi is not installed') : new zstd.DecompressStream();
  }
}

/** An allowlist of what cpio-stream finds in what `unpacked` makes of an image. */
async function readByCpioStream(image: Readable, unpacked: Transform): Promise<string> {
  const rows: { readonly path: string; readonly digest: string }[] = [];
  const archive = extract();
  archive.on('entry', (header, content, next) => {
    const hash = createHash('sha256');
    content.on('data', (chunk: Uint8Array) => hash.update(chunk));
    content.on('end', () => {
      if (header.type === 'file') rows.push({ path: `/${header.name}`, digest: hash.digest('hex') });
      next();
    });
  });
  await pipeline(image, unpacked, archive);
  rows.sort((a, b) => (a.path < b.path ? -1 : 1));
  return rows.map(({ path, digest }) => `${digest}  ${path}\n`).join('');
}

/** Some members of many sizes, the same each time. */
function members(): readonly Member[] {
  const files = Array.from({ length: 60 }, (_, index) => ({
    kind: 'file' as const,
    name: `usr/lib/file-${index}`,
    mode: index % 2 === 0 ? 0o644 : 0o4755,
    content: Buffer.alloc(index ** 3, `content ${index}\n`),
  }));
  return [
    { kind: 'directory', name: 'usr' },
    { kind: 'directory', name: 'usr/lib' },
    { kind: 'symlink', name: 'lib', target: 'usr/lib' },
    ...files,
    { kind: 'character-device', name: 'console', major: 5, minor: 1 },
  ];
}

describe('extract agrees with cpio-stream', () => {
  test.for<Compression>(['none', 'gzip', 'zstd'])(
    'on a packed archive, compression %s',
    async (compression, context) => {
      const unpacked = decompressor(compression, context);
      const file = join(await freshDirectory(), 'packed.img');
      await packInitramfs(file, [{ compression, members: members() }]);
      const opinion = await readByCpioStream(createReadStream(file), unpacked);
      expect(opinion.split('\n')).toHaveLength(61);
      expect(await runCli(['extract', file])).toMatchObject({ code: 0, stdout: opinion });
    },
  );

  test.for<{ image: string; compression: Compression }>([
    { image: 'newc.img', compression: 'none' },
    { image: 'gzip.img', compression: 'gzip' },
    { image: 'zstd.img', compression: 'zstd' },
  ])('on the sample $image', async ({ image, compression }, context) => {
    const unpacked = decompressor(compression, context);
    const opinion = await readByCpioStream(createReadStream(`${SAMPLES}${image}`), unpacked);
    expect(opinion).toBe(await readFile(`${SAMPLES}${image}.sha256`, 'utf8'));
    expect(await runCli(['extract', `${SAMPLES}${image}`])).toMatchObject({ code: 0, stdout: opinion });
  });
});

describe('cpio-stream and zstd-napi cannot be trusted with', () => {
  test('a second archive: it is lost', async () => {
    const opinion = await readByCpioStream(createReadStream(`${SAMPLES}newc+newc.img`), new PassThrough());
    expect(opinion).toBe(await readFile(`${SAMPLES}newc.img.sha256`, 'utf8'));
  });

  test('hard links: all names but the last are empty', async () => {
    const opinion = await readByCpioStream(createReadStream(`${SAMPLES}hard-links.img`), new PassThrough());
    const ofNothing = createHash('sha256').digest('hex');
    expect(opinion.split(ofNothing)).toHaveLength(1 + 4);
  });

  test('names outside ASCII: the high bit is lost', async () => {
    const opinion = await readByCpioStream(createReadStream(`${SAMPLES}names.img`), new PassThrough());
    expect(opinion).toContain('/usr/share/naC/ve-N1\n');
    expect(opinion).toContain('/usr/share/naove\n');
  });

  test('a cut archive: it ends without an error', async () => {
    const whole = await readFile(`${SAMPLES}newc.img`);
    const opinion = await readByCpioStream(Readable.from([whole.subarray(0, 1000)]), new PassThrough());
    expect(opinion.split('\n').length).toBeGreaterThan(1);
  });

  test('NULs after a zstd frame: an error', async (context) => {
    const unpacked = decompressor('zstd', context);
    const image = Buffer.concat([await readFile(`${SAMPLES}zstd.img`), Buffer.alloc(512)]);
    await expect(readByCpioStream(Readable.from([image]), unpacked)).rejects.toThrow('frame');
  });
});
