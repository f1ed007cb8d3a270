// Nodes of a fake cloud: each state that a real one can be in. The real one is in test/live.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import type { DeployRequest } from '../../src/openstack/instances.ts';
import { applyNodeDeploy, type DeployOptions, planNodeDeploy } from '../../src/openstack/node-deploy.ts';
import { applyNodeAttach, applyNodeDetach, planNodeNetwork } from '../../src/openstack/node-networks.ts';
import { reportNode } from '../../src/openstack/node-show.ts';
import { applyNodeUndeploy, planNodeUndeploy } from '../../src/openstack/node-undeploy.ts';
import { runCli } from '../support/cli.ts';
import { type FakeCloud, NODE, openFakeCloud } from '../support/fake-cloud.ts';

const IMAGE = {
  id: '30000000-0000-4000-8000-000000000001',
  name: 'keylime-image',
  status: 'active',
  visibility: 'private',
  size: 1,
  properties: {},
};
const ATTESTATION = '20000000-0000-4000-8000-000000000000';
const request: DeployRequest = {
  hostname: 'worker-1',
  image: 'keylime-image',
  resourceClass: 'baremetal',
  networks: ['attestation'],
};

/** A cloud with the image and a node in this state. */
function cloudWith(node: object = {}, state: object = {}): Promise<FakeCloud> {
  return openFakeCloud({ images: [IMAGE], nodes: [{ ...NODE, ...node }], ...state });
}

async function programCalls(cloud: FakeCloud): Promise<readonly string[]> {
  const { calls } = await cloud.state();
  return calls.filter(([program]) => program === 'metalsmith').map((call) => call[2] ?? '');
}

async function deploy(cloud: FakeCloud, options: DeployOptions = {}): ReturnType<typeof applyNodeDeploy> {
  const all = { run: cloud.run, ...options };
  return applyNodeDeploy(await planNodeDeploy(request, all), all);
}

const deployed = { hostname: 'worker-1', image: IMAGE.id, provision_state: 'active' };

describe('node deploy', () => {
  test('deploys where nothing has the hostname, and waits', async () => {
    const cloud = await cloudWith();
    const key = join(cloud.directory, 'key.pub');
    await writeFile(key, 'ssh-ed25519 AAAA');
    const all: DeployRequest = {
      ...request,
      networks: ['attestation', 'public'],
      candidates: ['node-1'],
      sshPublicKeys: [key],
      rootSizeGib: 40,
      swapSizeMib: 1024,
      userName: 'centos',
      passwordlessSudo: true,
      traits: ['CUSTOM_TPM'],
      capabilities: ['boot_mode=uefi'],
      conductorGroup: 'group',
      netboot: true,
    };
    const options = { run: cloud.run, waitSeconds: 60 };
    const instance = await applyNodeDeploy(await planNodeDeploy(all, options), options);
    expect(instance).toMatchObject({
      hostname: 'worker-1',
      state: 'active',
      imageId: IMAGE.id,
      addresses: { attestation: ['192.0.2.2'] },
    });
    const { calls } = await cloud.state();
    expect(calls.at(-1)).toEqual([
      'metalsmith',
      '--format=json',
      'deploy',
      `--image=${IMAGE.id}`,
      '--resource-class=baremetal',
      '--network=attestation',
      '--network=public',
      '--candidate=node-1',
      '--hostname=worker-1',
      `--ssh-public-key=${key}`,
      '--root-size=40',
      '--swap-size=1024',
      '--user-name=centos',
      '--passwordless-sudo',
      '--trait=CUSTOM_TPM',
      '--capability=boot_mode=uefi',
      '--conductor-group=group',
      '--netboot',
      '--wait=60',
    ]);
  });

  test.each([
    { state: 'active with the image', node: deployed, calls: ['show'] },
    {
      state: 'being deployed',
      node: { ...deployed, provision_state: 'wait call-back' },
      calls: ['show', 'wait', 'show'],
    },
  ])('does not deploy again what is $state', async ({ node, calls }) => {
    const cloud = await cloudWith(node);
    expect(await deploy(cloud)).toMatchObject({ state: 'active', imageId: IMAGE.id });
    expect(await programCalls(cloud)).toEqual(calls);
  });

  test.each([
    { state: 'that failed', node: { ...deployed, provision_state: 'deploy failed', last_error: 'no disk' } },
    { state: 'of another image', node: { ...deployed, image: 'other' } },
  ])('undeploys a deployment $state only if asked to', async ({ node }) => {
    const cloud = await cloudWith(node);
    await expect(deploy(cloud)).rejects.toMatchObject({
      code: 'WRONG_STATE',
      hint: expect.stringContaining('--redeploy'),
    });
    expect(await programCalls(cloud)).toEqual(['show']);
    expect(await deploy(cloud, { redeploy: true })).toMatchObject({ state: 'active', imageId: IMAGE.id });
    expect(await programCalls(cloud)).toEqual(['show', 'show', 'undeploy', 'deploy']);
  });

  test.each([
    { state: 'maintenance', node: { ...deployed, maintenance: true } },
    { state: 'unknown', node: { ...deployed, provision_state: 'rescue' } },
  ])('leaves a node in state $state alone, even if asked to redeploy', async ({ state, node }) => {
    const cloud = await cloudWith(node);
    await expect(deploy(cloud, { redeploy: true })).rejects.toMatchObject({
      code: 'WRONG_STATE',
      message: expect.stringContaining(state),
    });
  });

  test('releases what a killed deployment reserved, after a while, and deploys', async () => {
    const cloud = await cloudWith({ hostname: 'worker-1' });
    const options = { run: cloud.run, reservationGraceMs: 1_000 };
    const plan = await planNodeDeploy(request, options);
    expect(plan.action).toBe('release');
    const instance = await applyNodeDeploy(plan, options);
    expect(instance).toMatchObject({ state: 'active', hostname: 'worker-1' });
    expect((await programCalls(cloud)).slice(-2)).toEqual(['undeploy', 'deploy']);
  });

  test('waits for a reservation that somebody else goes on with', async () => {
    const cloud = await cloudWith({ hostname: 'worker-1', image: IMAGE.id });
    const plan = await planNodeDeploy(request, { run: cloud.run });
    await cloud.change({ nodes: [{ ...NODE, ...deployed, provision_state: 'deploying' }] });
    const instance = await applyNodeDeploy(plan, { run: cloud.run });
    expect(instance).toMatchObject({ state: 'active' });
    expect(await programCalls(cloud)).not.toContain('undeploy');
  });

  test.each([
    { why: 'no node is free', state: {}, node: { resource_class: 'other' }, code: 'NO_CAPACITY' },
    { why: 'the image is not there', state: { images: [] }, node: {}, code: 'NOT_FOUND' },
    { why: 'two images have the name', state: { images: [IMAGE, IMAGE] }, node: {}, code: 'NAME_AMBIGUOUS' },
    { why: 'it fails', state: { deployEndsIn: 'deploy failed' }, node: {}, code: 'WRONG_STATE' },
    {
      why: 'it takes too long',
      state: { waitTimesOut: true },
      node: { ...deployed, provision_state: 'deploying' },
      code: 'TIMED_OUT',
    },
  ])('says so where $why', async ({ state, node, code }) => {
    await expect(deploy(await cloudWith(node, state))).rejects.toMatchObject({ code });
  });

  test.each([
    { why: 'a hostname like an option', change: { hostname: '--help' }, code: 'ARGUMENT_INVALID' },
    { why: 'a hostname for a shell', change: { hostname: '; rm' }, code: 'ARGUMENT_INVALID' },
    { why: 'a hostname of two lines', change: { hostname: 'a\nb' }, code: 'ARGUMENT_INVALID' },
    { why: 'a hostname of 10 kB', change: { hostname: 'x'.repeat(10_000) }, code: 'ARGUMENT_INVALID' },
    { why: 'an image like an option', change: { image: '--help' }, code: 'ARGUMENT_INVALID' },
    { why: 'no network', change: { networks: [] }, code: 'ARGUMENT_INVALID' },
    { why: 'a network like an option', change: { networks: ['-x'] }, code: 'ARGUMENT_INVALID' },
    { why: 'a candidate of two lines', change: { candidates: ['a\nb'] }, code: 'ARGUMENT_INVALID' },
    { why: 'a key that is not there', change: { sshPublicKeys: ['/no/such/key'] }, code: 'INPUT_UNREADABLE' },
  ])('asks nobody about $why', async ({ change, code }) => {
    const cloud = await cloudWith();
    const planning = planNodeDeploy({ ...request, ...change }, { run: cloud.run });
    await expect(planning).rejects.toMatchObject({ code });
    expect((await cloud.state()).calls).toEqual([]);
  });
});

describe('node undeploy', () => {
  const undeploy = async (cloud: FakeCloud, hostname = 'worker-1'): Promise<boolean> =>
    applyNodeUndeploy(await planNodeUndeploy(hostname, { run: cloud.run }), { run: cloud.run });

  test('gives the node back, and finds nothing the second time', async () => {
    const cloud = await cloudWith(deployed);
    expect(await undeploy(cloud)).toBe(true);
    expect((await cloud.state()).nodes).toMatchObject([{ provision_state: 'available' }]);
    expect(await undeploy(cloud)).toBe(false);
    expect(await programCalls(cloud)).toEqual(['show', 'undeploy', 'show']);
  });

  test('releases a reservation', async () => {
    const cloud = await cloudWith({ hostname: 'worker-1' });
    expect(await undeploy(cloud)).toBe(true);
    expect((await cloud.state()).nodes[0]).not.toHaveProperty('hostname');
  });

  test('does not touch the node of that name, which has another hostname', async () => {
    const cloud = await cloudWith(deployed);
    expect(await undeploy(cloud, 'node-1')).toBe(false);
    expect((await cloud.state()).nodes).toMatchObject([{ provision_state: 'active' }]);
  });

  test('passes on what is in the way', async () => {
    const cloud = await cloudWith(deployed, {
      failures: [
        {
          call: 'undeploy',
          exitCode: 1,
          stderr:
            'The requested action "deleted" can not be performed on node "x" while it is in state "deleting".',
        },
      ],
    });
    await expect(undeploy(cloud)).rejects.toMatchObject({ code: 'WRONG_STATE' });
  });
});

describe('node attach and detach', () => {
  test('attach once, however often', async () => {
    const cloud = await cloudWith(deployed);
    const attach = async (): Promise<string> => {
      const plan = await planNodeNetwork('worker-1', 'attestation', { run: cloud.run });
      return (await applyNodeAttach(plan, { run: cloud.run })).portId;
    };
    const port = await attach();
    expect(await attach()).toBe(port);
    const ports = (await cloud.state()).nodes[0]?.ports ?? [];
    expect(ports.filter(({ network }) => network === ATTESTATION)).toHaveLength(1);
  });

  test('detach every port on the network and no other, once', async () => {
    const ports = [
      { mac: '52:54:00:00:00:01', port: 'p1', network: ATTESTATION },
      { mac: '52:54:00:00:00:02', port: 'p2', network: '20000000-0000-4000-8000-000000000001' },
      { mac: '52:54:00:00:00:03', port: 'p3', network: ATTESTATION },
    ];
    const cloud = await cloudWith({ ports });
    const detach = async (): Promise<readonly string[]> => {
      const plan = await planNodeNetwork('node-1', ATTESTATION, { run: cloud.run });
      return (await applyNodeDetach(plan, { run: cloud.run })).map(({ portId }) => portId);
    };
    expect(await detach()).toEqual(['p1', 'p3']);
    expect(await detach()).toEqual([]);
    expect((await cloud.state()).nodes[0]?.ports.map(({ port }) => port)).toEqual([
      undefined,
      'p2',
      undefined,
    ]);
  });

  test('say that a port stays', async () => {
    const ports = [{ mac: '52:54:00:00:00:01', port: 'p1', network: ATTESTATION }];
    const cloud = await cloudWith({ ports }, { detachDoesNothing: true });
    const plan = await planNodeNetwork('node-1', 'attestation', { run: cloud.run });
    await expect(applyNodeDetach(plan, { run: cloud.run })).rejects.toMatchObject({ code: 'WRONG_STATE' });
  });

  test.each([
    { why: 'no free port', node: 'node-1', network: 'public', ports: [], code: 'NO_CAPACITY' },
    { why: 'no such network', node: 'node-1', network: 'nonet', ports: [], code: 'NOT_FOUND' },
    { why: 'no such node', node: 'nope', network: 'public', ports: [], code: 'NOT_FOUND' },
    { why: 'a node like an option', node: '--help', network: 'public', ports: [], code: 'ARGUMENT_INVALID' },
    {
      why: 'a network like an option',
      node: 'node-1',
      network: '--help',
      ports: [],
      code: 'ARGUMENT_INVALID',
    },
  ])('say that there is $why', async ({ node, network, ports, code }) => {
    const cloud = await cloudWith({ ports });
    const attaching = planNodeNetwork(node, network, { run: cloud.run }).then((plan) =>
      applyNodeAttach(plan, { run: cloud.run }),
    );
    await expect(attaching).rejects.toMatchObject({ code });
  });
});

describe('node show', () => {
  test('finds a node by hostname, name and UUID', async () => {
    const cloud = await cloudWith(deployed);
    for (const name of ['worker-1', 'node-1', String(NODE['uuid'])]) {
      expect(await reportNode(name, { run: cloud.run })).toMatchObject({
        node: { name: 'node-1', provisionState: 'active', imageId: IMAGE.id },
        instance: { hostname: 'worker-1' },
        ports: [],
        unknown: [],
      });
    }
  });

  test('says what it cannot know without the ESI plugin', async () => {
    const failures = [
      {
        call: 'esi node network show',
        exitCode: 2,
        stderr: "openstack: 'esi node network show' is not an openstack command. See 'openstack --help'.",
      },
    ];
    const cloud = await cloudWith({}, { failures });
    const report = await reportNode('node-1', { run: cloud.run });
    expect(report).toMatchObject({ instance: undefined, ports: undefined });
    expect(report.unknown).toEqual([expect.stringContaining('pip install python-esiclient')]);
  });
});

describe('the commands', () => {
  test('go from nothing to an attached node and back, twice each', { timeout: 120_000 }, async () => {
    const cloud = await cloudWith();
    const run = async (...args: readonly string[]): Promise<string> => {
      const result = await runCli(['node', ...args, '--os-cloud', 'fake', '-q'], { env: cloud.env });
      expect(result).toMatchObject({ code: 0, stderr: '' });
      return result.stdout;
    };
    const deploying = ['deploy', '--hostname', 'worker-1', '--image', 'keylime-image'];
    deploying.push('--resource-class', 'baremetal', '--network', 'attestation', '--wait', '60');
    expect(await run(...deploying, '--dry-run')).toContain('worker-1: to be deployed');
    expect(await run(...deploying)).toContain('worker-1: active, node 1000');
    expect(JSON.parse(await run(...deploying, '--json'))).toMatchObject({ schemaVersion: 1, did: 'keep' });
    expect(await run('attach', 'worker-1', 'public', '--dry-run')).toContain('to be attached');
    expect(await run('attach', 'worker-1', 'public')).toContain('node-1, public: attached\n  port 52:54');
    expect(JSON.parse(await run('attach', 'worker-1', 'public', '--json'))).toMatchObject({ did: 'keep' });
    expect(await run('show', 'worker-1')).toMatch(
      /^node-1: active, power off;.*\nworker-1: active,[^]*port 52:54/,
    );
    expect(await run('detach', 'worker-1', 'public', '--dry-run')).toContain('to be detached');
    expect(await run('detach', 'worker-1', 'public')).toContain('node-1, public: detached');
    expect(await run('detach', 'worker-1', 'public')).toContain('is not attached');
    expect(await run('undeploy', 'worker-1', '--dry-run')).toContain('to be undeployed');
    expect(await run('undeploy', 'worker-1', '--wait', '60')).toContain('worker-1: undeployed');
    expect(await run('undeploy', 'worker-1')).toContain('nothing is deployed with this hostname');
  });

  test.each([
    { args: ['deploy', '--hostname', 'x'], code: 2, says: '--image is missing' },
    { args: ['show', 'nope'], code: 3, says: '[NOT_FOUND]' },
    { args: ['undeploy', '--', '-x'], code: 0, says: '' },
  ])('end $args with $code', async ({ args, code, says }) => {
    const cloud = await cloudWith();
    const result = await runCli(['node', ...args], { env: cloud.env });
    expect(result.code).toBe(code);
    expect(result.stderr).toContain(says);
  });
});
