// `doctor`: programs are fakes on PATH that end as the real ones do, servers are fakes over real TLS.

import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { beforeAll, describe, expect, test } from 'vitest';

import { runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import { startFake, startPlain } from '../support/fake-keylime.ts';
import { makeFakeTenant } from '../support/fake-tenant.ts';
import { makeCa } from '../support/keylime-ca.ts';

let ca: string;
beforeAll(async () => {
  ca = await mkdtemp(join(tmpdir(), 'ima-assay-'));
  await makeCa(ca);
  return () => rm(ca, { recursive: true });
});

interface Found {
  readonly code: number | null;
  /** Status and what was found, by name. */
  readonly checks: Readonly<Record<string, readonly [status: string, found: string]>>;
}

async function doctor(path: string, ...args: readonly string[]): Promise<Found> {
  const { stdout, code } = await runCli(['doctor', '--json', ...args], { env: { PATH: path } });
  const { checks } = JSON.parse(stdout);
  const rows = checks.map(
    (check: { name: string; status: string; found: string; ok: boolean; fix?: string }) => {
      expect(check.ok).toBe(check.status === 'ok');
      if (check.status !== 'ok') expect(check.fix).toMatch(/\w/);
      return [check.name, [check.status, check.found]];
    },
  );
  return { code, checks: Object.fromEntries(rows) };
}

/** Programs that end with an exit code and texts. */
async function fakes(
  programs: Readonly<Record<string, readonly [exitCode: number, stdout: string, stderr: string]>>,
): Promise<string> {
  const directory = await freshDirectory();
  for (const [name, [exitCode, stdout, stderr]] of Object.entries(programs)) {
    const script = `#!${process.execPath}
require('node:fs').appendFileSync(__dirname + '/ran', ${JSON.stringify(`${name}\n`)});
process.stdout.write(${JSON.stringify(stdout)}); process.stderr.write(${JSON.stringify(stderr)}); process.exitCode = ${exitCode};`;
    await writeFile(join(directory, name), script);
    await chmod(join(directory, name), 0o755);
  }
  return directory;
}

describe('programs', () => {
  test('are looked for and not run', async () => {
    const path = await fakes({ openstack: [1, '', ''] });
    const { code, checks } = await doctor(path);
    expect(code).toBe(0);
    expect(checks['openstack']).toEqual(['ok', join(path, 'openstack')]);
    expect(checks['metalsmith']).toEqual(['absent', 'not in PATH']);
    expect(checks['openstack esi']).toBeUndefined();
    await expect(rm(join(path, 'ran'))).rejects.toThrow('ENOENT');
  });

  test('are missed where they are asked for', async () => {
    const { code, checks } = await doctor(await freshDirectory(), '--for', 'tenant', '--for', 'image');
    expect(code).toBe(1);
    expect(checks['keylime_tenant']).toEqual(['missing', 'not in PATH']);
    expect(checks['disk-image-create']).toEqual(['missing', 'not in PATH']);
    expect(checks['metalsmith']).toBeUndefined();
  });

  // What clients of Debian 12 wrote.
  test.each([
    {
      why: 'a plugin that is not installed',
      openstack: [1, "Unknown command ['esi', 'node', 'network', 'attach']\n", ''] as const,
      is: ['absent', 'not installed'],
    },
    {
      why: 'a plugin that is not installed, as clients say it without --help',
      openstack: [
        2,
        '',
        "openstack: 'esi node network' is not an openstack command. See 'openstack --help'.\n",
      ] as const,
      is: ['absent', 'not installed'],
    },
    {
      why: 'a plugin that does not load',
      openstack: [
        2,
        '',
        "Could not load 'esi_node_network_attach': cannot import name 'x' from 'openstack'\nopenstack: 'esi node network' is not an openstack command.\n",
      ] as const,
      is: ['wrong', "does not load: cannot import name 'x' from 'openstack'"],
    },
    {
      why: 'a plugin that loads',
      openstack: [0, 'usage: openstack esi …\n', ''] as const,
      is: ['ok', 'loads'],
    },
    {
      why: 'a client that is broken',
      openstack: [1, '', 'Traceback …\nModuleNotFoundError: No module named x\n'] as const,
      is: ['wrong', 'is broken: ModuleNotFoundError: No module named x'],
    },
  ])('$why', async ({ openstack, is }) => {
    const { checks } = await doctor(await fakes({ openstack }), '--run');
    expect(checks['openstack esi']).toEqual(is);
  });

  test('tell their versions when they are run', async () => {
    const path = await fakes({
      openstack: [0, 'openstack 6.0.0\n', ''],
      metalsmith: [0, '', 'metalsmith 2.5.0\n'],
      'qemu-img': [0, 'qemu-img version 7.2.22 (Debian 1:7.2+dfsg-7)\nCopyright\n', ''],
      keylime_verifier: [1, '', 'started!'],
    });
    await makeFakeTenant(path, '7.10.0');
    const { checks } = await doctor(path, '--run');
    expect(checks).toMatchObject({
      openstack: ['ok', '6.0.0'],
      metalsmith: ['ok', '2.5.0'],
      'qemu-img': ['ok', '7.2.22'],
      keylime_tenant: ['ok', 'of Keylime 6.6 to 7.11'],
      // To run it would start a server.
      keylime_verifier: ['ok', join(path, 'keylime_verifier')],
    });
  });

  test('that are something else are wrong', async () => {
    const path = await fakes({ keylime_tenant: [0, 'usage: other', ''] });
    const { code, checks } = await doctor(path, '--run', '--for', 'tenant');
    expect(code).toBe(1);
    expect(checks['keylime_tenant']?.[0]).toBe('wrong');
  });
});

describe('Keylime', () => {
  test('shows certificates and servers that are right', async () => {
    const answer = () => ({ code: 200, results: { uuids: ['a', 'b'] } });
    const verifier = await startFake(ca, { answer });
    const registrar = await startFake(ca, { versions: ['2.1'], answer });
    const args = ['--certs', ca, '--verifier', verifier.address, '--registrar', registrar.address];
    const { code, checks } = await doctor('', ...args);
    expect(code).toBe(0);
    expect(checks['certificates']?.[1]).toMatch(/: good until \d{4}-\d\d-\d\d, 36[45] days$/);
    expect(checks['verifier']).toEqual(['ok', `${verifier.address} speaks 2.5, 2 agents attested`]);
    expect(checks['registrar']).toEqual(['ok', `${registrar.address} speaks 2.1, 2 agents registered`]);
  });

  test('tells a plain port, and a server that is not there', async () => {
    const plain = await startPlain();
    const args = ['--certs', ca, '--verifier', '127.0.0.1:1', '--registrar', plain.address];
    const { code, checks } = await doctor('', ...args);
    expect(code).toBe(1);
    expect(checks['verifier']).toEqual(['wrong', expect.stringContaining('nothing listens there')]);
    expect(checks['registrar']).toEqual(['wrong', expect.stringContaining('speaks plain HTTP')]);
  });

  test.each([
    { days: -1, is: 'was good until' },
    { days: 5, is: '4 days' },
  ])('tells certificates that are good for $days days', async ({ days, is }) => {
    const directory = await freshDirectory();
    await makeCa(directory, { clientDays: days });
    const { code, checks } = await doctor('', '--certs', directory);
    expect(code).toBe(1);
    expect(checks['certificates']).toEqual(['wrong', expect.stringContaining(is)]);
  });

  test('tells a private key that others may read', async () => {
    const directory = await freshDirectory();
    await makeCa(directory);
    await chmod(join(directory, 'client-private.pem'), 0o640);
    const { code, checks } = await doctor('', '--certs', directory);
    expect(code).toBe(1);
    expect(checks['private key']).toEqual(['wrong', expect.stringContaining('(mode 640)')]);
  });

  test('asks nobody with certificates that are missing', async () => {
    const { stdout, code } = await runCli([
      'doctor',
      '--certs',
      await freshDirectory(),
      '--verifier',
      '127.0.0.1:1',
      '-q',
    ]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^wrong {4}certificates: .*is not there \(tenant\)\n {9}give a directory/);
    expect(stdout).not.toContain('verifier:');
  });
});
