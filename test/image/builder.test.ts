// The builder of fixtures/builder against GNU cpio.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test, vi } from 'vitest';

import { type Segment, packInitramfs } from '../../fixtures/builder/initramfs.ts';
import { LINKED_NAMES, REPLACED_FILE, packOwnMachine } from '../../fixtures/builder/own-machine.ts';
import type { Compression, Member } from '../../src/image/segment.ts';
import { runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import { EXPECTATION_TOOLS, expectInitramfs } from '../support/expectation.ts';
import { needsTool } from '../support/tools.ts';

const tree: readonly Member[] = [
  { kind: 'directory', name: 'usr' },
  { kind: 'directory', name: 'usr/bin' },
  { kind: 'symlink', name: 'bin', target: 'usr/bin' },
  { kind: 'character-device', name: 'console', major: 5, minor: 1 },
  { kind: 'file', name: 'init', mode: 0o755, content: Buffer.from('#!/bin/sh\n') },
  { kind: 'file', name: 'usr/bin/two words', content: Buffer.from('two\n') },
  { kind: 'file', name: 'empty', content: Buffer.from('') },
  { kind: 'file', name: 'release', content: Buffer.from('early\n') },
  { kind: 'hard-links', names: ['usr/bin/a', 'usr/bin/b', 'usr/bin/c'], content: Buffer.from('linked\n') },
];

function segments(compression: Compression): readonly Segment[] {
  const overlay: Member = { kind: 'file', name: 'release', content: Buffer.from('over\n') };
  return [
    { compression: 'none', members: [{ kind: 'file', name: 'early', content: Buffer.from('early\n') }] },
    { compression, members: tree },
    { compression, members: [overlay], paddingBytes: 513 },
  ];
}

// By sha256sum.
const digests = `\
1925258482b3f0de16a25dfabbbc729dccb3be00573ef48e0f687afc252bb44b  /early
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  /empty
a8076d3d28d21e02012b20eaf7dbf75409a6277134439025f282e368e3305abf  /init
0f33216cfb1150888fafffd0c54cae05b337f7104b9e7c35b386be9ed945adf6  /release
922e77203577a854eb6ac2e383bc9fb7b8fb19be37bba31c5d912a3adf1cd336  /usr/bin/a
922e77203577a854eb6ac2e383bc9fb7b8fb19be37bba31c5d912a3adf1cd336  /usr/bin/b
922e77203577a854eb6ac2e383bc9fb7b8fb19be37bba31c5d912a3adf1cd336  /usr/bin/c
27dd8ed44a83ff94d557f9fd0412ed5a8cbca69ea04922d88c01184a07300a5a  /usr/bin/two_words
`;

const compressions = ['none', 'gzip', 'zstd'] as const;

describe('a packed initramfs', () => {
  test.each(compressions)('is taken by GNU cpio, compression %s', async (compression) => {
    const file = join(await freshDirectory(), 'packed.img');
    const packed = await packInitramfs(file, segments(compression));
    expect(packed.map((segment) => segment.compression)).toEqual(['none', compression, compression]);
    expect(await expectInitramfs(file, packed)).toBe(digests);
  });

  test.each(compressions)('yields the same digests by extract, compression %s', async (compression) => {
    const file = join(await freshDirectory(), 'packed.img');
    await packInitramfs(file, segments(compression));
    expect(await runCli(['extract', file])).toMatchObject({ code: 0, stdout: digests });
  });

  test('is the same bytes each time', async () => {
    const directory = await freshDirectory();
    const [first, second] = [join(directory, 'first.img'), join(directory, 'second.img')];
    await packInitramfs(first, segments('zstd'));
    vi.useFakeTimers({ now: 0, toFake: ['Date'] });
    await packInitramfs(second, segments('zstd')).finally(() => vi.useRealTimers());
    expect(await readFile(second)).toEqual(await readFile(first));
  });

  test('says so when gzip stands in for zstd', async () => {
    vi.resetModules();
    vi.doMock('zstd-napi', () => {
      throw new Error('not installed');
    });
    const { packInitramfs: packWithoutZstd } = await import('../../fixtures/builder/initramfs.ts');
    const notices: string[] = [];
    const file = join(await freshDirectory(), 'packed.img');
    const onNotice = (notice: string): void => void notices.push(notice);
    const packed = await packWithoutZstd(file, [{ compression: 'zstd', members: tree }], { onNotice });
    vi.doUnmock('zstd-napi');
    expect(packed).toMatchObject([{ compression: 'gzip' }]);
    expect(notices).toEqual([expect.stringContaining('zstd-napi is not installed')]);
  });

  test.each([
    { why: 'not ASCII', name: 'caf\u00e9' },
    { why: 'control character', name: 'a\nb' },
    { why: 'empty', name: '' },
  ])('refuses a name that cpio-stream would write wrongly: $why', async ({ name }) => {
    const file = join(await freshDirectory(), 'packed.img');
    const members: readonly Member[] = [{ kind: 'directory', name }];
    await expect(packInitramfs(file, [{ compression: 'none', members }])).rejects.toThrow('printable ASCII');
  });

  test.each([
    { why: 'shorter than it was', sizeBytes: 11 },
    { why: 'longer than it was', sizeBytes: 9 },
  ])('refuses a file that is $why', async ({ sizeBytes }) => {
    const directory = await freshDirectory();
    const content = { file: join(directory, 'content'), sizeBytes };
    await writeFile(content.file, 'ten bytes\n');
    const members: readonly Member[] = [{ kind: 'file', name: 'x', content }];
    const packing = packInitramfs(join(directory, 'packed.img'), [{ compression: 'gzip', members }]);
    await expect(packing).rejects.toMatchObject({
      code: 'MEMBER_UNREADABLE',
      message: expect.stringContaining('x cannot be packed'),
      cause: { message: `10 bytes were read instead of ${sizeBytes}` },
    });
  });

  test('refuses a file that is not there', async () => {
    const directory = await freshDirectory();
    const content = { file: join(directory, 'missing'), sizeBytes: 1 };
    const members: readonly Member[] = [{ kind: 'file', name: 'x', content }];
    const packing = packInitramfs(join(directory, 'packed.img'), [{ compression: 'gzip', members }]);
    await expect(packing).rejects.toMatchObject({ cause: { code: 'ENOENT' } });
  });
});

describe('the initramfs of this machine', () => {
  test('is what its description says, by GNU cpio and by extract', { timeout: 120_000 }, async (context) => {
    needsTool(context, ...EXPECTATION_TOOLS);
    const file = join(await freshDirectory(), 'own.img');
    const packed = await packOwnMachine(file);
    expect(packed.map(({ compression }) => compression)).toEqual(['none', 'zstd', 'zstd']);

    const expected = await expectInitramfs(file, packed);
    const digestOf = new Map(
      expected
        .trimEnd()
        .split('\n')
        .map((line) => [line.slice(66), line.slice(0, 64)]),
    );
    expect(digestOf.size).toBeGreaterThan(200);
    expect([...digestOf.keys()]).toEqual(
      expect.arrayContaining(['/init', '/early_cpio', '/kernel/x86/microcode/GenuineIntel.bin']),
    );
    // echo overlay segment | sha256sum
    expect(digestOf.get(`/${REPLACED_FILE.name}`)).toBe(
      'bb6b6a533ddcb1ec797579154e8cd3fe225917119b0ea66b003f5d06a662b5ba',
    );
    const linked = new Set(LINKED_NAMES.map((name) => digestOf.get(`/${name}`)));
    expect(linked.size).toBe(1);
    expect(linked).not.toContain(undefined);

    expect(await runCli(['extract', file])).toMatchObject({ code: 0, stdout: expected });
  });
});
