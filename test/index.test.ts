// The built package as another program imports it.

import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';

import { describe, expect, test } from 'vitest';

import {
  Allowlist,
  AllowlistError,
  ImageError,
  type Progress,
  UsageError,
  extractAllowlist,
  inspectImage,
  listAlgorithms,
  parseExcludeList,
  writeAtomically,
} from '../src/index.ts';
import { freshDirectory } from './support/directory.ts';

const SAMPLES = fileURLToPath(new URL('../fixtures/initramfs/', import.meta.url));
const DIST = fileURLToPath(new URL('../dist/index.js', import.meta.url));
const sample = (name: string): string => join(SAMPLES, name);

describe('extractAllowlist', () => {
  test('yields rows with path, algorithm, digest and origin', async () => {
    const { allowlist, sources, omittedCount } = await extractAllowlist(
      [sample('gzip.img'), sample('names.img')],
      { algorithms: ['sha256', 'sha1'] },
    );
    const rows = [...allowlist];
    expect(rows).toHaveLength(allowlist.size);
    const expected = (await readFile(`${sample('gzip.img')}.sha256`, 'utf8')).trimEnd().split('\n');
    const ofGzip = rows.filter(({ origin, algorithm }) => origin === 0 && algorithm === 'sha256');
    expect(ofGzip.map(({ digest, path }) => `${digest}  ${path}`)).toEqual(expected);
    expect(allowlist.origins).toEqual([sample('gzip.img'), sample('names.img')]);
    expect(sources.map(({ files }) => files)).toEqual([5, expect.any(Number)]);
    expect(omittedCount).toBe(0);
  });

  test('writes a list and its checksum atomically', async () => {
    const directory = await freshDirectory();
    const { allowlist } = await extractAllowlist([sample('gzip.img')]);
    const text = allowlist.serialise({ format: 'allowlist' });
    const [file] = await writeAtomically(join(directory, 'list'), text, { checksum: true });
    expect(await readFile(join(directory, 'list.sha256'), 'utf8')).toBe(`${file.sha256}  list\n`);
    expect((await readdir(directory)).toSorted()).toEqual(['list', 'list.sha256']);
  });

  test('reports its progress, and for the last time at its end', async () => {
    const reports: Progress[] = [];
    await extractAllowlist([sample('gzip.img')], { onProgress: (progress) => void reports.push(progress) });
    expect(reports.at(-1)).toMatchObject({
      files: 5,
      inputBytes: (await readFile(sample('gzip.img'))).length,
    });
  });

  test('rejects with the reason of a signal that is or gets aborted', async () => {
    const reason = new Error('enough');
    const aborted = AbortSignal.abort(reason);
    await expect(extractAllowlist([sample('gzip.img')], { signal: aborted })).rejects.toBe(reason);
    const later = new AbortController();
    const work = extractAllowlist(['/usr'], { allOwners: true, signal: later.signal });
    setTimeout(() => later.abort(reason), 50);
    await expect(work).rejects.toBe(reason);
  });

  test.each([
    { why: 'no image', sources: [], options: {} },
    { why: 'a relative path to skip', sources: ['/usr'], options: { skipPaths: ['var'] } },
    { why: 'no algorithm', sources: ['/usr'], options: { algorithms: [] } },
    { why: 'a limit that is no number', sources: ['/usr'], options: { limits: { maxFiles: Number.NaN } } },
    { why: 'half a thread', sources: ['/usr'], options: { threads: 0.5 } },
  ])('rejects $why before anything is read', async ({ sources, options }) => {
    await expect(extractAllowlist(sources, options)).rejects.toThrow(UsageError);
  });

  test('rejects with class, code, place and hint', async () => {
    const directory = await freshDirectory();
    const image = join(directory, 'image');
    await writeFile(image, (await readFile(sample('crc.img'))).subarray(0, 1200));
    const error: unknown = await extractAllowlist([image]).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ImageError);
    expect(error).toMatchObject({
      code: 'CPIO_TRUNCATED',
      at: { input: image, offsetBytes: expect.any(Number) },
      hint: expect.any(String),
    });
  });
});

describe('inspectImage', () => {
  test('says what an image is made of', async () => {
    expect(await inspectImage(sample('early+newc+zstd.img'))).toMatchObject({
      layer: { kind: 'initramfs', facts: { segments: 3, files: 8 } },
      files: 8,
    });
  });

  test('counts a tree without opening its files', async () => {
    const root = await freshDirectory();
    await mkdir(join(root, 'etc'));
    await writeFile(join(root, 'etc/secret'), 'x', { mode: 0 });
    const summary = await inspectImage(root, { allOwners: true });
    expect(summary).toMatchObject({ files: 1, bytes: 1, layer: { kind: 'tree' } });
  });
});

describe('Allowlist', () => {
  const OF_A = '87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7';
  const OF_B = '0263829989b6fd954f72baaf2fc64bc2e2f01d692d4de72986ea808f6e99813f';
  const text = (list: Allowlist): string =>
    Buffer.concat([...list.serialise({ format: 'allowlist' })]).toString();

  test('parses what it writes', () => {
    const list = `${OF_B}  /etc/a\n${OF_A}  /etc/a\n${OF_B}  /usr/b\n`;
    expect(text(Allowlist.parse(list, 'list'))).toBe(list);
  });

  test('merges in any order to the same bytes', () => {
    const one = Allowlist.parse(`${OF_A}  /a\n`, 'one');
    const two = Allowlist.parse(`${OF_B}  /a\n${OF_A}  /b\n`, 'two');
    expect(text(Allowlist.merge([one, two]))).toBe(text(Allowlist.merge([two, one, two])));
    expect(Allowlist.merge([one, two]).origins).toEqual(['one', 'two']);
  });

  test.each([
    { why: 'a digest of no algorithm', list: 'abc  /a\n', code: 'ALLOWLIST_LINE_MALFORMED', line: 1 },
    { why: 'no path', list: `${OF_A}  /a\n${OF_B}\n`, code: 'ALLOWLIST_LINE_MALFORMED', line: 2 },
    { why: 'nothing', list: '\n', code: 'ALLOWLIST_EMPTY', line: undefined },
  ])('refuses $why', ({ list, code, line }) => {
    expect(() => Allowlist.parse(list, 'list')).toThrow(AllowlistError);
    expect(() => Allowlist.parse(list, 'list')).toThrow(
      expect.objectContaining({ code, at: expect.objectContaining(line === undefined ? {} : { line }) }),
    );
  });
});

test('parseExcludeList names the line of a pattern that excludes everything', () => {
  const list = Buffer.from('/tmp/.*\n.*\n');
  expect(() => parseExcludeList(list, 'excludes.txt')).toThrow(
    expect.objectContaining({ code: 'EXCLUDES_EVERYTHING', at: { input: 'excludes.txt', line: 2 } }),
  );
});

test('listAlgorithms names what IMA can name', () => {
  const names = listAlgorithms().map(({ name, digestBytes }) => `${name}:${digestBytes}`);
  expect(names).toEqual(expect.arrayContaining(['sha1:20', 'sha256:32', 'sm3:32', 'streebog512:64']));
});

describe('the package', () => {
  test('can be required as well as imported', () => {
    const required: unknown = createRequire(import.meta.url)(DIST);
    expect(required).toMatchObject({ extractAllowlist: expect.any(Function) });
  });

  test('loads its addon only when it is needed, and lets the process end by itself', async () => {
    const script = `
      const { extractAllowlist } = await import(${JSON.stringify(DIST)});
      const isLoaded = () => process.report.getReport().sharedObjects.some((name) => name.endsWith('.node'));
      const before = isLoaded();
      await extractAllowlist([${JSON.stringify(sample('gzip.img'))}], { onProgress: () => undefined });
      console.log(before, isLoaded());`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
    expect(stdout).toBe('false true\n');
  });

  test('works in a worker that is terminated in the middle of it', async () => {
    const script = `
      const { parentPort } = require('node:worker_threads');
      const { extractAllowlist, inspectImage, listAlgorithms } = require(${JSON.stringify(DIST)});
      listAlgorithms();
      inspectImage(${JSON.stringify(sample('gzip.img'))})
        .then(() => extractAllowlist([${JSON.stringify(sample('zstd.img'))}]))
        .then(({ allowlist }) => parentPort.postMessage(allowlist.size))
        .then(() => extractAllowlist(['/usr'], { allOwners: true }));`;
    const worker = new Worker(script, { eval: true });
    const size = await new Promise((resolve, reject) =>
      worker.once('message', resolve).once('error', reject),
    );
    expect(size).toBe(5);
    expect(await worker.terminate()).toBe(1);
  });
});
