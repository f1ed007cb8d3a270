// `ima-assay attest` against a fake cloud and a fake Keylime, killed wherever it changes something. The real ones are in
// test/live.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { AGENT, type PlanWorld, startPlanWorld, writePlan } from '../support/plan-world.ts';

/** What changed the cloud so far. */
async function changes({ cloud, tenantCalls }: PlanWorld): Promise<readonly string[]> {
  const { calls } = await cloud.state();
  const words = calls.map((call) => call.slice(1).filter((word) => !word.startsWith('--')));
  const made = words.map((call) => call.slice(0, 4).join(' ')).filter((call) => !/list|show/.test(call));
  return [...made.map((call) => call.replace(/ [0-9a-f-]{36}.*/, '')), ...tenantCalls];
}

const DONE = `kept     image small
kept     policy workers
kept     node w-1
kept     network public of w-1
kept     attestation of w-1
kept     policy workers, alone
`;

/** Fails unless everything is there once. */
async function expectAll({ cloud, keylime }: PlanWorld): Promise<void> {
  const { images, nodes } = await cloud.state();
  expect(images.map(({ name, status }) => `${name} ${status}`).toSorted()).toEqual([
    'small active',
    'small-kernel active',
    'small-ramdisk active',
  ]);
  expect(nodes).toMatchObject([{ hostname: 'w-1', provision_state: 'active' }]);
  expect(nodes[0]?.ports.filter(({ network }) => network !== undefined)).toHaveLength(1);
  expect([...keylime.policies.keys()]).toEqual(['workers']);
  expect([...keylime.attested.keys()]).toEqual([AGENT]);
}

describe('attest', () => {
  test('plans without changing anything, applies, and has nothing to do afterwards', async () => {
    const world = await startPlanWorld();
    const planned = await world.run('plan');
    expect(planned.stderr).toContain('5 steps to do, of 6');
    expect(planned.code).toBe(1);
    expect(planned.stdout).toContain('upload kernel small-kernel');
    expect(planned.stdout).toContain('deploy w-1 with image small, once that is uploaded');
    expect(await changes(world)).toEqual([]);

    const applied = await world.run('apply');
    expect(applied.stderr).not.toContain('[');
    expect(applied).toMatchObject({
      code: 0,
      stdout: DONE.replaceAll('kept', 'done').replace(
        'done     policy workers, alone',
        'kept     policy workers, alone',
      ),
    });
    await expectAll(world);
    const before = await changes(world);

    expect(await world.run('apply')).toMatchObject({ code: 0, stdout: DONE });
    expect(await changes(world)).toEqual(before);
    expect(await world.run('status')).toMatchObject({ code: 0 });
    const journal = await readFile(join(world.directory, 'plan.state/journal.jsonl'), 'utf8');
    expect(journal).not.toMatch(/PRIVATE|password|token/i);
  });

  test.each([
    { call: 'image create', when: 'before' },
    { call: 'image create', when: 'after' },
    { call: 'deploy', when: 'after' },
    { call: 'esi node network attach', when: 'after' },
  ])('killed $when $call it is taken up, and does nothing twice', async ({ call, when }) => {
    const world = await startPlanWorld();
    await world.cloud.change({ kill: { call, when } });
    expect((await world.run('apply')).code).toBe(null);
    const again = await world.run('apply');
    expect(again.stderr).not.toContain('hint:');
    expect(again.code).toBe(0);
    await expectAll(world);
  });

  test.each([
    { command: 'addruntimepolicy', when: 'after' },
    { command: 'add', when: 'before' },
  ] as const)('killed $when $command of the tenant it is taken up', async ({ command, when }) => {
    const world = await startPlanWorld();
    world.kill = { command, when };
    expect((await world.run('apply')).code).toBe(null);
    expect((await world.run('apply')).code).toBe(0);
    await expectAll(world);
    expect(world.tenantCalls.filter((call) => call === command)).toHaveLength(1);
  });

  test('destroys what it made, in reverse, and nothing else', async () => {
    const world = await startPlanWorld();
    await world.cloud.change({
      images: [{ id: 'theirs', name: 'small', status: 'active', visibility: 'private', properties: {} }],
    });
    await world.run('apply');
    const refused = await world.run('destroy');
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('--yes');
    expect((await world.run('destroy', 'plan.yaml', '--dry-run')).stdout.split('\n')[0]).toBe(
      `attestation of agent ${AGENT}`,
    );

    const destroyed = await world.run('destroy', 'plan.yaml', '--yes');
    expect(destroyed.code).toBe(0);
    const { images, nodes } = await world.cloud.state();
    expect(images.map(({ id }) => id)).toEqual(['theirs']);
    expect(nodes[0]?.hostname).toBeUndefined();
    expect([...world.keylime.policies, ...world.keylime.attested, ...world.keylime.registered]).toEqual([]);
    expect(await world.run('destroy', 'plan.yaml', '--yes')).toMatchObject({ code: 0, stdout: '' });
  });

  test('leaves alone what was there before it', async () => {
    const world = await startPlanWorld();
    await world.run('apply');
    // As on another machine: the journal is lost, everything is found again.
    const other = ['--state', 'elsewhere'];
    expect(await world.run('apply', 'plan.yaml', ...other)).toMatchObject({ code: 0, stdout: DONE });
    expect(await world.run('destroy', 'plan.yaml', '--yes', ...other)).toMatchObject({ code: 0, stdout: '' });
    await expectAll(world);
  });

  test('widens a policy before it narrows it, so that nothing fails in between', async () => {
    const world = await startPlanWorld();
    await world.run('apply');
    await writeFile(join(world.directory, 'newer'), `${'2'.repeat(64)}  /usr/bin/two\n`);
    await writePlan(world, { policies: ['newer'] });
    const uploaded: string[][] = [];
    const set = world.keylime.policies.set.bind(world.keylime.policies);
    world.keylime.policies.set = (name, text) => {
      uploaded.push(Object.keys(JSON.parse(text).digests));
      return set(name, text);
    };
    expect((await world.run('status')).code).toBe(1);
    const applied = await world.run('apply');
    expect(applied.code).toBe(0);
    expect(uploaded).toEqual([['/usr/bin/one', '/usr/bin/two'], ['/usr/bin/two']]);
    expect((await world.run('plan')).code).toBe(0);
  });

  test('ends with 3 where a node fails its attestation, and status says so', async () => {
    const world = await startPlanWorld();
    Object.assign(world.attestation, { state: 9, event: 'ima.validation.ima-ng.not_in_allowlist' });
    const applied = await world.run('apply');
    expect(applied.code).toBe(3);
    expect(applied.stderr).toContain('[ATTESTATION_FAILED]');
    expect(applied.stdout).toContain('failed   attestation of w-1');
    expect(applied.stdout).toContain('skipped  policy workers, alone');
    const status = await world.run('status');
    expect(status.code).toBe(1);
    expect(status.stdout).toContain('FAILED   attestation of w-1');
    expect(status.stdout).toContain('does not list');
  });

  test('ends with 3 where the cloud refuses, and says what is done', async () => {
    const world = await startPlanWorld();
    await world.cloud.change({ nodes: [] });
    const applied = await world.run('apply', 'plan.yaml', '--json');
    expect(applied.code).toBe(3);
    const events = applied.stdout
      .trim()
      .split('\n')
      .map((line): { event: string; step?: string; code?: string } => JSON.parse(line));
    expect(events).toContainEqual(
      expect.objectContaining({ event: 'failed', step: 'node w-1', code: 'NO_CAPACITY' }),
    );
    expect(events).toContainEqual(expect.objectContaining({ event: 'skipped', step: 'attestation of w-1' }));
    expect(events.at(-1)?.event).toBe('end');
  });

  test('refuses a second run at the same time', async () => {
    const world = await startPlanWorld();
    await world.cloud.change({ slowUploadMs: 3000 });
    const first = world.run('apply');
    await expect
      .poll(async () => readFile(join(world.directory, 'plan.state/lock'), 'utf8').catch(() => ''), {
        timeout: 20_000,
      })
      .not.toBe('');
    const second = await world.run('apply');
    expect(second.code).toBe(2);
    expect(second.stderr).toContain('[PLAN_LOCKED]');
    expect((await first).code).toBe(0);
  });
});
