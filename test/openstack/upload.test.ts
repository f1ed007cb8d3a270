// Uploads to a fake cloud: each state that a real one can be in. The real one is in test/live.

import { createHash } from 'node:crypto';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { describe, expect, test } from 'vitest';

import { applyImageUpload, type UploadedPart } from '../../src/openstack/upload-apply.ts';
import {
  listUploadActions,
  planImageUpload,
  STAMP,
  type UploadOptions,
  type UploadRequest,
} from '../../src/openstack/upload-plan.ts';
import { runCli } from '../support/cli.ts';
import { type FakeCloud, openFakeCloud } from '../support/fake-cloud.ts';

const KERNEL = Buffer.from('a kernel');
const sha512 = (bytes: Uint8Array): string => createHash('sha512').update(bytes).digest('hex');
const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');

async function filesFor(cloud: FakeCloud): Promise<UploadRequest> {
  const request = {
    name: 'image',
    kernel: join(cloud.directory, 'kernel'),
    ramdisk: join(cloud.directory, 'ramdisk'),
    disk: join(cloud.directory, 'disk'),
  };
  await writeFile(request.kernel, KERNEL);
  await writeFile(request.ramdisk, 'a ramdisk');
  await writeFile(request.disk, Buffer.concat([Buffer.from('QFI\xfb', 'latin1'), Buffer.from('a disk')]));
  return request;
}

async function upload(
  cloud: FakeCloud,
  request: UploadRequest,
  options: UploadOptions = {},
): Promise<readonly UploadedPart[]> {
  const all = { run: cloud.run, ...options };
  return applyImageUpload(await planImageUpload(request, all), all);
}

/** What changed the cloud, without the listing and showing around it. */
async function changes(cloud: FakeCloud): Promise<readonly string[]> {
  const { calls } = await cloud.state();
  return calls.map((call) => call.slice(1, 3).join(' ')).filter((call) => !/list|show/.test(call));
}

const imageOf = (bytes: Buffer, more: object = {}): object => ({
  id: 'theirs',
  name: 'image-kernel',
  status: 'active',
  visibility: 'public',
  size: bytes.length,
  checksum: md5(bytes),
  disk_format: 'aki',
  container_format: 'aki',
  properties: { os_hash_algo: 'sha512', os_hash_value: sha512(bytes) },
  ...more,
});

describe('an upload', () => {
  test('makes kernel, ramdisk and a disk that names them', async () => {
    const cloud = await openFakeCloud();
    const uploaded = await upload(cloud, await filesFor(cloud));
    expect(uploaded.map(({ part, did }) => `${part} ${did}`)).toEqual([
      'kernel uploaded',
      'ramdisk uploaded',
      'disk uploaded',
    ]);
    const { images } = await cloud.state();
    const [kernel, ramdisk, disk] = images;
    expect(images).toMatchObject([
      { name: 'image-kernel', container_format: 'aki', disk_format: 'aki', visibility: 'private' },
      { name: 'image-ramdisk', container_format: 'ari', disk_format: 'ari', visibility: 'private' },
      { name: 'image', container_format: 'bare', disk_format: 'qcow2', visibility: 'private' },
    ]);
    expect(disk?.properties).toMatchObject({ kernel_id: kernel?.id, ramdisk_id: ramdisk?.id });
    expect(kernel?.properties[STAMP]).toBe(sha512(KERNEL));
  });

  test('does nothing the second time', async () => {
    const cloud = await openFakeCloud();
    const request = await filesFor(cloud);
    const first = await upload(cloud, request);
    const before = await cloud.state();
    const second = await upload(cloud, request);
    expect(second).toEqual(first.map((part) => ({ ...part, did: 'kept' })));
    expect((await cloud.state()).images).toEqual(before.images);
    expect(await changes(cloud)).toEqual(['image create', 'image create', 'image create']);
  });

  test('uploads only what has changed, and links it', async () => {
    const cloud = await openFakeCloud();
    const request = await filesFor(cloud);
    await upload(cloud, request);
    await writeFile(request.kernel ?? '', 'a newer kernel');
    const uploaded = await upload(cloud, request);
    expect(uploaded.map(({ did }) => did)).toEqual(['uploaded', 'kept', 'changed']);
    const { images } = await cloud.state();
    expect(images.find(({ name }) => name === 'image')?.properties['kernel_id']).toBe(uploaded[0]?.id);
  });

  test('takes images that others made, by their hash, and leaves their visibility', async () => {
    const cloud = await openFakeCloud({ images: [imageOf(KERNEL)] });
    const uploaded = await upload(cloud, await filesFor(cloud));
    expect(uploaded[0]).toEqual({ part: 'kernel', id: 'theirs', name: 'image-kernel', did: 'kept' });
  });

  test.each([
    {
      why: 'other bytes of one size',
      more: { properties: { os_hash_algo: 'sha512', os_hash_value: 'f00' } },
    },
    { why: 'MD5 alone, which proves nothing', more: { properties: {} } },
    { why: 'another format', more: { disk_format: 'raw' } },
    { why: 'another state', more: { status: 'deactivated' } },
  ])('does not take an image with $why', async ({ more }) => {
    const cloud = await openFakeCloud({ images: [imageOf(KERNEL, more)] });
    expect((await upload(cloud, await filesFor(cloud)))[0]).toMatchObject({ did: 'uploaded' });
  });

  test('is found among images of one name', async () => {
    const twins = [imageOf(KERNEL, { properties: {} }), imageOf(KERNEL, { id: 'right' })];
    const cloud = await openFakeCloud({ images: twins });
    expect((await upload(cloud, await filesFor(cloud)))[0]).toMatchObject({ id: 'right', did: 'kept' });
  });

  test('removes what a killed one left', async () => {
    const left = (id: string, status: string, more: object = {}): object =>
      imageOf(KERNEL, { id, status, size: null, properties: { [STAMP]: sha512(KERNEL) }, ...more });
    const images = [left('a', 'queued'), left('b', 'saving'), left('c', 'queued', { name: 'of another' })];
    const cloud = await openFakeCloud({ images });
    const request = await filesFor(cloud);
    const plan = await planImageUpload(request, { run: cloud.run });
    expect(listUploadActions(plan).map(({ action, id }) => `${action} ${id ?? ''}`)).toEqual([
      'delete a',
      'delete b',
      'upload ',
      'upload ',
      'upload ',
    ]);
    await applyImageUpload(plan, { run: cloud.run });
    const ids = (await cloud.state()).images.map(({ id }) => id);
    expect(ids).not.toContain('a');
    expect(ids).not.toContain('b');
    expect(ids).toContain('c');
  });

  test('changes the visibility that is asked for', async () => {
    const cloud = await openFakeCloud({ isAdmin: true });
    const request = await filesFor(cloud);
    await upload(cloud, request);
    const uploaded = await upload(cloud, { ...request, visibility: 'public' });
    expect(uploaded.map(({ did }) => did)).toEqual(['changed', 'changed', 'changed']);
    expect((await cloud.state()).images.map(({ visibility }) => visibility)).toEqual(Array(3).fill('public'));
  });

  test('of a disk alone needs no kernel', async () => {
    const cloud = await openFakeCloud();
    const { name, kernel = '' } = await filesFor(cloud);
    const uploaded = await upload(cloud, { name, disk: kernel });
    expect(uploaded).toMatchObject([{ part: 'disk', did: 'uploaded' }]);
    expect((await cloud.state()).images).toMatchObject([{ disk_format: 'raw' }]);
  });
});

describe('an upload that fails', () => {
  test.each([
    { why: 'may not make public images', state: {}, visibility: 'public', code: 'FORBIDDEN' },
    { why: 'is over the quota', state: { quotaBytes: 9 }, code: 'QUOTA_EXCEEDED' },
    { why: 'is changed on the way', state: { corruptsUploads: true }, code: 'ANSWER_MALFORMED' },
    {
      why: 'is refused at its last part',
      state: { failures: [{ call: 'image set', exitCode: 1, stderr: 'HttpException: 500: x' }] },
      code: 'REFUSED',
    },
  ] as const)('because it $why leaves nothing', async ({ state, code, ...more }) => {
    const disk = Buffer.concat([Buffer.from('QFI\xfb', 'latin1'), Buffer.from('a disk')]);
    const theirs = imageOf(disk, { name: 'image', disk_format: 'qcow2', container_format: 'bare' });
    const isLast = code === 'REFUSED';
    const cloud = await openFakeCloud({ ...state, images: isLast ? [theirs] : [] });
    const request = { ...(await filesFor(cloud)), ...more };
    await expect(upload(cloud, request)).rejects.toMatchObject({ code });
    expect((await cloud.state()).images.map(({ id }) => id)).toEqual(isLast ? ['theirs'] : []);
  });

  test('deletes in reverse, and says what it could not delete', async () => {
    const failures = [
      {
        call: 'image delete',
        exitCode: 1,
        stderr: 'HttpException: 403: Image x is protected and cannot be deleted.',
      },
    ];
    const cloud = await openFakeCloud({ failures, quotaBytes: 9 });
    const request = await filesFor(cloud);
    await writeFile(request.ramdisk ?? '', 'short');
    const notices: string[] = [];
    const options = { run: cloud.run, onNotice: (text: string) => void notices.push(text) };
    const plan = await planImageUpload(request, options);
    await expect(applyImageUpload(plan, options)).rejects.toMatchObject({ code: 'QUOTA_EXCEEDED' });
    expect((await cloud.state()).images.map(({ name }) => name)).toEqual(['image-ramdisk']);
    expect(notices).toEqual([expect.stringContaining('could not be deleted again')]);
  });

  test('that is aborted in the middle leaves nothing, not even its own remains', async () => {
    const cloud = await openFakeCloud({ slowUploadMs: 30_000 });
    const interrupt = new AbortController();
    const uploading = upload(cloud, await filesFor(cloud), { signal: interrupt.signal });
    const ended = expect(uploading).rejects.toThrow('enough');
    await expect.poll(async () => (await cloud.state()).images.length, { timeout: 20_000 }).toBe(1);
    await cloud.change({ slowUploadMs: undefined });
    interrupt.abort(new Error('enough'));
    await ended;
    expect((await cloud.state()).images).toEqual([]);
  });

  test.each([
    { why: 'no JSON', stdout: 'Traceback' },
    { why: 'another shape', stdout: '[{"id": 1}]' },
    { why: 'cut JSON', stdout: '[{"ID": "x", "Name"' },
  ])('because the answer is $why is ANSWER_MALFORMED', async ({ stdout }) => {
    const cloud = await openFakeCloud();
    const run = async (): Promise<{ exitCode: number; stdout: string; stderr: string }> => ({
      exitCode: 0,
      stdout,
      stderr: '',
    });
    await expect(planImageUpload(await filesFor(cloud), { run })).rejects.toMatchObject({
      code: 'ANSWER_MALFORMED',
    });
  });

  test.each([
    { why: 'a kernel without a ramdisk', change: { ramdisk: undefined }, code: 'ARGUMENT_INVALID' },
    { why: 'a file that is not there', change: { disk: '/no/such/file' }, code: 'INPUT_UNREADABLE' },
    { why: 'a directory', change: { disk: '/' }, code: 'INPUT_UNREADABLE' },
    { why: 'a name like an option', change: { name: '--help' }, code: 'ARGUMENT_INVALID' },
    { why: 'a name of two lines', change: { name: 'a\nb' }, code: 'ARGUMENT_INVALID' },
    { why: 'a name of 10 kB', change: { name: 'x'.repeat(10_000) }, code: 'ARGUMENT_INVALID' },
  ])('because it has $why asks nobody', async ({ change, code }) => {
    const cloud = await openFakeCloud();
    const request = { ...(await filesFor(cloud)), ...change };
    await expect(planImageUpload(request, { run: cloud.run })).rejects.toMatchObject({ code });
    expect((await cloud.state()).calls.filter((call) => call.includes('create'))).toEqual([]);
  });

  test('because an empty file is no image', async () => {
    const cloud = await openFakeCloud();
    const request = await filesFor(cloud);
    await writeFile(request.kernel ?? '', '');
    await expect(planImageUpload(request, { run: cloud.run })).rejects.toMatchObject({
      code: 'INPUT_UNREADABLE',
    });
  });

  test('takes a name that only a shell would misunderstand', async () => {
    const cloud = await openFakeCloud();
    const name = '; rm -rf $HOME "`\'';
    await upload(cloud, { ...(await filesFor(cloud)), name });
    expect((await cloud.state()).images.map((image) => image.name)).toEqual([
      `${name}-kernel`,
      `${name}-ramdisk`,
      name,
    ]);
  });
});

describe('image upload', () => {
  const ARGS = [
    'image',
    'upload',
    '--name',
    'image',
    '--kernel',
    'kernel',
    '--ramdisk',
    'ramdisk',
    '--disk',
    'disk',
  ];

  test('says what it would do, does it, and says what it did', async () => {
    const cloud = await openFakeCloud();
    await filesFor(cloud);
    const options = { cwd: cloud.directory, env: cloud.env };
    const dry = await runCli([...ARGS, '--dry-run', '-q'], options);
    expect(dry).toMatchObject({ code: 0, stderr: '' });
    expect(dry.stdout.split('\n').map((line) => line.slice(0, 16))).toEqual([
      'upload  kernel  ',
      'upload  ramdisk ',
      'upload  disk    ',
      '',
    ]);
    expect((await cloud.state()).images).toEqual([]);
    const done = await runCli([...ARGS, '--os-cloud', 'fake', '--visibility', 'community'], options);
    expect(done).toMatchObject({ code: 0 });
    expect(done.stderr).toContain('uploading disk');
    const again = await runCli([...ARGS, '--json', '-q', '--timeout', '60'], options);
    expect(again).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(again.stdout)).toMatchObject({
      schemaVersion: 1,
      images: [{ did: 'kept', sha512: sha512(KERNEL) }, { did: 'kept' }, { did: 'kept' }],
    });
    expect((await cloud.state()).images.map(({ visibility }) => visibility)).toEqual(
      Array(3).fill('community'),
    );
  });

  test.each([
    { why: 'a remote that refuses', args: ['--public'], code: 3, says: '[FORBIDDEN]' },
    {
      why: 'an unknown cloud',
      args: ['--os-cloud', 'nocloud'],
      code: 3,
      says: 'Cloud nocloud was not found',
    },
    {
      why: 'two visibilities',
      args: ['--public', '--visibility', 'shared'],
      code: 2,
      says: 'exclude each other',
    },
    { why: 'a cloud like an option', args: ['--os-cloud=--debug'], code: 2, says: 'begins with' },
  ])('ends with $code at $why', async ({ args, code, says }) => {
    const cloud = await openFakeCloud();
    await filesFor(cloud);
    const result = await runCli([...ARGS, ...args], { cwd: cloud.directory, env: cloud.env });
    expect(result).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toContain(says);
  });

  test('says that the client is missing', async () => {
    const cloud = await openFakeCloud();
    await filesFor(cloud);
    const result = await runCli(ARGS, { cwd: cloud.directory, env: { PATH: '/nonexistent' } });
    expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining('[PROGRAM_MISSING]') });
  });
});

test('the fake refuses what the real client refuses', async () => {
  const cloud = await openFakeCloud();
  const asking = promisify(execFile)('openstack', ['image', 'create', '--frob'], {
    env: { ...process.env, ...cloud.env },
  });
  await expect(asking).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('unrecognized') });
});
