// `ima-assay tenant`, run as a user does, against a fake verifier and registrar over real TLS and a fake keylime_tenant.

import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import { describeState, explainEvent, judge } from '../../src/keylime/attestation.ts';
import { isSamePolicy } from '../../src/keylime/canonical.ts';
import { MAIN, runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import { makeCa } from '../support/keylime-ca.ts';
import { digestField, entry, hashOf, type Made, nameField, toAscii } from '../support/made-list.ts';
import { startWorld, type World, type WorldOptions } from '../support/keylime-world.ts';
import { startPlain } from '../support/fake-keylime.ts';

let ca: string;
beforeAll(async () => {
  ca = await mkdtemp(join(tmpdir(), 'ima-assay-'));
  await makeCa(ca);
  return () => rm(ca, { recursive: true });
});

const POLICY = {
  meta: { version: 1, generator: 2 },
  release: 0,
  digests: { '/usr/bin/hello': ['a'.repeat(64)] },
  excludes: [],
  keyrings: {},
  ima: { ignored_keyrings: [], log_hash_alg: 'sha1', dm_policy: null },
  'ima-buf': {},
  'verification-keys': '',
};

/** A world with one agent, at whose port something listens, and a policy in a file. */
async function oneAgent(options: WorldOptions = {}): Promise<World> {
  const world = await startWorld(ca, options);
  const agent = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
  await once(agent, 'listening');
  onTestFinished(() => void agent.close());
  const address = agent.address();
  const port = typeof address === 'object' && address !== null ? address.port : 1;
  world.registered.set('n-1', { port });
  await writeFile(join(world.directory, 'policy.json'), JSON.stringify(POLICY));
  return world;
}

const passing = { operational_state: 3, attestation_count: 4, last_event_id: null };
const failing = {
  operational_state: 9,
  attestation_count: 4,
  last_event_id: 'ima.validation.ima-ng.not_in_allowlist',
};
const ADD = ['add', '--policy-name', 'nodes', '-p', 'policy.json'];
const commandsOf = async (world: World): Promise<readonly (string | undefined)[]> =>
  (await world.tenant.calls()).map(([, command]) => command);

describe('tenant add', () => {
  test('uploads the policy and adds the agent', async () => {
    const world = await oneAgent();
    const { stdout, stderr, code } = await world.run(...ADD, '--address', '127.0.0.1');
    expect({ stdout, code }).toEqual({ stdout: 'n-1: upload the policy, add the agent\n', code: 0 });
    expect(stderr).toContain("warning: the agent's TPM shows no certificate of its manufacturer");
    expect(await commandsOf(world)).toEqual(['addruntimepolicy', 'add']);
    const [, add] = await world.tenant.calls();
    expect(add?.slice(-4)).toEqual(['-u', 'n-1', '--runtime-policy-name', 'nodes']);
  });

  test('does nothing where all is there, in whatever order the verifier keeps the policy', async () => {
    const world = await oneAgent();
    world.attested.set('n-1', passing);
    const { digests, ...others } = POLICY;
    world.policies.set('nodes', JSON.stringify({ digests, ...others }, null, 1));
    const { stdout, code } = await world.run(...ADD, '--uuid', 'n-1', '--json', '-q');
    expect({ code, report: JSON.parse(stdout) }).toEqual({
      code: 0,
      report: { schemaVersion: 1, agent: 'n-1', policy: 'nodes', steps: [], done: true },
    });
    expect(await commandsOf(world)).toEqual([]);
  });

  test.each([
    {
      why: 'another policy',
      policy: '{"meta":{}}',
      agent: passing,
      commands: ['updateruntimepolicy', 'update'],
    },
    {
      why: 'another policy of a failed agent, which is deleted first',
      policy: '{"meta":{}}',
      agent: failing,
      commands: ['updateruntimepolicy', 'add'],
    },
    { why: 'a failed agent', policy: JSON.stringify(POLICY), agent: failing, commands: ['update'] },
    {
      why: 'another policy and no agent',
      policy: '{}',
      agent: undefined,
      commands: ['updateruntimepolicy', 'add'],
    },
  ])('brings up to date $why', async ({ policy, agent, commands }) => {
    const world = await oneAgent();
    world.policies.set('nodes', policy);
    if (agent !== undefined) world.attested.set('n-1', agent);
    expect(await world.run(...ADD, '--uuid', 'n-1')).toMatchObject({ code: 0 });
    expect(await commandsOf(world)).toEqual(commands);
  });

  test('with --renew adds anew what is well attested', async () => {
    const world = await oneAgent();
    world.policies.set('nodes', JSON.stringify(POLICY));
    world.attested.set('n-1', passing);
    await world.run(...ADD, '--uuid', 'n-1', '--renew');
    expect(await commandsOf(world)).toEqual(['update']);
  });

  test('updates what somebody else added meanwhile', async () => {
    const conflict = { exitCode: 1, stdout: '… - keylime.tenant - ERROR - ' };
    const world = await oneAgent({
      answers: [
        {
          ...conflict,
          command: 'addruntimepolicy',
          stdout: `${conflict.stdout}{'code': 409, 'status': 'Runtime policy with name nodes already exists'}\n`,
        },
        {
          ...conflict,
          command: 'add',
          stdout: `${conflict.stdout}… conflict for agent … Run "delete" or "update" first.\n`,
        },
      ],
    });
    expect(await world.run(...ADD, '--uuid', 'n-1')).toMatchObject({ code: 0 });
    expect(await commandsOf(world)).toEqual(['addruntimepolicy', 'updateruntimepolicy', 'add', 'update']);
  });

  test('with --dry-run only says what it would do: exit code 1', async () => {
    const world = await oneAgent();
    const result = await world.run(...ADD, '--uuid', 'n-1', '--dry-run');
    expect(result).toMatchObject({ code: 1, stdout: 'n-1: would upload the policy, add the agent\n' });
    expect(await commandsOf(world)).toEqual([]);
  });

  test('takes a policy that is on the verifier by its name alone', async () => {
    const world = await oneAgent();
    const args = ['add', '--policy-name', 'nodes', '--uuid', 'n-1'];
    expect(await world.run(...args)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('[NOT_FOUND]'),
    });
    world.policies.set('nodes', '{}');
    expect(await world.run(...args)).toMatchObject({ code: 0 });
    expect(await commandsOf(world)).toEqual(['add']);
  });

  test('waits for the one that is new', async () => {
    const world = await oneAgent();
    const list = await world.run('list', '--json');
    await writeFile(join(world.directory, 'before.json'), list.stdout);
    const { port } = world.registered.get('n-1') ?? {};
    setTimeout(() => world.registered.set('late', { port: port ?? 0 }), 1_500);
    const result = await world.run(...ADD, '--since', 'before.json', '--wait-agent', '20');
    expect(result).toMatchObject({ code: 0, stdout: expect.stringContaining('late: upload') });
  });

  test.each([
    { told: failing, commands: [] },
    { told: passing, commands: ['updateruntimepolicy'] },
  ])('does not delete an agent that cannot be reached', async ({ told, commands }) => {
    const world = await oneAgent();
    world.policies.set('nodes', '{}');
    world.attested.set('n-1', told);
    const result = await world.run(...ADD, '--uuid', 'n-1', '--agent', '127.0.0.1:1');
    expect(result).toMatchObject({ code: 3, stdout: '' });
    expect(result.stderr).toContain('agent n-1 cannot be reached at 127.0.0.1:1: ECONNREFUSED');
    expect(await commandsOf(world)).toEqual(commands);
    expect(world.attested.has('n-1')).toBe(true);
  });

  test("says what the tenant's failure means", async () => {
    const stdout =
      '… - keylime.tenant - WARNING - No EK cert provided, require_ek_cert option in config set to True for Agent n-1\n… - keylime.tenant - ERROR - TPM Quote from Agent n-1 is invalid for nonce: X\n';
    const world = await oneAgent({ answers: [{ command: 'add', exitCode: 1, stdout }] });
    const result = await world.run(...ADD, '--uuid', 'n-1');
    expect(result).toMatchObject({ code: 3, stdout: '' });
    expect(result.stderr).toContain("the node's TPM has no certificate of its manufacturer");
    expect(result.stderr).toContain('[ATTESTATION_FAILED]');
  });

  test('says so where an update has deleted the agent and not added it', async () => {
    const stdout = '… - keylime.tenant - ERROR - TPM Quote from Agent n-1 is invalid for nonce: X\n';
    const world = await oneAgent({
      answers: [{ command: 'update', exitCode: 1, stdout }],
      onAsk: (_seen, { attested, tenant }) => {
        if (tenant.hasRun()) attested.clear();
      },
    });
    world.policies.set('nodes', JSON.stringify(POLICY));
    world.attested.set('n-1', failing);
    const { code, stderr } = await world.run(...ADD, '--uuid', 'n-1');
    expect(code).toBe(3);
    expect(stderr).toContain('agent n-1 is deleted and not added again: it is NOT attested now');
  });

  test.each([
    { args: ['--uuid', 'n-1', '--address', '127.0.0.1'], says: 'give one of --uuid' },
    { args: [], says: 'give one of --uuid' },
    { args: ['--ek', 'abc'], says: '64 hex digits' },
    { args: ['--uuid', 'n-1', '--timeout', 'soon'], says: 'a number of seconds' },
    { args: ['--since', 'policy.json'], says: 'is not what `tenant list --json` writes' },
    { args: ['--uuid=--help'], says: 'begins with "-"' },
    { args: ['--uuid', 'n-1', '--verifier', '; rm'], says: 'is no HOST or HOST:PORT' },
  ])('refuses $args', async ({ args, says }) => {
    const world = await oneAgent();
    const all = ['tenant', ...ADD, ...args, ...(args.includes('--verifier') ? [] : world.servers)];
    const { code, stdout, stderr } = await runCli(all, { cwd: world.directory, env: world.tenant.env });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(says);
    expect(await commandsOf(world)).toEqual([]);
  });
});

describe('finding the agent', () => {
  test('that never registers ends at the time limit, and tells of those that began', async () => {
    const world = await oneAgent();
    world.registered.set('half', { active: false });
    const startedMs = Date.now();
    const result = await world.run(...ADD, '--address', '192.0.2.9', '--wait-agent', '2');
    expect(result).toMatchObject({ code: 3, stdout: '' });
    expect(result.stderr).toContain('no agents that registered from 192.0.2.9 are registered within 2 s');
    expect(result.stderr).toContain('1 of 2 never finished their registration: half');
    expect(result.stderr).toContain('[TIMED_OUT]');
    expect(Date.now() - startedMs).toBeLessThan(10_000);
  });

  test('by an address that two have is an error that names both', async () => {
    const world = await oneAgent();
    world.registered.set('n-2', {});
    const { code, stderr } = await world.run('status', '--address', '127.0.0.1');
    expect(code).toBe(3);
    expect(stderr).toContain('2 agents registered from 127.0.0.1: n-1, n-2');
    expect(stderr).toContain('[NAME_AMBIGUOUS]');
  });

  test('by an IPv6 address takes any spelling', async () => {
    const world = await oneAgent();
    world.registered.set('six', { ip: '2001:DB8:0:0:0:0:0:1' });
    world.attested.set('six', passing);
    expect(await world.run('status', '--address', '2001:db8::1')).toMatchObject({ code: 0 });
  });

  test('with the id that agents have by default is a warning, and an error where two have it', async () => {
    const id = 'd432fbb3-d2f1-4a97-9ef7-75bd81c00000';
    const world = await oneAgent();
    const { port } = world.registered.get('n-1') ?? {};
    world.registered.set(id, { port: port ?? 0 });
    const one = await world.run(...ADD, '--uuid', id);
    expect(one).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('the id that agents have by default'),
    });
    world.registered.set(id, { port: port ?? 0, regcount: 2 });
    const two = await world.run(...ADD, '--uuid', id);
    expect(two).toMatchObject({ code: 3, stderr: expect.stringContaining('2 TPMs registered under the id') });
  });
});

describe('tenant status', () => {
  const STATES = [
    { state: 0, standing: 'pending', words: 'Registered' },
    { state: 1, standing: 'pending', words: 'Start' },
    { state: 2, standing: 'pending', words: 'Saved' },
    { state: 3, standing: 'attested', words: 'Get Quote' },
    { state: 4, standing: 'pending', words: 'Get Quote (retry)' },
    { state: 5, standing: 'pending', words: 'Provide V' },
    { state: 6, standing: 'pending', words: 'Provide V (retry)' },
    { state: 7, standing: 'failed', words: 'Failed' },
    { state: 8, standing: 'stopped', words: 'Terminated' },
    { state: 9, standing: 'failed', words: 'Invalid Quote' },
    { state: 10, standing: 'failed', words: 'Tenant Quote Failed' },
    { state: 99, standing: 'pending', words: 'state 99' },
  ];
  const PUSHED = [
    { status: 'PASS', attestations: 1, standing: 'attested' },
    { status: 'PASS', attestations: 0, standing: 'pending' },
    { status: 'FAIL', attestations: 1, standing: 'failed' },
    { status: 'TIMEOUT', attestations: 1, standing: 'failed' },
    { status: 'PENDING', attestations: 0, standing: 'pending' },
    { status: undefined, attestations: 0, standing: 'pending' },
  ];
  const agent = {
    id: 'n-1',
    state: undefined,
    status: undefined,
    attestations: 4,
    lastSuccess: undefined,
    lastQuote: undefined,
    lastEvent: undefined,
    hasRuntimePolicy: true,
    hashAlgorithm: undefined,
    ip: undefined,
    port: undefined,
  };

  test.each(STATES)('$state is $words: $standing', ({ state, standing, words }) => {
    expect(judge({ ...agent, state })).toBe(standing);
    expect(describeState(state)).toBe(words);
  });

  test('no number of passes makes a start of it: one has to have passed', () => {
    expect(judge({ ...agent, state: 3, attestations: 0 })).toBe('pending');
  });

  test.each(PUSHED)('$status of an agent that pushes is $standing', ({ standing, ...told }) => {
    expect(judge({ ...agent, ...told })).toBe(standing);
  });

  test.each([
    { told: passing, code: 0, words: 'ATTESTED (Get Quote), 4 attestations passed\n' },
    {
      told: { ...passing, attestation_count: 0 },
      code: 1,
      words: 'PENDING (Get Quote), 0 attestations passed\n',
    },
    { told: { operational_state: 8 }, code: 1, words: 'STOPPED (Terminated), 0 attestations passed\n' },
    {
      told: { ...passing, last_successful_attestation: 1_700_000_000 },
      code: 0,
      words: 'ATTESTED (Get Quote), 4 attestations passed, the last at 2023-11-14T22:13:20.000Z\n',
    },
  ])('ends with $code for $told', async ({ told, code, words }) => {
    const world = await oneAgent();
    world.attested.set('n-1', told);
    expect(await world.run('status', '--uuid', 'n-1')).toMatchObject({ code, stdout: `n-1: ${words}` });
  });

  test.each([
    { event: 'ima.validation.ima-ng.not_in_allowlist', says: 'does not list' },
    { event: 'ima.validation.ima-ng.runtime_policy_hash', says: 'whose content' },
    { event: 'ima.validator.ima-sig.invalid_signature', says: 'signature' },
    { event: 'ima.validation.tomtou', says: 'while it was measured' },
    { event: 'ima.pcr_mismatch', says: 'does not lead to the PCR' },
    { event: 'ima.quote_progress', says: 'does not follow' },
    { event: 'pcr_validation.invalid_pcr_0', says: 'a PCR of the boot' },
    { event: 'measured_boot.missing_pcrs', says: 'a PCR of the boot' },
    { event: 'qoute_validation.quote_validation', says: 'the quote is not good' },
    { event: 'qoute_validation.invalid_hash_alg', says: 'an algorithm' },
    { event: 'internal.verifier.not_reachable', says: 'did not reach the agent' },
    { event: 'internal.verifier.no_quote', says: 'with an error' },
    { event: 'new.of.the.future', says: 'a reason of its own' },
  ])('explains $event', ({ event, says }) => {
    expect(explainEvent(event).says).toContain(says);
    expect(explainEvent(event).hint).not.toBe('');
  });

  test('joins a failure with the entries that cause it', async () => {
    const world = await oneAgent();
    world.attested.set('n-1', failing);
    const ran = (name: string, digest: Buffer): Made =>
      entry('ima-ng', [digestField('sha256', digest), nameField(name)]);
    const list = [
      ran('/usr/bin/hello', hashOf('sha256', 'other')),
      ran('/usr/bin/evil', hashOf('sha256', 'evil')),
    ];
    await writeFile(join(world.directory, 'list'), toAscii(list));
    const evidence = ['--list', 'list', '-p', 'policy.json'];
    const { stdout, code } = await world.run('status', '--uuid', 'n-1', ...evidence);
    expect(code).toBe(1);
    expect(stdout).toContain('our own verification of list: FAIL, 2 entries, 2 findings');
    // The event is about a file that is not listed, so that the one whose content differs is no cause of it.
    expect(stdout).toContain('NOT_LISTED entry 2 /usr/bin/evil');
    expect(stdout).not.toContain('/usr/bin/hello');
    const json = JSON.parse((await world.run('status', '--uuid', 'n-1', ...evidence, '--json')).stdout);
    expect(json.causes).toMatchObject([{ entry: 2, code: 'NOT_LISTED', path: '/usr/bin/evil' }]);
    expect(json.ownReport.findings).toHaveLength(2);
  });

  test('of an agent that nobody added is an error', async () => {
    const world = await oneAgent();
    const { code, stderr } = await world.run('status', '--uuid', 'n-1');
    expect(code).toBe(3);
    expect(stderr).toContain('does not attest agent n-1');
  });
});

describe('tenant wait', () => {
  test('ends when attestations rise', async () => {
    let looks = 0;
    const world = await oneAgent({
      onAsk: (_seen, { attested }) => {
        looks += 1;
        const count = Math.max(0, looks - 2);
        attested.set('n-1', { operational_state: looks < 2 ? 1 : 3, attestation_count: count });
      },
    });
    const { stdout, stderr, code } = await world.run('wait', '--uuid', 'n-1');
    expect({ stdout, code }).toEqual({
      stdout: 'n-1: ATTESTED (Get Quote), 1 attestation passed\n',
      code: 0,
    });
    expect(stderr).toBe('Start, 0 passed\nGet Quote, 0 passed\nGet Quote, 1 passed\n');
  });

  test('does not take a number that stands still for a pass', async () => {
    const world = await oneAgent();
    world.attested.set('n-1', passing);
    const { code, stderr, stdout } = await world.run('wait', '--uuid', 'n-1', '--timeout', '2', '-q');
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toContain('did not pass another attestation within 2 s: Get Quote, 4 passed so far');
    expect(stderr).toContain('[TIMED_OUT]');
  });

  test('ends with 130 when it is interrupted', async () => {
    const world = await oneAgent();
    world.attested.set('n-1', passing);
    const args = ['tenant', 'wait', '--uuid', 'n-1', ...world.servers];
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    // It has looked once.
    await once(child.stderr, 'data');
    child.kill('SIGINT');
    expect(await once(child, 'close')).toEqual([130, null]);
  });

  test('ends at once with a failure, and says why', async () => {
    const world = await oneAgent();
    world.attested.set('n-1', failing);
    const { code, stdout } = await world.run('wait', '--uuid', 'n-1', '-q');
    expect(code).toBe(1);
    expect(stdout).toContain('n-1: FAILED (Invalid Quote), 4 attestations passed\nevent ima.validation');
  });

  test('needs both list and policy to look itself', async () => {
    const world = await oneAgent();
    expect(await world.run('wait', '--uuid', 'n-1', '--list', 'x')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--list and --policy belong together'),
    });
  });
});

describe('tenant list', () => {
  test('shows both sides of each agent, and no control character', async () => {
    const world = await oneAgent();
    world.registered.clear();
    world.registered.set('a', { ip: '192.0.2.1', port: 1 });
    world.registered.set('half', { active: false });
    world.registered.set('evil\u001b[2J; rm', {});
    world.attested.set('a', failing);
    world.attested.set('gone', passing);
    const { stdout, code } = await world.run('list');
    expect(code).toBe(0);
    expect(stdout).toBe(
      [
        'a  192.0.2.1:1  failed (Invalid Quote), 4 passed, ima.validation.ima-ng.not_in_allowlist',
        'evil\\u{1b}[2J; rm  not registered  not attested',
        'gone  not registered  attested (Get Quote), 4 passed',
        'half  not registered  not attested',
        '',
      ].join('\n'),
    );
  });

  test('shows policies, and the text of one', async () => {
    const world = await oneAgent();
    world.policies.set('nodes', '{"a":1}');
    world.policies.set('b', '{}');
    expect(await world.run('list', '--policies')).toMatchObject({ code: 0, stdout: 'b\nnodes\n' });
    expect(await world.run('list', '--policy', 'nodes')).toMatchObject({ code: 0, stdout: '{"a":1}\n' });
    expect(await world.run('list', '--policy', 'c')).toMatchObject({ code: 3, stdout: '' });
    const both = await world.run('list', '--policies', '--policy', 'nodes');
    expect(both).toMatchObject({ code: 2, stdout: '' });
  });

  test("given the registrar's plain port says which is the right one", async () => {
    const world = await oneAgent();
    const plain = await startPlain();
    const [, verifier = ''] = world.servers;
    const args = ['tenant', 'list', '--verifier', verifier, '--registrar', plain.address, '--certs', ca];
    const { code, stderr } = await runCli(args);
    expect(code).toBe(3);
    expect(stderr).toContain('speaks plain HTTP');
    expect(stderr).toContain('8891');
  });

  test('with certificates that have expired asks nobody', async () => {
    const expired = await freshDirectory();
    await makeCa(expired, { clientDays: -1 });
    const world = await oneAgent();
    const { code, stderr } = await runCli([
      'tenant',
      'list',
      ...world.servers.slice(0, 4),
      '--certs',
      expired,
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain('[CERTIFICATE_EXPIRED]');
    expect(world.seen.verifier).toEqual([]);
  });
});

describe('tenant delete', () => {
  test('ends the attestation and keeps the rest', async () => {
    const world = await oneAgent();
    world.attested.set('n-1', passing);
    world.policies.set('nodes', '{}');
    const result = await world.run('delete', '--address', '127.0.0.1');
    expect(result).toMatchObject({ code: 0, stdout: 'n-1: attestation ended\n' });
    expect(world.attested.size + world.policies.size + world.registered.size).toBe(2);
  });

  test('removes registration and policy where asked, and is content the second time', async () => {
    const world = await oneAgent();
    world.attested.set('n-1', passing);
    world.policies.set('nodes', '{}');
    const args = ['delete', '--uuid', 'n-1', '--registration', '--policy-name', 'nodes', '--json'];
    const first = await world.run(...args);
    expect(JSON.parse(first.stdout)).toEqual({
      schemaVersion: 1,
      agent: 'n-1',
      attestation: true,
      policy: true,
      registration: true,
    });
    const second = await world.run(...args);
    expect(JSON.parse(second.stdout)).toMatchObject({
      attestation: false,
      policy: false,
      registration: false,
    });
    expect(second.code).toBe(0);
  });
});

describe('policies are the same', () => {
  const text = JSON.stringify(POLICY);
  test.each([
    { one: text, other: JSON.stringify(JSON.parse(text), null, 2), same: true },
    { one: '{"a":1,"b":[1,2]}', other: '{"b":[1,2],"a":1}', same: true },
    { one: '{"a":[1,2]}', other: '{"a":[2,1]}', same: false },
    { one: '{"a":1}', other: '[["a",1]]', same: false },
    { one: '{"__proto__":1}', other: '{}', same: false },
    { one: '{"__proto__":{"a":1}}', other: '{"__proto__":{"a":2}}', same: false },
    { one: 'no json', other: 'no json', same: true },
    { one: 'no json', other: '{}', same: false },
    {
      one: JSON.stringify({
        payload: Buffer.from(text).toString('base64'),
        payloadType: 'x',
        signatures: [],
      }),
      other: text,
      same: true,
    },
    { one: `${'['.repeat(100_000)}${']'.repeat(100_000)}`, other: '{}', same: false },
  ])('$same', ({ one, other, same }) => {
    expect(isSamePolicy(one, other)).toBe(same);
  });
});
