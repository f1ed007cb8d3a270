// The commands against real services and clients: Glance, Ironic, openstack, metalsmith, the ESI client. Set
// IMA_ASSAY_LIVE to a directory of .ci/setup-openstack.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { type CliResult, MAIN, runCli } from '../support/cli.ts';
import { skipAloud } from '../support/tools.ts';
import { enrol, hasServices, type Services, startServices } from './services.ts';

const CLIENTS = process.env['IMA_ASSAY_LIVE'] ?? '';
const isReady = CLIENTS !== '' && (await hasServices());

let services: Services;
let directory = '';

beforeAll(async () => {
  if (!isReady) return;
  services = await startServices(CLIENTS);
  await enrol(services.ironic, 'node-1', ['52:54:00:00:00:01', '52:54:00:00:00:02']);
  directory = await mkdtemp(join(tmpdir(), 'ima-assay-'));
  await writeFile(join(directory, 'image.vmlinuz'), 'not really a kernel\n');
  await writeFile(join(directory, 'image.initrd'), 'not really an initramfs\n');
  await writeFile(join(directory, 'key.pub'), 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA test\n');
  const convert = ['create', '-q', '-f', 'qcow2', join(directory, 'image.qcow2'), '4M'];
  await promisify(execFile)('qemu-img', convert);
}, 300_000);

afterAll(async () => {
  if (!isReady) return;
  await services.stop();
  await rm(directory, { recursive: true });
}, 60_000);

beforeEach((context) => {
  if (!isReady)
    skipAloud(
      context,
      'IMA_ASSAY_LIVE names no directory of .ci/setup-openstack, or Glance and Ironic are missing',
    );
});

interface LiveImage {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly visibility: string;
  readonly kernel_id?: string;
  readonly os_hash_value: string | null;
}

/** What the service itself has. */
async function images(): Promise<readonly LiveImage[]> {
  const response = await fetch(`${services.glance}/v2/images?limit=100`);
  const { images: list }: { images: LiveImage[] } = JSON.parse(await response.text());
  return list;
}

function ima(...args: readonly string[]): Promise<CliResult> {
  return runCli(args, { cwd: directory, env: services.env });
}

async function done(...args: readonly string[]): Promise<CliResult> {
  const result = await ima(...args);
  expect(result, result.stderr).toMatchObject({ code: 0 });
  return result;
}

const UPLOAD = [
  'image',
  'upload',
  '--name',
  'image',
  '--kernel',
  'image.vmlinuz',
  '--ramdisk',
  'image.initrd',
];

describe('image upload', { timeout: 300_000 }, () => {
  test('makes three images once, and changes nothing the second time', async () => {
    const upload = [...UPLOAD, '--disk', 'image.qcow2', '--os-cloud', 'live'];
    const { stdout } = await done(...upload);
    expect(stdout.split('\n').map((line) => line.replace(/ +\S{36} +/, ' '))).toEqual([
      'kernel uploaded  image-kernel',
      'ramdisk uploaded  image-ramdisk',
      'disk uploaded  image',
      '',
    ]);
    const first = await images();
    const kernel = first.find(({ name }) => name === 'image-kernel');
    expect(first.find(({ name }) => name === 'image')?.kernel_id).toBe(kernel?.id);
    // sha512sum image.vmlinuz
    const { stdout: sum } = await promisify(execFile)('sha512sum', ['image.vmlinuz'], { cwd: directory });
    expect(sum.slice(0, 128)).toBe(kernel?.os_hash_value);
    const again = await done(...upload);
    expect(again.stdout.match(/ kept /g)).toHaveLength(3);
    expect(await images()).toEqual(first);
  });

  test('changes only what differs', async () => {
    const { stdout } = await done(...UPLOAD, '--disk', 'image.qcow2', '--public');
    expect(stdout.match(/ changed /g)).toHaveLength(3);
    expect((await images()).map(({ visibility }) => visibility)).toEqual(Array(3).fill('public'));
  });

  test('is killed in the middle, and the next one tidies up and is done', async () => {
    const sparse = await open(join(directory, 'large.raw'), 'w');
    await sparse.truncate(768 << 20);
    await sparse.close();
    const upload = ['image', 'upload', '--name', 'large', '--disk', 'large.raw'];
    const large = async (): Promise<readonly string[]> =>
      (await images()).filter(({ name }) => name === 'large').map(({ status }) => status);
    const env = { ...process.env, ...services.env };
    const running = spawn(process.execPath, [MAIN, ...upload], { cwd: directory, env, stdio: 'ignore' });
    const ended = once(running, 'exit');
    await expect.poll(large, { timeout: 120_000, interval: 50 }).toHaveLength(1);
    // The client goes first: nobody is left who could tidy up.
    const pid = String(running.pid);
    const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ');
    running.kill('SIGKILL');
    for (const child of children) process.kill(Number(child), 'SIGKILL');
    await ended;
    await sleep(2_000);
    const left = await large();
    expect(left).toEqual([expect.stringMatching(/queued|saving/)]);
    const dry = await done(...upload, '--dry-run', '-q');
    expect(dry.stdout).toMatch(/^delete {2}disk .*killed\nupload {2}disk /);
    await done(...upload);
    expect(await large()).toEqual(['active']);
  });

  test('leaves nothing where the service refuses', async () => {
    const before = await images();
    // The service looks into what claims to be a qcow2, and does not like it.
    const broken = Buffer.concat([Buffer.from('QFI\u00fb', 'latin1'), Buffer.alloc(3 << 20, 0xa5)]);
    await writeFile(join(directory, 'broken.qcow2'), broken);
    await writeFile(join(directory, 'new.vmlinuz'), 'a newer kernel\n');
    const upload = ['image', 'upload', '--name', 'broken', '--kernel', 'new.vmlinuz'];
    const result = await ima(...upload, '--ramdisk', 'image.initrd', '--disk', 'broken.qcow2');
    expect(result).toMatchObject({ code: 3, stdout: '' });
    expect(await images()).toEqual(before);
  });
});

describe('a node', { timeout: 300_000 }, () => {
  const deploy = [
    'node',
    'deploy',
    '--hostname',
    'worker-1',
    '--image',
    'image',
    '--resource-class',
    'baremetal',
  ];
  deploy.push('--network', 'attestation', '--ssh-public-key', 'key.pub', '--wait', '120');

  test('is deployed once', async () => {
    expect((await done(...deploy, '--dry-run')).stdout).toContain('worker-1: to be deployed');
    expect((await done('node', 'show', 'node-1')).stdout).toContain('node-1: available');
    expect((await done(...deploy)).stdout).toMatch(
      /^worker-1: active, node .*\n {2}attestation: 192\.0\.2\.\d+\n$/,
    );
    const again = JSON.parse((await done(...deploy, '--json')).stdout);
    expect(again).toMatchObject({ did: 'keep', instance: { state: 'active', hostname: 'worker-1' } });
  });

  test('is attached and detached once', async () => {
    const port = /port 52:54:00:00:00:0\d on public /;
    expect((await done('node', 'attach', 'worker-1', 'public')).stdout).toMatch(port);
    expect((await done('node', 'attach', 'node-1', 'public')).stdout).toContain('was attached');
    expect((await done('node', 'show', 'node-1')).stdout.match(/ {2}port /g)).toHaveLength(2);
    expect((await done('node', 'detach', 'node-1', 'public')).stdout).toMatch(port);
    expect((await done('node', 'detach', 'node-1', 'public')).stdout).toContain('is not attached');
  });

  test.each([
    { why: 'an unknown network', args: ['attach', 'worker-1', 'nonet'], says: '[NOT_FOUND]' },
    { why: 'an unknown node', args: ['show', 'nope'], says: '[NOT_FOUND]' },
    {
      why: 'an unknown cloud',
      args: ['show', 'nope', '--os-cloud', 'nocloud'],
      says: '[AUTHENTICATION_FAILED]',
    },
    {
      why: 'no free node',
      args: deploy.slice(1).map((arg) => (arg === 'worker-1' ? 'worker-2' : arg)),
      says: '[NO_CAPACITY]',
    },
    {
      why: 'another image in its place',
      args: deploy.slice(1).map((arg) => (arg === 'image' ? 'large' : arg)),
      says: '[WRONG_STATE]',
    },
  ])('tells $why', async ({ args, says }) => {
    const result = await ima('node', ...args);
    expect(result, result.stderr).toMatchObject({ code: 3, stdout: '' });
    expect(result.stderr).toContain(says);
  });

  test('is undeployed once', async () => {
    expect((await done('node', 'undeploy', 'worker-1')).stdout).toContain('worker-1: undeployed');
    expect((await done('node', 'undeploy', 'worker-1')).stdout).toContain('nothing is deployed');
    expect((await done('node', 'show', 'node-1')).stdout).toContain('node-1: available');
  });

  test('that a killed deployment reserved is released', async () => {
    const allocation = ['baremetal', 'allocation', 'create', '--resource-class=baremetal', '--name=worker-1'];
    await promisify(execFile)(join(CLIENTS, 'bin/openstack'), allocation, {
      env: { ...process.env, ...services.env },
    });
    expect((await done(...deploy, '--dry-run')).stdout).toContain('reserved by a deployment that was killed');
    expect((await done('node', 'undeploy', 'worker-1')).stdout).toContain('worker-1: undeployed');
    expect((await done('node', 'show', 'node-1')).stdout).toContain('node-1: available');
  });
});
