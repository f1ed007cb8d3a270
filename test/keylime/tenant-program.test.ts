// keylime_tenant, driven: a fake with the recorded help of each release checks every argument against it.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { Tenant } from '../../src/keylime/tenant-program.ts';
import { explainTenantFailure } from '../../src/keylime/tenant-failure.ts';
import { runProgram } from '../../src/process/program.ts';
import { freshDirectory } from '../support/directory.ts';
import { type FakeTenant, makeFakeTenant, type TenantAnswer } from '../support/fake-tenant.ts';

const endpoints = {
  verifier: { host: '192.0.2.1', port: 8881 },
  registrar: { host: '2001:db8::1', port: 8891 },
};

async function open(
  release: string,
  answers: readonly TenantAnswer[] = [],
): Promise<{ readonly tenant: Tenant; readonly fake: FakeTenant }> {
  const directory = join(await freshDirectory(), 'bin');
  await mkdir(directory);
  const fake = await makeFakeTenant(directory, release, answers);
  const tenant = await Tenant.open({ ...endpoints, env: fake.env, timeoutMs: 20_000 });
  return { tenant, fake };
}

const SERVERS = ['-v', '192.0.2.1', '-vp', '8881', '-r', '2001:db8::1', '-rp', '8891'];
const policy = { name: 'nodes', path: '/p.json' };
const agent = { id: 'n-1', policyName: 'nodes' };

describe('a release', () => {
  test.each([
    { release: '6.4.3', policies: 'allowlists', needsPayload: true, releases: '6.2 to 6.5' },
    { release: '6.5.3', policies: 'allowlists', needsPayload: true, releases: '6.2 to 6.5' },
    { release: '6.6.0', policies: 'runtime-policies', needsPayload: true, releases: '6.6 to 7.11' },
    { release: '7.0.0', policies: 'runtime-policies', needsPayload: true, releases: '6.6 to 7.11' },
    { release: '7.10.0', policies: 'runtime-policies', needsPayload: true, releases: '6.6 to 7.11' },
    { release: '7.12.0', policies: 'runtime-policies', needsPayload: false, releases: '7.12' },
    { release: '7.13.1', policies: 'runtime-policies', needsPayload: false, releases: '7.13' },
    { release: '7.14.3', policies: 'runtime-policies', needsPayload: false, releases: '7.14 or newer' },
  ])('$release is told by its help, and takes what it is given', async ({ release, ...abilities }) => {
    const { tenant, fake } = await open(release);
    expect(tenant.abilities).toEqual(abilities);
    // The fake ends with 2 at an option that this release does not know.
    await tenant.addPolicy(policy);
    await tenant.updatePolicy(policy);
    await tenant.add(agent);
    await tenant.update({ ...agent, agent: { host: '192.0.2.7', port: 9002 } });
    await tenant.add({ ...agent, payload: join(import.meta.dirname, 'tenant-program.test.ts') });
    const calls = await fake.calls();
    expect(calls.every((args) => args.join(' ').startsWith(`-c ${args[1]} ${SERVERS.join(' ')} `))).toBe(
      true,
    );
    expect(calls.map(([, command]) => command)).toEqual(
      abilities.policies === 'allowlists'
        ? ['addallowlist', 'deleteallowlist', 'addallowlist', 'add', 'update', 'add']
        : ['addruntimepolicy', 'updateruntimepolicy', 'add', 'update', 'add'],
    );
  });

  test('of today is called like this', async () => {
    const { tenant, fake } = await open('7.14.3');
    await tenant.addPolicy({ ...policy, key: '/k.pub' });
    await tenant.add({ ...agent, agent: { host: '192.0.2.7', port: 9002 } });
    expect(await fake.calls()).toEqual([
      [
        '-c',
        'addruntimepolicy',
        ...SERVERS,
        '--runtime-policy-name',
        'nodes',
        '--runtime-policy',
        '/p.json',
      ].concat('--runtime-policy-sig-key', '/k.pub'),
      [
        '-c',
        'add',
        ...SERVERS,
        '-u',
        'n-1',
        '--runtime-policy-name',
        'nodes',
        '-t',
        '192.0.2.7',
        '-tp',
        '9002',
      ],
    ]);
  });

  test('before 6.6 takes an exclude list, and no signed policy', async () => {
    const { tenant, fake } = await open('6.4.3');
    await tenant.addPolicy({ ...policy, excludeList: '/e' });
    expect((await fake.calls())[0]?.slice(10)).toEqual([
      '--allowlist-name',
      'nodes',
      '--allowlist',
      '/p.json',
      '--exclude',
      '/e',
    ]);
    await expect(tenant.addPolicy({ ...policy, key: '/k' })).rejects.toMatchObject({
      code: 'VERSION_UNSUPPORTED',
    });
  });

  test('that is no tenant is refused', async () => {
    const directory = await freshDirectory();
    await makeFakeTenant(directory, '7.14.3');
    await writeFile(join(directory, 'keylime_tenant'), '#!/bin/sh\necho usage: other\n', { mode: 0o755 });
    const env = { PATH: `${directory}:${process.env['PATH']}` };
    await expect(Tenant.open({ ...endpoints, env })).rejects.toMatchObject({ code: 'VERSION_UNSUPPORTED' });
  });

  test('that is not installed is an error that says so', async () => {
    const env = { PATH: await freshDirectory() };
    await expect(Tenant.open({ ...endpoints, env })).rejects.toMatchObject({ code: 'PROGRAM_MISSING' });
  });

  test('gets its certificates by its environment', async () => {
    const seen: (string | undefined)[] = [];
    const directory = await freshDirectory();
    const fake = await makeFakeTenant(directory, '7.14.3');
    const tenant = await Tenant.open({
      ...endpoints,
      env: fake.env,
      certificates: 'certs',
      run: (call) => {
        seen.push(call.env?.['KEYLIME_TENANT_TLS_DIR']);
        return runProgram(call);
      },
    });
    await tenant.add(agent);
    expect(seen).toEqual([undefined, join(process.cwd(), 'certs')]);
  });

  test('is ended at its time limit', async () => {
    const directory = await freshDirectory();
    const fake = await makeFakeTenant(directory, '7.14.3');
    const tenant = await Tenant.open({ ...endpoints, env: fake.env, timeoutMs: 300 });
    await writeFile(join(directory, 'keylime_tenant'), '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 });
    await expect(tenant.add(agent)).rejects.toMatchObject({
      code: 'TIMED_OUT',
      problem: expect.stringContaining('took longer than'),
      hint: expect.stringContaining('tenant status'),
    });
  });

  test.each(['--help', '; rm -rf /', 'a\nb', '', '-c delete', 'x'.repeat(10_000)])(
    'never sees %j as a name',
    async (name) => {
      const { tenant, fake } = await open('7.14.3');
      const refused = { code: 'ARGUMENT_INVALID' };
      await expect(tenant.add({ id: name, policyName: 'nodes' })).rejects.toMatchObject(refused);
      await expect(tenant.add({ id: 'n-1', policyName: name })).rejects.toMatchObject(refused);
      await expect(tenant.addPolicy({ name, path: '/p.json' })).rejects.toMatchObject(refused);
      expect(await fake.calls()).toEqual([]);
    },
  );
});

describe('what it ends with', () => {
  const line = (text: string): string =>
    `2026-11-26 22:58:17.163 - keylime.tenant - INFO - TLS is enabled.\n2026-11-26 22:58:17.326 - keylime.tenant - ERROR - ${text}\n`;

  // The first ones as 7.14.3 wrote them; the others stand in its source, or that of the release that is named.
  test.each([
    {
      text: "{'code': 400, 'status': \"Runtime policy is malformatted: 'release' is a required property\", 'results': {}}",
      code: 'REFUSED',
      says: 'does not take the policy',
    },
    {
      text: "{'code': 409, 'status': 'Runtime policy with name w already exists', 'results': {}}",
      code: 'CONFLICT',
      says: 'is there already',
    },
    {
      text: "{'code': 404, 'status': 'Runtime policy with name x does not already exist, use POST to create', 'results': {}}",
      code: 'NOT_FOUND',
      says: 'no policy of this name',
    },
    {
      text: "{'code': 409, 'status': 'Runtime policy with name x does not already exist', 'results': {}}", // 7.12.0
      code: 'NOT_FOUND',
      says: 'no policy of this name',
    },
    { text: 'Agent $nobody data not found in the Registrar.', code: 'NOT_FOUND', says: 'not registered' },
    {
      text: 'POST command response: 404 Unexpected response from Verifier (127.0.0.1:37049): {"code": 404, "status": "Could not find IMA policy with name nope!", "results": {}}',
      code: 'NOT_FOUND',
      says: 'no policy of this name',
    },
    {
      text: 'Verifier (127.0.0.1:37049) responded indicating a conflict for agent Agent 7ea7b0c0 (127.0.0.1:33955). Run "delete" or "update" first.',
      code: 'CONFLICT',
      says: 'attested already',
    },
    {
      text: "{'code': 409, 'status': \"Can't delete allowlist as it's currently in use by agent 7ea7b0c0\", 'results': {}}",
      code: 'CONFLICT',
      says: 'agents are attested by the policy',
    },
    {
      text: 'HTTPSConnectionPool(host=\'127.0.0.1\', port=33955): Max retries exceeded with url: /version (Caused by NewConnectionError("HTTPSConnection(host=\'127.0.0.1\', port=33955): Failed to establish a new connection: [Errno 111] Connection refused"))\nTraceback (most recent call last):\n  File "x.py", line 1, in y\nrequests.exceptions.ConnectionError: no',
      code: 'UNREACHABLE',
      says: 'does not reach',
    },
    {
      text: 'TPM Quote from Agent n-1 is invalid for nonce: ABC',
      code: 'ATTESTATION_FAILED',
      says: 'does not fit its registration',
    },
    {
      text: 'TPM Quote from Agent n-1 is using an unaccepted hash algorithm: sha1',
      code: 'REFUSED',
      says: 'does not accept',
    },
    {
      text: 'Keylime agent does not recognize mTLS certificate form tenant. Check if agents trusted_client_ca is configured correctly',
      code: 'AUTHENTICATION_FAILED',
      says: 'does not know the CA',
    },
    {
      text: "Agent n-1 has no compatible API version. Agent supports: ['1.0'], Tenant supports: ['2.0']",
      code: 'VERSION_UNSUPPORTED',
      says: 'no common version',
    },
    {
      text: 'It appears that the specified tls_dir does not exist: /var/lib/keylime/cv_ca',
      code: 'AUTHENTICATION_FAILED',
      says: 'no certificates',
    },
    { text: 'Verifier (127.0.0.1:8881) timed out.', code: 'TIMED_OUT', says: 'did not answer' },
    {
      text: 'Cannot connect to Verifier (127.0.0.1:8881) while adding Agent n-1. Connection refused.',
      code: 'UNREACHABLE',
      says: 'does not reach',
    },
    { text: 'something of the future', code: 'REFUSED', says: 'something of the future' },
  ])('$text is $code', ({ text, code, says }) => {
    const error = explainTenantFailure('add the agent', {
      exitCode: 1,
      stdout: line(text),
      stderr: 'INFO: x',
    });
    expect(error).toMatchObject({ code, problem: expect.stringContaining(says) });
    expect(error.problem).toContain(text.split('\n')[0]?.slice(0, 100));
    expect(error.hint).not.toBe('');
  });

  test('a missing EK certificate is told by the warning before the error', () => {
    const stdout = `… - keylime.tenant - WARNING - No EK cert provided, require_ek_cert option in config set to True for Agent n-1\n${line('TPM Quote from Agent n-1 is invalid for nonce: ABC')}`;
    expect(explainTenantFailure('add the agent', { exitCode: 1, stdout, stderr: '' })).toMatchObject({
      code: 'ATTESTATION_FAILED',
      problem: expect.stringContaining('no certificate of its manufacturer'),
      hint: expect.stringContaining('--require-ek-cert no'),
    });
  });

  test.each([
    { stdout: '', stderr: '', says: 'said: nothing' },
    { stdout: '', stderr: 'usage: …\nkeylime_tenant: error: unrecognized arguments: --x\n', says: '--x' },
    { stdout: `${'x'.repeat(100_000)}\n`, stderr: '', says: 'xxx' },
  ])('is bounded where it is not known', ({ stdout, stderr, says }) => {
    const error = explainTenantFailure('add the agent', { exitCode: 2, stdout, stderr });
    expect(error.problem).toContain(says);
    expect(error.problem.length).toBeLessThan(600);
  });
});
