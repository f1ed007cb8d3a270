// `image overlay` against GNU cpio, which unpacks what was appended, and against a kernel that boots it.

import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';

import { describe, expect, test, type TestContext, vi } from 'vitest';

import { packInitramfs, type Segment } from '../../fixtures/builder/initramfs.ts';
import { inspectImage } from '../../src/image/extract.ts';
import { type Addition, type Overlay, planOverlay, writeOverlay } from '../../src/image/overlay.ts';
import type { Compression, Member } from '../../src/image/segment.ts';
import { runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import { bootInitramfs, needsMachine } from '../support/machine.ts';
import { needsTool } from '../support/tools.ts';
import { makeUki } from '../support/uki.ts';

const SAMPLES = fileURLToPath(new URL('../../fixtures/initramfs/', import.meta.url));
const run = promisify(execFile);

/** A merged /usr, with a link to a directory elsewhere. */
const tree: readonly Member[] = [
  ...['usr', 'usr/bin', 'run', 'var', 'etc'].map((name) => ({ kind: 'directory', name }) as const),
  { kind: 'symlink', name: 'bin', target: 'usr/bin' },
  { kind: 'symlink', name: 'var/run', target: '/run' },
  { kind: 'symlink', name: 'loop', target: 'loop' },
  { kind: 'file', name: 'etc/release', content: Buffer.from('old\n') },
  { kind: 'symlink', name: 'etc/link', target: 'release' },
  { kind: 'hard-links', names: ['usr/bin/a', 'usr/bin/b'], content: Buffer.from('linked\n') },
];

async function makeImage(directory: string, compression: Compression = 'gzip'): Promise<string> {
  const image = join(directory, 'base.img');
  const segments: readonly Segment[] = [
    { compression: 'none', members: [{ kind: 'file', name: 'early', content: Buffer.from('early\n') }] },
    { compression, members: tree },
  ];
  await packInitramfs(image, segments);
  return image;
}

/** Adds `files`, by path and text, to an image. */
async function overlayOf(
  directory: string,
  image: string,
  files: Readonly<Record<string, string>>,
  compression?: Compression,
): Promise<Overlay> {
  const additions: Addition[] = [];
  for (const [path, text] of Object.entries(files)) {
    const file = join(directory, `file-${additions.length}`);
    await writeFile(file, text, { mode: 0o640 });
    additions.push({ file, path });
  }
  return writeOverlay(await planOverlay(image, additions, { compression }), join(directory, 'new.img'));
}

/** The names in an archive in the order they stand there, and the files unpacked into the image's directories, both by GNU cpio. */
async function unpack(directory: string, archive: Buffer): Promise<{ names: string[]; root: string }> {
  const file = join(directory, 'archive.cpio');
  await writeFile(file, archive);
  const root = join(directory, 'root');
  for (const name of ['usr/bin', 'etc', 'run']) await mkdir(join(root, name), { recursive: true });
  const { stdout } = await run('sh', ['-c', 'cpio -t --quiet < "$1"', 'sh', file]);
  await run('sh', ['-c', 'cd "$1" && cpio -i --quiet --no-absolute-filenames < "$2"', 'sh', root, file]);
  return { names: stdout.trimEnd().split('\n'), root };
}

const codeOf = (code: string): unknown => expect.objectContaining({ code });

describe('an overlay', () => {
  test.each(['none', 'gzip', 'zstd'] as const)(
    'holds files and missing directories, by GNU cpio: %s',
    async (compression) => {
      const directory = await freshDirectory();
      const image = await makeImage(directory);
      const files = {
        '/etc/keylime/agent.conf': '[agent]\n',
        '/bin/tool': '#!/bin/sh\n',
        '/var/run/keylime/x/y': 'deep\n',
      };
      const overlay = await overlayOf(directory, image, files, compression);
      expect(overlay).toMatchObject({ compression, alsoChanged: [] });
      const whole = await readFile(join(directory, 'new.img'));
      const base = await readFile(image);
      expect(whole.subarray(0, base.length).equals(base)).toBe(true);
      expect(overlay.offsetBytes % 4).toBe(0);
      const packed = whole.subarray(overlay.offsetBytes);
      const { names, root } = await unpack(directory, await decompress(directory, packed, compression));
      // By real paths, and without an entry for anything that exists: `bin` and `var/run` stay links.
      expect(names).toEqual([
        'etc/keylime',
        'run/keylime',
        'run/keylime/x',
        'etc/keylime/agent.conf',
        'usr/bin/tool',
        'run/keylime/x/y',
      ]);
      expect(await readFile(join(root, 'etc/keylime/agent.conf'), 'utf8')).toBe('[agent]\n');
      expect(await readFile(join(root, 'run/keylime/x/y'), 'utf8')).toBe('deep\n');
      expect((await stat(join(root, 'usr/bin/tool'))).mode & 0o7777).toBe(0o640);
    },
  );

  test('is listed together with the image', async () => {
    const directory = await freshDirectory();
    const overlay = await overlayOf(directory, await makeImage(directory), { '/etc/release': 'new\n' });
    const rows = [...overlay.extraction.allowlist].map(({ path, digest }) => `${digest}  ${path}`);
    // echo new | sha256sum
    expect(rows).toContain('7aa7a5359173d05b63cfd682e3c38487f3cb4f7f1d60659fe59fab1505977d4c  /etc/release');
    expect(rows).toHaveLength(4);
    expect(overlay.plan.added).toMatchObject([{ path: '/etc/release', replaces: 'file' }]);
  });

  test('replaces a link and not what it leads to', async () => {
    const directory = await freshDirectory();
    const overlay = await overlayOf(directory, await makeImage(directory), { '/etc/link': 'new\n' });
    expect(overlay.plan.added).toMatchObject([{ path: '/etc/link', replaces: 'symlink' }]);
    expect(overlay.alsoChanged).toEqual([]);
  });

  test('says which other names of a file change with it', async () => {
    const directory = await freshDirectory();
    const overlay = await overlayOf(directory, await makeImage(directory), { '/bin/a': 'new\n' });
    expect(overlay.alsoChanged).toEqual(['/usr/bin/b']);
  });

  test.each([
    { base: 'gzip', chosen: 'gzip' },
    { base: 'zstd', chosen: 'zstd' },
    { base: 'none', chosen: 'gzip' },
  ] as const)('behind $base is compressed by $chosen, which its kernel has', async ({ base, chosen }) => {
    const directory = await freshDirectory();
    const overlay = await overlayOf(directory, await makeImage(directory, base), { '/x': 'x' });
    expect(overlay.compression).toBe(chosen);
  });

  test('is compressed with gzip where zstd-napi is missing, and says so', async () => {
    vi.resetModules();
    vi.doMock('zstd-napi', () => {
      throw new Error('not installed');
    });
    const fresh = await import('../../src/image/overlay.ts');
    const directory = await freshDirectory();
    const file = join(directory, 'x');
    await writeFile(file, 'x');
    const notices: string[] = [];
    const onNotice = (text: string): void => void notices.push(text);
    const plan = await fresh.planOverlay(await makeImage(directory, 'gzip'), [{ file, path: '/x' }], {
      compression: 'zstd',
    });
    const overlay = await fresh.writeOverlay(plan, join(directory, 'new.img'), { onNotice });
    vi.doUnmock('zstd-napi');
    expect(overlay.compression).toBe('gzip');
    expect(notices).toEqual([expect.stringContaining('zstd-napi is not installed')]);
  });

  test.each(['early+zstd+zstd', 'lz4-legacy', 'lz4-legacy+zstd', 'newc+newc', 'xz', 'lzo', 'crc'])(
    'goes behind %s',
    async (name) => {
      const directory = await freshDirectory();
      const overlay = await overlayOf(directory, join(SAMPLES, `${name}.img`), { '/etc/over': 'new\n' });
      const before = await inspectImage(join(SAMPLES, `${name}.img`));
      const after = await inspectImage(join(directory, 'new.img'));
      expect(after.files).toBe(before.files + 1);
      expect(after.layer.layers.length).toBe(before.layer.layers.length + 1);
      expect(overlay.alsoChanged).toEqual([]);
    },
  );

  test('stays in front of the boot configuration', async () => {
    const directory = await freshDirectory();
    const image = await makeImage(directory);
    const configuration = Buffer.from('kernel.foo = bar\n\0\0\0');
    const numbers = Buffer.alloc(8);
    numbers.writeUInt32LE(configuration.length);
    numbers.writeUInt32LE(
      configuration.reduce((sum, byte) => sum + byte, 0),
      4,
    );
    const trailer = Buffer.concat([configuration, numbers, Buffer.from('#BOOTCONFIG\n')]);
    await writeFile(image, trailer, { flag: 'a' });
    await overlayOf(directory, image, { '/x': 'x' });
    const whole = await readFile(join(directory, 'new.img'));
    expect(whole.subarray(-trailer.length).equals(trailer)).toBe(true);
    expect(await inspectImage(join(directory, 'new.img'))).toMatchObject({
      files: 5,
      layer: { facts: { bootconfigBytes: trailer.length } },
    });
  });

  test('is the same bytes each time', async () => {
    const directory = await freshDirectory();
    const image = await makeImage(directory);
    await overlayOf(directory, image, { '/x': 'x' });
    const first = await readFile(join(directory, 'new.img'));
    vi.useFakeTimers({ now: 0, toFake: ['Date'] });
    await overlayOf(directory, image, { '/x': 'x' }).finally(() => vi.useRealTimers());
    expect(await readFile(join(directory, 'new.img'))).toEqual(first);
  });

  test.each([
    { why: 'a directory', path: '/usr/bin', code: 'OVERLAY_PLACE_TAKEN' },
    { why: 'a file as a directory', path: '/etc/release/x', code: 'OVERLAY_PLACE_TAKEN' },
    { why: 'a loop of links', path: '/loop/x', code: 'OVERLAY_PLACE_TAKEN' },
    { why: 'a name that is not ASCII', path: '/caf\u00e9', code: 'MEMBER_NAME_UNWRITABLE' },
    { why: 'a name with a line break', path: '/a\nb', code: 'MEMBER_NAME_UNWRITABLE' },
    { why: 'a relative path', path: 'x', code: 'ARGUMENT_INVALID' },
    { why: 'a path upwards', path: '/x/../../y', code: 'ARGUMENT_INVALID' },
    { why: 'no name', path: '/etc/', code: 'ARGUMENT_INVALID' },
    { why: 'a path of 10 kB', path: `/${'x/'.repeat(5000)}y`, code: 'ARGUMENT_INVALID' },
    { why: 'a name of 300 characters', path: `/${'x'.repeat(300)}`, code: 'OVERLAY_PLACE_TAKEN' },
  ])('cannot be put at $why', async ({ path, code }) => {
    const directory = await freshDirectory();
    const image = await makeImage(directory);
    const before = await readdir(directory);
    await expect(overlayOf(directory, image, { [path]: 'x' })).rejects.toEqual(codeOf(code));
    expect((await readdir(directory)).toSorted()).toEqual([...before, 'file-0'].toSorted());
  });

  test('cannot have two files in one place', async () => {
    const directory = await freshDirectory();
    const adding = overlayOf(directory, await makeImage(directory), { '/bin/x': '1', '/usr/bin/x': '2' });
    await expect(adding).rejects.toEqual(codeOf('OVERLAY_PLACE_TAKEN'));
  });

  test.each([
    { why: 'before', files: { '/new': 'file', '/new/x': 'in it' } },
    { why: 'behind', files: { '/new/x': 'in it', '/new': 'file' } },
  ])('cannot have a file $why what is to be in it', async ({ files }) => {
    const directory = await freshDirectory();
    const adding = overlayOf(directory, await makeImage(directory), files);
    await expect(adding).rejects.toEqual(codeOf('OVERLAY_PLACE_TAKEN'));
  });

  test('is not taken for one if a file changed meanwhile', async () => {
    const directory = await freshDirectory();
    const image = await makeImage(directory);
    const file = join(directory, 'x');
    await writeFile(file, 'one');
    const plan = await planOverlay(image, [{ file, path: '/x' }]);
    await writeFile(file, 'two');
    await expect(writeOverlay(plan, join(directory, 'new.img'))).rejects.toEqual(codeOf('OVERLAY_NOT_SEEN'));
    await writeFile(file, 'three');
    await expect(writeOverlay(plan, join(directory, 'new.img'))).rejects.toEqual(codeOf('MEMBER_UNREADABLE'));
    expect((await readdir(directory)).toSorted()).toEqual(['base.img', 'x']);
  });
});

async function decompress(directory: string, packed: Buffer, compression: Compression): Promise<Buffer> {
  if (compression === 'none') return packed;
  if (compression === 'gzip') return gunzipSync(packed);
  const file = join(directory, 'overlay.zst');
  // What aligns the end is no part of the frame.
  await writeFile(file, packed);
  const { stdout } = await run('sh', ['-c', 'zstd -dc --quiet "$1" 2>/dev/null || true', 'sh', file], {
    encoding: 'buffer',
  });
  return stdout;
}

describe('image overlay', () => {
  test('writes image, allowlist and checksums, and says what it did', async (context: TestContext) => {
    needsTool(context, 'sha256sum');
    const cwd = await freshDirectory();
    await makeImage(cwd);
    await writeFile(join(cwd, 'agent.conf'), '[agent]\n');
    await chmod(join(cwd, 'agent.conf'), 0o644);
    const args = ['image', 'overlay', 'base.img', '--add', '/etc/keylime/=agent.conf', '-o', 'new.img'];
    const { stdout, stderr, code } = await runCli(args, { cwd });
    expect({ stdout, code }).toEqual({ stdout: '', code: 0 });
    expect(stderr).toContain('/etc/keylime/agent.conf: agent.conf, 8 bytes');
    for (const sum of ['new.img.sha256', 'new.img.allowlist.txt.sha256']) {
      await run('sha256sum', ['-c', sum], { cwd });
    }
    const list = await readFile(join(cwd, 'new.img.allowlist.txt'), 'utf8');
    expect(list).toContain('  /etc/keylime/agent.conf\n');
    expect((await runCli(['extract', 'new.img'], { cwd })).stdout).toBe(list);
  });

  test('of a disk hints at no options that it does not have', async (context) => {
    needsTool(context, 'mke2fs', 'sfdisk');
    const cwd = await freshDirectory();
    const make = `mkdir root && mkdir root/etc && touch root/etc/os-release && mke2fs -q -t ext4 -d root part 4M &&
      truncate -s 12M disk && printf 'label: gpt\\n,4M\\n,4M\\n' | sfdisk -q disk &&
      dd if=part of=disk bs=1M seek=1 conv=notrunc && dd if=part of=disk bs=1M seek=5 conv=notrunc`;
    await promisify(execFile)('sh', ['-ec', make], { cwd });
    await writeFile(join(cwd, 'x'), 'x\n');
    const { stderr, code } = await runCli(['image', 'overlay', 'disk', '-a', '/x=x', '-o', 'new'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain('[ROOT_AMBIGUOUS]');
    expect(stderr).toContain('give the file that the boot loader hands to the kernel');
    expect(stderr).not.toContain('--partition');
  });

  test('gives its report as JSON, the allowlist where it is wanted', async () => {
    const cwd = await freshDirectory();
    await makeImage(cwd);
    await copyFile(join(cwd, 'base.img'), join(cwd, 'x'));
    const args = ['image', 'overlay', 'base.img', '-a', '/x=x', '-o', 'new.img', '--json', '-q'];
    const { stdout, stderr, code } = await runCli([...args, '--allowlist', 'list', '--compression', 'none'], {
      cwd,
    });
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    expect(JSON.parse(stdout)).toMatchObject({
      schemaVersion: 1,
      compression: 'none',
      added: [{ path: '/x' }],
    });
    expect(await readdir(cwd)).toEqual(expect.arrayContaining(['list', 'list.sha256', 'new.img']));
  });

  test.each([
    { why: 'no output', args: ['/x=x'], says: '--output' },
    { why: 'the image as output', args: ['/x=x', '-o', './base.img'], says: 'write over' },
    { why: 'no place', args: ['x', '-o', 'new.img'], says: 'where in the image' },
    {
      why: 'a directory that is not there',
      args: ['/x=base.img', '-o', 'no/new.img'],
      says: 'OUTPUT_UNWRITABLE',
    },
    { why: 'a file that is not there', args: ['/x=missing', '-o', 'new.img'], says: 'missing' },
    { why: 'a directory', args: ['/x=.', '-o', 'new.img'], says: 'no regular file' },
    { why: 'nothing', args: ['', '-o', 'new.img'], says: 'empty' },
  ])('refuses $why', async ({ args, says }) => {
    const cwd = await freshDirectory();
    await makeImage(cwd);
    const { stderr, code } = await runCli(['image', 'overlay', 'base.img', '--add', ...args], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain(says);
    expect(await readdir(cwd)).toEqual(['base.img']);
  });

  test.each([
    { why: 'a tree', image: '.', says: 'no initramfs' },
    { why: 'a unified kernel image', image: 'linux.efi', says: 'its signature covers its initramfs' },
    { why: 'a cut initramfs', image: 'cut', says: 'CPIO_TRUNCATED' },
    { why: 'standard input', image: '-', says: 'in a file' },
  ])('refuses $why', async ({ image, says }) => {
    const cwd = await freshDirectory();
    const whole = await readFile(join(SAMPLES, 'crc.img'));
    await writeFile(join(cwd, 'cut'), whole.subarray(0, 1200));
    const sections = [
      ['.linux', Buffer.from('kernel')],
      ['.initrd', whole],
    ] as const;
    await writeFile(join(cwd, 'linux.efi'), makeUki(sections));
    const args = ['image', 'overlay', image, '--add', '/x=cut', '-o', 'new.img'];
    const { stderr, code } = await runCli(args, { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain(says);
  });
});

describe('an overlay that is booted', () => {
  test('is unpacked by the kernel as it was planned', { timeout: 600_000 }, async (context) => {
    const machine = needsMachine(context);
    const directory = await freshDirectory();
    const base = join(directory, 'base.img');
    await packInitramfs(base, [{ compression: 'gzip', members: [...machine.members, ...tree] }]);
    const overlay = await overlayOf(
      directory,
      base,
      {
        '/etc/release': 'new\n',
        '/etc/keylime/agent.conf': '[agent]\n',
        '/bin/tool': '#!/bin/sh\n',
        '/var/run/keylime/x': 'run\n',
      },
      'zstd',
    );
    const listed = [...overlay.extraction.allowlist]
      .filter(({ path }) => !path.startsWith('/.oracle/'))
      .map(({ path, digest }) => `${digest}  ${path}`);
    const { files, links } = await bootInitramfs(machine, join(directory, 'new.img'));
    expect(files.toSorted()).toEqual(listed.toSorted());
    // The links of a merged /usr are links still.
    expect(links).toEqual(expect.arrayContaining(['/bin', '/var/run']));
  });
});
