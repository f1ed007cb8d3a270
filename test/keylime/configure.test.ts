// Settings of a Keylime server, read back by Keylime's own code and by Python's parser of such files.

import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import { needsKeylime } from '../support/keylime.ts';

/** Asks Keylime for an option, with its directories of settings below another one. */
const ASK_KEYLIME = `
import sys
from keylime import config
root, part, option = sys.argv[1:]
config.CONFIG_FILES[part] = [f"{root}/{part}.conf"]
config.CONFIG_SNIPPETS_DIRS[part] = [f"{root}/{part}.conf.d"]
print(config.get(part, option))
`;

const ASK_PARSER = `
import configparser, json, sys
parser = configparser.RawConfigParser()
parser.read(sys.argv[1])
print(json.dumps({s: dict(parser.items(s)) for s in parser.sections()}))
`;

const configure = (...args: readonly string[]) => runCli(['server', 'configure', ...args]);

describe('server configure', () => {
  test('prints what Keylime reads, and how to start it', async () => {
    const { stdout, stderr, code } = await configure('--listen', '192.0.2.10', '--require-ek-cert', 'no');
    expect(code).toBe(0);
    expect(stdout).toMatchSnapshot();
    expect(stderr).toMatchSnapshot();
  });

  test.for([
    { part: 'verifier', option: 'ip', is: '192.0.2.10' },
    { part: 'registrar', option: 'ip', is: '192.0.2.10' },
    { part: 'tenant', option: 'require_ek_cert', is: 'False' },
    { part: 'verifier', option: 'port', is: '8881' },
  ])('Keylime finds $option of the $part as it should be', async ({ part, option, is }, context) => {
    const python = join(needsKeylime(context), 'bin/python');
    const root = await freshDirectory();
    await writeFile(
      join(root, `${part}.conf`),
      `[${part}]\nversion = 2.4\nip = 127.0.0.1\nport = 8881\nrequire_ek_cert = True\n`,
    );
    await configure('--listen', '192.0.2.9', '-o', root);
    // Of what stood there a copy is kept, which Keylime must not read.
    await configure('--listen', '192.0.2.10', '--require-ek-cert', 'no', '-o', root);
    const args = ['-W', 'ignore', '-c', ASK_KEYLIME, root, part, option];
    const answer = execFileSync(python, args, { stdio: ['ignore', 'pipe', 'ignore'], encoding: 'utf8' });
    expect(answer.trim().split('\n').at(-1)).toBe(is);
  });

  test('shows the difference, keeps a copy, and has nothing to do the second time', async () => {
    const root = await freshDirectory();
    const first = await configure('--listen', '192.0.2.10', '-o', root);
    expect(first.stderr).toContain(`wrote ${root}/verifier.conf.d/90-ima-assay.conf`);
    const second = await configure('--listen', '192.0.2.11', '-o', root, '--only', 'verifier');
    expect(second.stdout).toContain('-ip = 192.0.2.10\n+ip = 192.0.2.11\n');
    const [backup = ''] = (await readdir(root)).filter((name) => name.startsWith('ima-assay-backup-'));
    expect(await readFile(join(root, backup, 'verifier.conf.d/90-ima-assay.conf'), 'utf8')).toContain(
      '192.0.2.10',
    );
    expect(await readdir(join(root, 'verifier.conf.d'))).toEqual(['90-ima-assay.conf']);
    const third = await configure('--listen', '192.0.2.11', '-o', root, '--only', 'verifier', '-q');
    expect(third).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const fourth = await configure('--listen', '192.0.2.11', '-o', root, '--only', 'verifier');
    expect(fourth).toMatchObject({ code: 0, stdout: '' });
    expect(fourth.stderr).toContain(`unchanged ${root}/verifier.conf.d/90-ima-assay.conf\n`);
  });

  test('warns of a snippet that is read later and says otherwise', async () => {
    const root = await freshDirectory();
    await mkdir(join(root, 'verifier.conf.d'));
    const write = (name: string, text: string): Promise<void> =>
      writeFile(join(root, 'verifier.conf.d', name), text);
    await write('10-early.conf', '[verifier]\nip = 192.0.2.1\n');
    await write('99-late.conf', '# ip = 192.0.2.2\n[other]\nip = 192.0.2.3\n[verifier]\nport = 1\n');
    const args = ['--listen', '192.0.2.10', '-o', root, '--only', 'verifier', '-q'];
    expect(await configure(...args)).toMatchObject({ code: 0, stderr: '' });
    await write('99-late.conf', '[verifier]\nIP: 192.0.2.4\n');
    const { stderr } = await configure(...args);
    expect(stderr).toBe(
      `ima-assay: warning: ${root}/verifier.conf.d/99-late.conf is read after 90-ima-assay.conf and sets ip of [verifier] as well: what it says counts\n`,
    );
  });

  test('with --dry-run only compares: exit code 1 where something differs', async () => {
    const root = await freshDirectory();
    const args = ['--listen', '192.0.2.10', '-o', root];
    expect(await configure(...args, '--dry-run')).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('+ip = 192.0.2.10'),
    });
    expect(await readdir(root)).toEqual([]);
    await configure(...args);
    expect(await configure(...args, '--dry-run')).toMatchObject({ code: 0, stdout: '' });
  });

  test('never listens on all networks unasked, and warns when asked', async () => {
    const missing = await configure();
    expect(missing).toMatchObject({ code: 2, stdout: '' });
    expect(missing.stderr).toContain('the address at which the verifier listens is missing');
    const any = await configure('--listen', 'any');
    expect(any.stdout).toContain('[registrar]\nip = 0.0.0.0\n');
    expect(any.stderr).toContain('warning: the registrar takes registrations from anybody');
  });

  test.each(['keylime.example', '--help', '192.0.2.10\nport = 1', '; rm', 'x'.repeat(10_000)])(
    'refuses %j as an address',
    async (address) => {
      const { stdout, stderr, code } = await configure(`--listen=${address}`);
      expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
      expect(stderr).toContain('is no IP address');
      expect(stderr.length).toBeLessThan(500);
    },
  );

  test('gives all as JSON', async () => {
    const { stdout, code } = await configure('--only', 'tenant', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      schemaVersion: 1,
      directory: null,
      files: [{ path: 'tenant.conf.d/90-ima-assay.conf', text: expect.stringContaining('= True') }],
      warnings: [],
      start: [],
      written: [],
    });
  });

  test('starts the verifier before the registrar, and waits for the CA between them', async () => {
    const { stdout } = await configure('--listen', '192.0.2.10', '--json', '--start', 'plain');
    const lines: readonly { command: string }[] = JSON.parse(stdout).start;
    expect(lines.map(({ command }) => command)).toEqual([
      expect.stringContaining('keylime_verifier'),
      expect.stringContaining('cv_ca'),
      expect.stringContaining('keylime_registrar'),
    ]);
  });
});

describe('server configure up to Keylime 6.4', () => {
  const OLD = [
    '# The one file',
    '[general]',
    'ip = 10.0.0.1',
    '[cloud_verifier]',
    'cloudverifier_ip = 127.0.0.1',
    'cloudverifier_port = 8881',
    '',
    '[registrar]',
    '# registrar_ip = 10.9.9.9',
    'Registrar_IP: 127.0.0.1',
    '  and more of it',
    '# a comment',
    '[tenant]',
    'max_retries = 10',
    '',
  ];

  test.each([
    { name: 'line feeds', ending: '\n' },
    { name: 'carriage returns', ending: '\r\n' },
  ])('changes three options of its file and nothing else, with $name', async ({ ending }) => {
    const root = await freshDirectory();
    const file = join(root, 'keylime.conf');
    await writeFile(file, OLD.join(ending));
    await chmod(file, 0o640);
    const before = JSON.parse(execFileSync('python3', ['-c', ASK_PARSER, file], { encoding: 'utf8' }));
    await configure(
      '--keylime-version',
      '6.4',
      '--listen',
      '192.0.2.10',
      '-o',
      root,
      '--require-ek-cert',
      'no',
    );
    const after = JSON.parse(execFileSync('python3', ['-c', ASK_PARSER, file], { encoding: 'utf8' }));
    expect(after).toEqual({
      general: before.general,
      cloud_verifier: { ...before.cloud_verifier, cloudverifier_ip: '192.0.2.10' },
      registrar: { registrar_ip: '192.0.2.10' },
      tenant: { max_retries: '10', require_ek_cert: 'False' },
    });
    expect(await readFile(file, 'utf8')).toContain('# registrar_ip = 10.9.9.9');
    expect((await stat(file)).mode & 0o777).toBe(0o640);
  });

  test('refuses a file in which an option stands twice', async () => {
    const root = await freshDirectory();
    await writeFile(
      join(root, 'keylime.conf'),
      '[tenant]\nrequire_ek_cert = True\nrequire_ek_cert = False\n',
    );
    const { stderr, code } = await configure('--keylime-version', '6.3', '--only', 'tenant', '-o', root);
    expect(code).toBe(2);
    expect(stderr).toContain('keylime.conf:3: require_ek_cert stands more than once');
  });

  test.each([
    { version: '6.4.3', files: ['keylime.conf'] },
    { version: '6.5', files: ['tenant.conf.d'] },
    { version: 'v7.14.3', files: ['tenant.conf.d'] },
  ])('$version has $files', async ({ version, files }) => {
    const root = await freshDirectory();
    await configure('--keylime-version', version, '--only', 'tenant', '-o', root);
    expect(await readdir(root)).toEqual(files);
  });

  test.each(['seven', '7', '7.x', '$(id)'])('%s is no version', async (version) => {
    const { code, stderr } = await configure('--keylime-version', version, '--only', 'tenant');
    expect(code).toBe(2);
    expect(stderr).toContain('is no version of Keylime');
  });
});

test('settings that lead elsewhere by a link are written there', async () => {
  const root = await freshDirectory();
  await mkdir(join(root, 'real'));
  await mkdir(join(root, 'tenant.conf.d'));
  await writeFile(join(root, 'real/file'), 'old\n');
  await symlink('../real/file', join(root, 'tenant.conf.d/90-ima-assay.conf'));
  expect(await configure('--only', 'tenant', '-o', root)).toMatchObject({ code: 0 });
  expect(await readFile(join(root, 'real/file'), 'utf8')).toContain('require_ek_cert = True');
});
