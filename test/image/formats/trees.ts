// The trees that images are made of: everything that formats keep in different ways, the same on every run.

import { link, mkdir, open, symlink, writeFile, chmod } from 'node:fs/promises';
import { dirname } from 'node:path';

import type { TreeName } from './row.ts';

/** A file by its path and what is in it. */
interface Made {
  readonly path: string | Buffer;
  readonly content: Uint8Array;
  readonly mode?: number;
}

/** Bytes at offsets in a file of a size, and holes between them. */
interface Sparse {
  readonly path: string;
  readonly sizeBytes: number;
  readonly pieces: readonly (readonly [offset: number, bytes: Uint8Array])[];
}

const KIB = 1 << 10;
const MIB = 1 << 20;

/** Sizes around those where formats change how they keep a file: inode, sector, block, fragment, cluster. */
const SIZES = [
  0, 1, 59, 60, 61, 155, 156, 157, 511, 512, 513, 1023, 1024, 1025, 4095, 4096, 4097, 8191, 8193, 65535,
  65536, 65537, 131071, 131072, 131073, 1048577,
];

/** Names that programs split, quote, fold or cut. */
const ODD_NAMES = [
  'CASE',
  'case',
  '-rf',
  '$HOME',
  'quo\'te"s',
  'semi;colon',
  'back\\slash',
  'star*',
  'ümläut',
  '日本',
];

/** Fills an empty directory with a tree. */
export async function makeTree(root: string, name: TreeName): Promise<void> {
  if (name === 'huge') return makeHuge(root);
  const hasLinks = name !== 'portable' && name !== 'unlinked';
  const isAscii = name === 'ascii' || name === 'unlinked' || name === 'portable';
  for (const directory of [
    'etc',
    'usr/bin',
    'usr/lib',
    'usr/share/empty-directory',
    'var/log',
    'boot/efi',
    'srv',
  ]) {
    await mkdir(`${root}/${directory}`, { recursive: true });
  }
  for (const { path, content, mode = 0o644 } of files(name, isAscii)) {
    const whole = Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path)]);
    await mkdir(parentOf(whole), { recursive: true });
    await writeFile(whole, content);
    await chmod(whole, mode);
  }
  for (const file of sparseFiles()) await writeSparse(root, file);
  if (name !== 'portable') {
    await symlink('usr/bin', `${root}/bin`);
    await symlink('/usr/lib', `${root}/lib`);
    await symlink('nowhere', `${root}/etc/dangling`);
    await symlink(`/usr/share/${'long/'.repeat(14)}`, `${root}/etc/far`);
  }
  if (hasLinks) {
    await link(`${root}/usr/bin/noise`, `${root}/usr/lib/linked-elsewhere`);
    await link(`${root}/usr/share/sizes/61`, `${root}/usr/share/sizes/linked`);
    await link(`${root}/usr/share/sizes/61`, `${root}/etc/linked-again`);
  }
}

function* files(name: TreeName, isAscii: boolean): Generator<Made> {
  const noise = makeNoise(1);
  yield { path: 'etc/os-release', content: Buffer.from('ID=test\n') };
  for (const size of SIZES) yield { path: `usr/share/sizes/${size}`, content: noise(size) };
  yield { path: 'usr/bin/noise', content: noise(700_000), mode: 0o755 };
  yield { path: 'usr/bin/for-root-alone', content: noise(99), mode: 0o700 };
  yield { path: 'usr/lib/text', content: Buffer.alloc(512 * KIB, 'the same words again and again\n') };
  yield { path: 'usr/lib/zeros', content: Buffer.alloc(256 * KIB) };
  // A file whose middle compresses and whose ends do not.
  yield {
    path: 'usr/lib/mixed',
    content: Buffer.concat([noise(200_000), Buffer.alloc(300_000, 'x'), noise(7)]),
  };
  for (let number = 0; number < (name === 'portable' ? 100 : 700); number += 1) {
    yield { path: `usr/share/many/a-name-of-one-of-many-${number}`, content: Buffer.from(`${number}\n`) };
  }
  const deep = Array.from({ length: name === 'portable' ? 8 : 100 }, (_, level) => `deep-${level}`).join('/');
  yield {
    path: name === 'short' ? 'usr/lib/deep/file' : `usr/lib/${deep}/file`,
    content: Buffer.from('deep\n'),
  };
  if (!isAscii) {
    for (const odd of ODD_NAMES) yield { path: `usr/share/names/${odd}`, content: Buffer.from(odd) };
    const latin = Buffer.from('usr/share/names/\xff\xfe latin \xe4'.replaceAll(' ', '-'), 'latin1');
    yield { path: latin, content: Buffer.from('no UTF-8\n') };
  }
  if (name !== 'short' && name !== 'portable' && !isAscii) {
    yield { path: `usr/share/names/${'n'.repeat(255)}`, content: Buffer.from('the longest name\n') };
  }
  if (name === 'portable') {
    yield { path: 'EFI/BOOT/BOOTX64.EFI', content: noise(70_001) };
    yield { path: 'EFI/BOOT/a name longer than eight and three.conf', content: Buffer.from('long\n') };
    yield { path: 'EFI/ümläut €.txt', content: Buffer.from('umlaut\n') };
  }
  if (name === 'awkward' || name === 'short') {
    yield { path: 'usr/bin/with blanks  in it', content: Buffer.from('blanks\n') };
  }
}

/** Holes in front, behind, between, alone, and in so many pieces that no inode has room for them. */
function* sparseFiles(): Generator<Sparse> {
  const piece = (text: string): Uint8Array => Buffer.from(text);
  yield { path: 'usr/lib/hole', sizeBytes: 2 * MIB, pieces: [] };
  yield { path: 'usr/lib/hole-first', sizeBytes: MIB, pieces: [[MIB - 3, piece('end')]] };
  yield { path: 'usr/lib/hole-last', sizeBytes: MIB, pieces: [[0, piece('start')]] };
  const ends = [[0, piece('start')] as const, [299_990, piece('end')] as const];
  yield { path: 'usr/lib/hole-between', sizeBytes: 300_000, pieces: ends };
  const many = Array.from({ length: 200 }, (_, index) => [index * 8 * KIB, piece(`piece ${index}`)] as const);
  yield { path: 'usr/lib/pieces', sizeBytes: 200 * 8 * KIB, pieces: many };
}

async function makeHuge(root: string): Promise<void> {
  await mkdir(`${root}/etc`, { recursive: true });
  await writeFile(`${root}/etc/os-release`, 'ID=test\n');
  const piece = (at: number): readonly [number, Uint8Array] => [at, Buffer.from(`at ${at}`)];
  const pieces = [0, 2 ** 31 - 3, 2 ** 32 - 3, 5 * 2 ** 30 - 20].map(piece);
  await writeSparse(root, { path: 'huge', sizeBytes: 5 * 2 ** 30, pieces });
}

async function writeSparse(root: string, { path, sizeBytes, pieces }: Sparse): Promise<void> {
  const file = await open(`${root}/${path}`, 'w');
  await file.truncate(sizeBytes);
  for (const [offset, bytes] of pieces) await file.write(bytes, 0, bytes.length, offset);
  await file.close();
}

function parentOf(path: Buffer): string {
  return dirname(path.toString('latin1'));
}

/** Bytes that do not compress, of a seed. */
function makeNoise(seed: number): (sizeBytes: number) => Buffer {
  let state = seed;
  return (sizeBytes) => {
    const bytes = Buffer.alloc(sizeBytes);
    for (let at = 0; at < sizeBytes; at += 1) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      bytes[at] = state >>> 24;
    }
    return bytes;
  };
}
