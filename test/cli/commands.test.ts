// The other commands and what all of them share: help, version, unknown words.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { describe, expect, test } from 'vitest';

import { MAIN, runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';

const SAMPLES = fileURLToPath(new URL('../../fixtures/initramfs/', import.meta.url));
const manifest = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));

describe('inspect', () => {
  test('shows segments, compressions and counts', async () => {
    const { stdout, code } = await runCli(['inspect', join(SAMPLES, 'early+zstd+zstd.img')]);
    expect(code).toBe(0);
    expect(stdout.replaceAll(SAMPLES, '')).toMatchSnapshot();
  });

  test('gives the same as JSON, into a file with -o', async () => {
    const cwd = await freshDirectory();
    const image = join(SAMPLES, 'lz4-legacy+zstd.img');
    const { stdout, code } = await runCli(['inspect', image, '--json', '-o', 'image.json', '-q'], { cwd });
    expect({ stdout, code }).toEqual({ stdout: '', code: 0 });
    const report = JSON.parse(await readFile(join(cwd, 'image.json'), 'utf8'));
    expect(report).toMatchObject({
      schemaVersion: 1,
      sources: [{ name: image, layer: { kind: 'initramfs', facts: { segments: 2 } } }],
    });
    const segments: readonly { facts: { compression: string } }[] = report.sources[0].layer.layers;
    expect(segments.map(({ facts }) => facts.compression)).toEqual(['lz4', 'zstd']);
  });

  test('takes standard input', async () => {
    const input = await readFile(join(SAMPLES, 'gzip.img'));
    expect(await runCli(['inspect', '-'], { input })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('gzip, unpacks to'),
    });
  });

  test('of a cut image is an error', async () => {
    const whole = await readFile(join(SAMPLES, 'gzip.img'));
    const { stdout, code } = await runCli(['inspect', '-'], { input: whole.subarray(0, 200) });
    expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
  });
});

describe('doctor', () => {
  test('says what is there', async () => {
    const { stdout, code } = await runCli(['doctor']);
    expect(code).toBe(0);
    expect(stdout).toContain('native core');
    expect(stdout).toContain(process.versions.node);
  });

  test('gives the same as JSON, to a file with -o', async () => {
    const cwd = await freshDirectory();
    expect(await runCli(['doctor', '--json', '-o', 'doctor.json'], { cwd })).toMatchObject({ code: 0 });
    const { schemaVersion, checks } = JSON.parse(await readFile(join(cwd, 'doctor.json'), 'utf8'));
    expect(schemaVersion).toBe(1);
    expect(checks.filter(({ status }: { status: string }) => !['ok', 'absent'].includes(status))).toEqual([]);
  });

  test('says nothing with --quiet where all is well', async () => {
    expect(await runCli(['doctor', '--quiet'])).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });
});

describe('help', () => {
  const commands = [
    '',
    'extract',
    'inspect',
    'verify',
    'log',
    'log show',
    'log convert',
    'log replay',
    'log stats',
    'policy',
    'policy create',
    'policy merge',
    'policy diff',
    'policy convert',
    'policy lint',
    'policy explain',
    'policy update',
    'policy sign',
    'policy check',
    'image',
    'image build',
    'image compare',
    'image overlay',
    'server',
    'server configure',
    'server certs',
    'tenant',
    'tenant add',
    'tenant status',
    'tenant wait',
    'tenant list',
    'tenant delete',
    'image upload',
    'node',
    'node deploy',
    'node attach',
    'node detach',
    'node undeploy',
    'node show',
    'attest',
    'attest plan',
    'attest apply',
    'attest status',
    'attest destroy',
    'doctor',
  ];

  test.each(commands)('of "%s" is complete and does nothing', async (command) => {
    const cwd = await freshDirectory();
    const { stdout, stderr, code } = await runCli([...command.split(' ').filter(Boolean), '--help'], { cwd });
    expect({ stderr, code, files: await readdir(cwd) }).toEqual({ stderr: '', code: 0, files: [] });
    expect(stdout).toMatchSnapshot();
  });
});

describe('version', () => {
  test.each(['--version', '-V'])('%s names the program, its core and Node', async (option) => {
    const { stdout, code } = await runCli([option]);
    expect(code).toBe(0);
    const [first, second] = stdout.split('\n');
    expect(first).toBe(`ima-assay ${manifest.version}`);
    expect(second).toContain(`native core ${manifest.version}`);
    expect(second).toContain(process.versions.node);
  });
});

describe('wrong usage', () => {
  test.each([
    { args: [], says: 'a command is missing' },
    { args: ['extrakt', 'x'], says: 'extract' },
    { args: ['inspect', 'x', '--such-option'], says: 'unknown option --such-option' },
  ])('$args is exit code 2 with a hint, not the whole help', async ({ args, says }) => {
    const { stdout, stderr, code } = await runCli(args);
    expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
    expect(stderr).toContain(says);
    expect(stderr.split('\n').length).toBeLessThan(6);
  });

  test('shows a stack only with IMA_ASSAY_DEBUG=1', async () => {
    const args = ['extract', '/no/such/image'];
    expect((await runCli(args)).stderr).not.toContain('    at ');
    expect((await runCli(args, { env: { IMA_ASSAY_DEBUG: '1' } })).stderr).toContain('    at ');
  });
});

test('without its core the program says how to get it, and doctor shows it', async () => {
  const cwd = await freshDirectory();
  for (const part of ['dist', 'package.json'])
    await cp(new URL(`../../${part}`, import.meta.url), join(cwd, part), { recursive: true });
  await symlink(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(cwd, 'node_modules'));
  const natives = (await readdir(join(cwd, 'dist/native'))).filter((name) => name.endsWith('.node'));
  for (const name of natives) await rm(join(cwd, 'dist/native', name));
  const run = (...args: readonly string[]) =>
    promisify(execFile)(process.execPath, [join(cwd, 'dist/cli/main.js'), ...args]).catch(
      (error: unknown) => error,
    );
  expect(await run('--version')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('[NATIVE_BINDING_MISSING]'),
  });
  expect(await run('doctor')).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('missing  native core'),
  });
});

test('an interrupt of long work ends with 130', async () => {
  const child = spawn(process.execPath, [MAIN, 'extract', '-'], {
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  child.stderr.resume();
  setTimeout(() => child.kill('SIGTERM'), 1_000);
  const [code] = await once(child, 'close');
  expect(code).toBe(130);
});
