// `ima-assay extract`, run as a user runs it: standard output, standard error, exit code and files apart.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat, mkdir, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { describe, expect, test } from 'vitest';

import { MAIN, runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import { needsTool } from '../support/tools.ts';

const SAMPLES = fileURLToPath(new URL('../../fixtures/initramfs/', import.meta.url));
const sample = (name: string): string => join(SAMPLES, name);

/** `sha256sum` of "a\n", "b\n" and of nothing, by coreutils 9.1. */
const OF_A = '87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7';
const OF_B = '0263829989b6fd954f72baaf2fc64bc2e2f01d692d4de72986ea808f6e99813f';
const OF_NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** Runs the program in a shell, for redirections. */
async function runInShell(command: string): Promise<{ readonly code: number; readonly stderr: string }> {
  const child = spawn('sh', ['-c', `exec "$0" "$1" ${command}`, process.execPath, MAIN], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const stderr: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  const [code] = await once(child, 'close');
  return { code, stderr: Buffer.concat(stderr).toString() };
}

/** A small root filesystem of the user who runs the tests. */
async function makeTree(): Promise<string> {
  const root = await freshDirectory();
  await mkdir(join(root, 'usr/bin'), { recursive: true });
  await mkdir(join(root, 'var/log'), { recursive: true });
  await mkdir(join(root, 'opt/cache'), { recursive: true });
  await writeFile(join(root, 'usr/bin/a'), 'a\n');
  await writeFile(join(root, 'usr/bin/with blank'), 'b\n');
  await writeFile(join(root, 'var/log/b'), 'b\n');
  await writeFile(join(root, 'opt/cache/b'), 'b\n');
  await symlink('usr/bin', join(root, 'bin'));
  return root;
}

describe('the plain form', () => {
  test('writes an allowlist and a checksum that sha256sum accepts', async (context) => {
    needsTool(context, 'sha256sum');
    const cwd = await freshDirectory();
    const { stdout, stderr, code } = await runCli(
      ['extract', sample('newc+newc.img'), '-o', 'allowlist.txt'],
      { cwd },
    );
    expect({ stdout, code }).toEqual({ stdout: '', code: 0 });
    expect(stderr).toContain('wrote allowlist.txt');
    expect(await readFile(join(cwd, 'allowlist.txt'))).toEqual(
      await readFile(`${sample('newc+newc.img')}.sha256`),
    );
    const checked = await promisify(execFile)('sha256sum', ['-c', 'allowlist.txt.sha256'], { cwd });
    expect(checked.stdout).toBe('allowlist.txt: OK\n');
    expect((await readdir(cwd)).toSorted()).toEqual(['allowlist.txt', 'allowlist.txt.sha256']);
  });

  test('writes to standard output without -o, and with -o -', async () => {
    const expected = await readFile(`${sample('gzip.img')}.sha256`, 'utf8');
    for (const output of [[], ['-o', '-']]) {
      expect(await runCli(['extract', sample('gzip.img'), ...output])).toMatchObject({
        stdout: expected,
        code: 0,
      });
    }
  });

  test('says nothing on standard error with --quiet', async () => {
    expect(await runCli(['extract', sample('gzip.img'), '--quiet'])).toMatchObject({ stderr: '', code: 0 });
  });

  test('gives the same bytes whatever the number of threads', async () => {
    const runs = ['1', '2', '7'].map((threads) =>
      runCli(['extract', sample('early+zstd+zstd.img'), '--threads', threads]),
    );
    const [first, ...others] = await Promise.all(runs);
    for (const other of others) expect(other.stdout).toBe(first?.stdout);
  });

  test('ends quietly when its reader has seen enough', async () => {
    const root = await freshDirectory();
    // More than a pipe holds, so that it has to write to nobody.
    const names = Array.from({ length: 4_000 }, (_, index) => `${'n'.repeat(200)}${index}`);
    for (const name of names) await writeFile(join(root, name), '');
    const child = spawn(process.execPath, [MAIN, 'extract', root, '--all-owners', '-q'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const stderr: Buffer[] = [];
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.stdout.once('data', () => child.stdout.destroy());
    const [code] = await once(child, 'close');
    expect({ code, stderr: Buffer.concat(stderr).toString() }).toEqual({ code: 0, stderr: '' });
  });

  test('says so when standard output is full', async () => {
    const { code, stderr } = await runInShell(`extract ${sample('gzip.img')} > /dev/full`);
    expect(code).toBe(2);
    expect(stderr).toContain('[OUTPUT_UNWRITABLE]');
  });
});

describe('sources', () => {
  test('are merged: a path then has each digest it has in one of them', async () => {
    const root = await makeTree();
    await mkdir(join(root, 'etc'));
    await writeFile(join(root, 'etc/release'), 'a\n');
    const { stdout, code } = await runCli(['extract', '--all-owners', root, sample('newc.img')]);
    const digests = stdout.split('\n').filter((line) => line.endsWith('  /etc/release'));
    expect({ code, count: digests.length }).toEqual({ code: 0, count: 2 });
    expect(digests).toContain(`${OF_A}  /etc/release`);
  });

  test('may be a glob', async () => {
    const { stdout, code } = await runCli(['extract', `${SAMPLES}{gzip,zstd}.im?`, '--json', '-q']);
    const { sources } = JSON.parse(stdout);
    expect(code).toBe(0);
    expect(sources.map(({ name }: { name: string }) => name)).toEqual([
      sample('gzip.img'),
      sample('zstd.img'),
    ]);
  });

  test('may have a name that begins with a dash, behind --', async () => {
    const cwd = await freshDirectory();
    await writeFile(join(cwd, '-odd.img'), await readFile(sample('gzip.img')));
    expect(await runCli(['extract', '--', '-odd.img'], { cwd })).toMatchObject({ code: 0 });
  });

  test.each([
    { why: 'no such file', args: ['/no/such/image'], code: 'SOURCE_NOT_FOUND' },
    { why: 'a glob without matches', args: ['/no/such/*.img'], code: 'SOURCE_NOT_FOUND' },
    { why: 'an unknown format', args: [fileURLToPath(import.meta.url)], code: 'FORMAT_UNKNOWN' },
    { why: 'an empty file', args: ['/dev/null'], code: 'IMAGE_UNREADABLE' },
    { why: 'none at all', args: [], code: 'ARGUMENT_INVALID' },
  ])('$why is exit code 2', async ({ args, code: expected }) => {
    const { stdout, stderr, code } = await runCli(['extract', ...args]);
    expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
    expect(stderr).toMatch(/^ima-assay: .+\n {2}hint: .+\n {2}\[/);
    expect(stderr).toContain(`[${expected}]`);
  });
});

describe('a root filesystem', () => {
  test("is taken as Keylime's generator takes it, and what is left out is counted", async () => {
    const root = await makeTree();
    const { stdout, stderr, code } = await runCli(['extract', root, '--all-owners']);
    expect(code).toBe(0);
    expect(stdout).toBe(`${OF_B}  /opt/cache/b\n${OF_A}  /usr/bin/a\n${OF_B}  /usr/bin/with_blank\n`);
    expect(stderr).toContain('3 files');
    expect(stderr).toContain('skipped: 1 path, 1 symlink');
  });

  test('is whole with --no-default-skips, and without a path with --skip', async () => {
    const root = await makeTree();
    const options = ['--all-owners', '--no-default-skips', '--skip', '/opt/cache', '--one-file-system'];
    const { stdout } = await runCli(['extract', root, ...options]);
    expect(stdout).toBe(`${OF_A}  /usr/bin/a\n${OF_B}  /usr/bin/with_blank\n${OF_B}  /var/log/b\n`);
  });

  test('of another owner is an error that names --all-owners', async () => {
    const root = await makeTree();
    // The user who runs the tests is another owner, unless it is root.
    if (process.getuid?.() === 0) await promisify(execFile)('chown', ['-R', '12345', root]);
    const { stdout, stderr, code } = await runCli(['extract', root]);
    expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
    expect(stderr).toContain('[NOTHING_LISTED]');
    expect(stderr).toContain('--all-owners');
  });

  test('that is too deep is an error; with --keep-going listed, and exit code 2 all the same', async () => {
    const root = await makeTree();
    await mkdir(join(root, 'deep/er/est'), { recursive: true });
    await writeFile(join(root, 'deep/er/est/b'), 'b\n');
    const options = ['--all-owners', '--limit', 'max-depth=2'];
    const stopped = await runCli(['extract', root, ...options]);
    expect(stopped).toMatchObject({ code: 2, stdout: '' });
    expect(stopped.stderr).toContain('[TOO_DEEP]');
    const went = await runCli(['extract', root, ...options, '--keep-going']);
    expect(went.code).toBe(2);
    expect(went.stdout).toContain('/usr/bin/a\n');
    expect(went.stderr).toContain('omitted: /deep/er/est lies deeper than 2 directories');
  });
});

describe('formats', () => {
  test('a runtime policy has the excludes, and a timestamp that SOURCE_DATE_EPOCH sets', async () => {
    const cwd = await freshDirectory();
    await writeFile(join(cwd, 'excludes.txt'), '# comment\n/tmp/.*\n\n  /var/log(/.*)?  \r\n');
    const args = ['extract', sample('gzip.img'), '-f', 'runtime-policy', '-e', 'excludes.txt'];
    const { stdout, code } = await runCli(args, { cwd, env: { SOURCE_DATE_EPOCH: '1700000000' } });
    expect(code).toBe(0);
    const policy = JSON.parse(stdout);
    expect(policy).toMatchObject({
      meta: { version: 1, generator: 3, timestamp: '2023-11-14 22:13:20.000000' },
      release: 0,
      excludes: ['/tmp/.*', '/var/log(/.*)?'],
      keyrings: {},
      ima: { ignored_keyrings: [], log_hash_alg: 'sha1', dm_policy: null },
      'ima-buf': {},
      'verification-keys': '',
    });
    expect(policy.digests['/etc/empty']).toEqual([OF_NOTHING]);
  });

  test('JSON says where each digest is from and what the image is made of', async () => {
    const { stdout, code } = await runCli(['extract', sample('early+zstd+zstd.img'), '--json']);
    expect(code).toBe(0);
    const { schemaVersion, sources, files } = JSON.parse(stdout);
    expect(schemaVersion).toBe(1);
    expect(sources).toMatchObject([{ layer: { kind: 'initramfs', facts: { segments: 3 } } }]);
    expect(files.length).toBeGreaterThan(0);
  });

  test('mtree is understood by bsdtar, with the same digests', async (context) => {
    needsTool(context, 'bsdtar');
    const cwd = await freshDirectory();
    await runCli(['extract', sample('gzip.img'), '--format', 'mtree', '-o', 'list.mtree'], { cwd });
    const bsdtar = async (...args: readonly string[]): Promise<string> =>
      (await promisify(execFile)('bsdtar', args, { cwd })).stdout;
    // What it makes of the image itself, and which files it finds in our list.
    const theirs = await bsdtar(
      '-cf',
      '-',
      '--format=mtree',
      '--options=!all,sha256',
      `@${sample('gzip.img')}`,
    );
    const rows = (mtree: string): readonly string[] =>
      [...mtree.matchAll(/^\.(\S+) .*sha256digest=([0-9a-f]{64})/gm)]
        .map(([, path, digest]) => `${path} ${digest}`)
        .toSorted();
    expect(rows(await readFile(join(cwd, 'list.mtree'), 'utf8'))).toEqual(rows(theirs));
    expect((await bsdtar('-tf', 'list.mtree')).trimEnd().split('\n')).toHaveLength(rows(theirs).length);
  });

  test('several algorithms give several digests a path, each as openssl computes it', async (context) => {
    needsTool(context, 'openssl');
    const root = await makeTree();
    const algorithms = ['sha1', 'sha384', 'sm3', 'sha3-256'];
    const { stdout } = await runCli([
      'extract',
      root,
      '--all-owners',
      ...algorithms.flatMap((name) => ['-a', name]),
    ]);
    const ours = stdout.split('\n').filter((line) => line.endsWith('  /usr/bin/a'));
    const theirs = await Promise.all(
      algorithms.map(async (name) => {
        const args = ['dgst', `-${name}`, '-r', join(root, 'usr/bin/a')];
        const { stdout: line } = await promisify(execFile)('openssl', args);
        return `${line.split(' ')[0] ?? ''}  /usr/bin/a`;
      }),
    );
    expect(ours.toSorted()).toEqual(theirs.toSorted());
  });
});

describe('wrong usage is exit code 2, says what and how, and writes nothing', () => {
  test('an exclude list may come from standard input', async () => {
    const args = ['extract', sample('gzip.img'), '-f', 'runtime-policy', '-e', '-'];
    const { stdout, code } = await runCli(args, { input: '/tmp/.*\n' });
    expect({ code, excludes: JSON.parse(stdout).excludes }).toEqual({ code: 0, excludes: ['/tmp/.*'] });
  });

  test.each(['^', '(.*)', '/.+', '.*'])(
    'the pattern %s, which excludes everything, is refused',
    async (input) => {
      const args = ['extract', sample('gzip.img'), '-f', 'runtime-policy', '-e', '-'];
      const { stderr, code } = await runCli(args, { input });
      expect(code).toBe(2);
      expect(stderr).toContain('[EXCLUDES_EVERYTHING]');
    },
  );

  test.each([
    { args: ['--format', 'xml'], says: 'format' },
    { args: ['--json', '--format', 'mtree'], says: 'exclude each other' },
    { args: ['-e', 'x'], says: '--exclude-list has no place in an allowlist' },
    { args: ['-a', 'sha257'], says: 'sha257' },
    { args: ['--limit', 'max-depth'], says: 'max-depth' },
    { args: ['--limit', 'max-height=3'], says: 'max-height' },
    { args: ['--limit', 'max-files=-1'], says: 'max-files' },
    { args: ['--threads', 'many'], says: 'many' },
    { args: ['--skip', 'var'], says: 'absolute' },
    { args: ['-o', 'a', '-o', 'b'], says: '--output is given 2 times' },
    { args: ['--limit', 'max-files=5=6'], says: '5=6' },
    { args: ['--threads', '0'], says: 'threads' },
    { args: ['--threads', '5000'], says: 'threads' },
    { args: ['--skip', '/opt/../opt'], says: '/opt/../opt' },
    { args: ['-f', 'runtime-policy', '-e', 'no-such-list'], says: 'INPUT_UNREADABLE' },
    { args: ['-o', '.'], says: 'it is a directory' },
    { args: ['-o', 'no/such/directory/list'], says: 'no/such/directory/list' },
    { args: ['--output'], says: 'output' },
    { args: ['--colour'], says: 'colour' },
  ])('$args', async ({ args, says }) => {
    const cwd = await freshDirectory();
    const { stdout, stderr, code } = await runCli(['extract', sample('gzip.img'), ...args], { cwd });
    expect({ stdout, code, files: await readdir(cwd) }).toEqual({ stdout: '', code: 2, files: [] });
    expect(stderr).toContain(says);
  });
});

describe('a result is whole or not there', () => {
  test('a checksum that cannot be written leaves no list', async () => {
    const cwd = await freshDirectory();
    await mkdir(join(cwd, 'list.sha256'));
    expect(await runCli(['extract', sample('gzip.img'), '-o', 'list'], { cwd })).toMatchObject({ code: 2 });
    expect(await readdir(cwd)).toEqual(['list.sha256']);
  });

  test('a symbolic link stays one, and a FIFO is written through', async (context) => {
    needsTool(context, 'mkfifo');
    const cwd = await freshDirectory();
    await writeFile(join(cwd, 'real'), 'old\n');
    await symlink('real', join(cwd, 'link'));
    expect(await runCli(['extract', sample('gzip.img'), '-o', 'link'], { cwd })).toMatchObject({ code: 0 });
    const expected = await readFile(`${sample('gzip.img')}.sha256`, 'utf8');
    expect(await readFile(join(cwd, 'real'), 'utf8')).toBe(expected);
    expect((await lstat(join(cwd, 'link'))).isSymbolicLink()).toBe(true);
    await promisify(execFile)('mkfifo', [join(cwd, 'fifo')]);
    const [written, read] = await Promise.all([
      runCli(['extract', sample('gzip.img'), '-o', 'fifo'], { cwd }),
      readFile(join(cwd, 'fifo'), 'utf8'),
    ]);
    expect({ code: written.code, read }).toEqual({ code: 0, read: expected });
  });

  test('a name that a reader could take for two lines is refused', async () => {
    const root = await freshDirectory();
    await writeFile(join(root, `a\r${OF_A}\t`), '');
    const { stdout, stderr, code } = await runCli(['extract', root, '--all-owners']);
    expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
    expect(stderr).toContain('[PATH_UNLISTABLE]');
  });

  test('a cut image leaves the old file as it was, and no other', async () => {
    const cwd = await freshDirectory();
    const image = join(cwd, 'cut.img');
    await writeFile(image, await readFile(sample('zstd.img')));
    await truncate(image, 300);
    await writeFile(join(cwd, 'list'), 'old\n');
    const { stderr, code } = await runCli(['extract', image, '-o', 'list'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain('[SEGMENT_TRUNCATED]');
    expect(stderr).toMatch(/\(at byte \d+\)/);
    expect(await readFile(join(cwd, 'list'), 'utf8')).toBe('old\n');
    expect((await readdir(cwd)).toSorted()).toEqual(['cut.img', 'list']);
  });

  test('what runs before switch_root is listed where it is then, of root filesystems alone', async () => {
    const cwd = await freshDirectory();
    const root = await makeTree();
    const args = ['extract', root, sample('gzip.img'), '--all-owners', '--no-default-skips'];
    const usual = await runCli(args, { cwd });
    const before = await runCli(['extract', root, '--all-owners', '--no-default-skips'], { cwd });
    const lines = (text: string): string[] => text.split('\n').filter(Boolean);
    const moved = ['/sysroot', '/root'].flatMap((place) =>
      lines(before.stdout).map((line) => line.replace('  /', `  ${place}/`)),
    );
    const both = await runCli([...args, '--sysroot', '/sysroot', '--sysroot', '/root/'], { cwd });
    expect(both.code).toBe(0);
    expect(lines(both.stdout).toSorted()).toEqual([...lines(usual.stdout), ...moved].toSorted());
    expect(await runCli([...args, '--sysroot', 'sysroot'], { cwd })).toMatchObject({ code: 2, stdout: '' });
  });

  test('the image below another one is read from elsewhere only where it is allowed', async (context) => {
    needsTool(context, 'mke2fs', 'qemu-img');
    const cwd = await freshDirectory();
    const root = join(cwd, 'root');
    await mkdir(join(root, 'etc'), { recursive: true });
    await mkdir(join(cwd, 'elsewhere'));
    await writeFile(join(root, 'etc/os-release'), 'a\n');
    const run = promisify(execFile);
    const below = join(cwd, 'elsewhere/below');
    await run('mke2fs', ['-q', '-t', 'ext4', '-E', 'root_owner=0:0', '-d', root, below, '4M']);
    const create = ['create', '-q', '-f', 'qcow2', '-F', 'raw'];
    await mkdir(join(cwd, 'images'));
    await run('qemu-img', [...create, '-b', below, join(cwd, 'images/above')]);
    const refused = await runCli(['extract', 'images/above', '--all-owners'], { cwd });
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('[DISK_OTHER_FILE]');
    expect(refused.stderr).toContain('--allow-backing');
    const allowed = ['extract', 'images/above', '--all-owners', '--allow-backing', 'elsewhere'];
    expect(await runCli(allowed, { cwd })).toMatchObject({ code: 0, stdout: `${OF_A}  /etc/os-release\n` });
    const nowhere = await runCli(['extract', 'images/above', '--allow-backing', 'nowhere'], { cwd });
    expect(nowhere).toMatchObject({ code: 2, stdout: '' });
    expect(nowhere.stderr).toContain('backing files cannot lie below "nowhere": it is no directory');
    expect(nowhere.stderr).not.toContain('name the directory');
  });

  test('an interrupt while standard input is silent ends with 130, and nothing is written', async () => {
    const cwd = await freshDirectory();
    const child = spawn(process.execPath, [MAIN, 'extract', '-', '-o', 'list'], { cwd });
    const stderr: Buffer[] = [];
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.stdin.write('07070');
    // The program listens for signals before it does anything else; give it the time to get there.
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    child.kill('SIGINT');
    const [code] = await once(child, 'close');
    child.stdin.destroy();
    expect({ code, files: await readdir(cwd) }).toEqual({ code: 130, files: [] });
    expect(Buffer.concat(stderr).toString()).toContain('interrupted');
  });
});
