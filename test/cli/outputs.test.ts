// Where a command writes: never over what it reads, and to streams as they are.

import { execFile } from 'node:child_process';
import { chmod, lstat, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { describe, expect, test } from 'vitest';

import { MAIN, runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import { ALLOWLIST, LINE } from '../support/hello.ts';

async function prepare(): Promise<string> {
  const directory = await freshDirectory();
  await writeFile(join(directory, 'list'), LINE);
  await writeFile(join(directory, 'allowlist'), ALLOWLIST);
  await writeFile(join(directory, 'excludes'), '^/tmp/\n');
  await symlink('list', join(directory, 'link'));
  await runCli(['policy', 'create', '-a', 'allowlist', '-o', 'policy'], { cwd: directory });
  await runCli(['policy', 'sign', 'policy', '-p', 'key', '-o', 'signed'], { cwd: directory });
  return directory;
}

describe('what is read is not written over', () => {
  test.each([
    { args: 'verify list --allowlist allowlist -o list', file: 'list' },
    { args: 'verify list --allowlist allowlist -o link', file: 'list' },
    { args: 'verify list --allowlist allowlist -o ./allowlist', file: 'allowlist' },
    { args: 'verify list --allowlist allowlist --report json=list', file: 'list' },
    { args: 'verify list --allowlist allowlist --report json=x --report html=x', file: 'list' },
    { args: 'log convert list --to binary -o list', file: 'list' },
    { args: 'extract list -o list', file: 'list' },
    { args: 'policy create -a allowlist -e excludes -o excludes', file: 'excludes' },
    { args: 'policy create -a allowlist -o x --provenance x', file: 'allowlist' },
    { args: 'policy sign policy -k key -o key', file: 'key' },
    { args: 'policy sign policy -k key -o x --public-key key', file: 'key' },
    { args: 'policy sign policy -p new -o new', file: 'policy' },
  ])('$args', async ({ args, file }) => {
    const cwd = await prepare();
    const before = await readFile(join(cwd, file));
    const { code, stderr } = await runCli(args.split(' '), { cwd });
    expect(code).toBe(2);
    expect(stderr).toMatch(/would write over what is read|write to one file/);
    expect(await readFile(join(cwd, file))).toEqual(before);
  });

  test('but a policy may be replaced by its next version', async () => {
    const cwd = await prepare();
    expect(await runCli(['policy', 'merge', 'policy', 'allowlist', '-o', 'policy'], { cwd })).toMatchObject({
      code: 0,
    });
    expect(await runCli(['policy', 'sign', 'policy', '-k', 'key', '-o', 'policy'], { cwd })).toMatchObject({
      code: 0,
    });
  });
});

test('a file for its owner alone stays so when it is replaced', async () => {
  const cwd = await prepare();
  const mode = async (name: string): Promise<number> => (await lstat(join(cwd, name))).mode & 0o777;
  const convert = ['policy', 'convert', 'policy', '--to', 'allowlist', '-o', 'new'];
  await runCli(convert, { cwd });
  expect([await mode('new'), await mode('new.sha256')]).toEqual([0o644, 0o644]);
  await chmod(join(cwd, 'new'), 0o600);
  await runCli(convert, { cwd });
  expect([await mode('new'), await mode('new.sha256')]).toEqual([0o600, 0o644]);
  await symlink('nowhere', join(cwd, 'dangling'));
  await runCli([...convert.slice(0, -1), 'dangling'], { cwd });
  expect(await mode('dangling')).toBe(0o644);
});

test('standard input is read once', async () => {
  const cwd = await prepare();
  const result = await runCli(['verify', '-', '-p', '-'], { cwd, input: LINE });
  expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining('standard input is given twice') });
});

describe('what is wrong with arguments is said in their words', () => {
  test.each([
    { args: 'extract', says: 'an argument is missing' },
    { args: 'extract list --all-owner', says: 'unknown option --all-owner' },
    { args: 'verify list --rules x', says: '--rules must be one of "strict", "keylime", not "x"' },
    { args: 'verify list --max-findings x', says: '--max-findings must be a whole number, not "x"' },
    { args: 'policy foo', says: 'unknown' },
  ])('$args', async ({ args, says }) => {
    const { code, stderr } = await runCli(args.split(' '), { cwd: await prepare() });
    expect(code).toBe(2);
    expect(stderr).toContain(`ima-assay: ${says}`);
  });
});

test('the summary of a signature is JSON if it is asked for', async () => {
  const cwd = await prepare();
  const args = ['policy', 'sign', 'policy', '-k', 'key', '--public-key', 'key.pub', '-o', 'other', '--json'];
  const { stdout, stderr, code } = await runCli(args, { cwd });
  expect({ stdout, code }).toEqual({ stdout: '', code: 0 });
  expect(JSON.parse(stderr)).toMatchObject({
    curve: 'P-256',
    keyFiles: ['key.pub'],
    written: [{ path: 'other' }, {}],
  });
});

test('the command of a build goes where it is told to', async () => {
  const cwd = await prepare();
  const printed = await runCli(['image', 'build', 'name', '--dry-run'], { cwd });
  const written = await runCli(['image', 'build', 'name', '--dry-run', '-o', 'command'], { cwd });
  expect(written).toMatchObject({ stdout: '', code: 0 });
  expect(await readFile(join(cwd, 'command'), 'utf8')).toBe(printed.stdout);
  expect(printed.stdout).toContain('disk-image-create');
});

describe('streams', () => {
  test('a link to an open pipe is written to, and stays', async () => {
    const cwd = await prepare();
    await symlink('/proc/self/fd/1', join(cwd, 'out'));
    const { stdout } = await promisify(execFile)(
      'sh',
      ['-c', '"$0" "$1" log convert list --to ascii -o out | cat', process.execPath, MAIN],
      { cwd },
    );
    expect(stdout).toBe(LINE);
    expect((await lstat(join(cwd, 'out'))).isSymbolicLink()).toBe(true);
  });

  test('nobody reads the notes: the exit code stays', async () => {
    const cwd = await prepare();
    const line = '{ "$0" "$1" verify list --allowlist allowlist -o report; echo $? >code; } 2>&1 | head -c 0';
    await promisify(execFile)('sh', ['-c', line, process.execPath, MAIN], { cwd });
    await expect.poll(async () => readFile(join(cwd, 'code'), 'utf8').catch(() => '')).toBe('0\n');
  });
});

describe('verify refuses what would check nothing', () => {
  test.each([
    ['--nonce', '00'],
    ['--nonce-text', 'x'],
    ['--ak', 'allowlist'],
    ['--pcr', `sha256:9=${'0'.repeat(64)}`],
  ])('%s', async (option, value) => {
    const cwd = await prepare();
    const result = await runCli(['verify', 'list', '--allowlist', 'allowlist', option, value], { cwd });
    expect(result).toMatchObject({ code: 2, stdout: '' });
  });
});
