// Initramfs images of any size out of this machine's files: the same files on every run, as mixed as they are.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, openSync, closeSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { packInitramfs } from '../fixtures/builder/initramfs.ts';
import { withDirectories } from '../fixtures/builder/own-machine.ts';
import type { Member } from '../src/image/segment.ts';
import type { Bench } from './harness.ts';
import { findProgram, noteVersion } from './programs.ts';
import { formatMegabytes } from './table.ts';
import { type FoundFile, walk } from './walk.ts';

/** Larger ones stand in no initramfs. */
const MAX_FILE_BYTES = 16 << 20;

/** An archive, not yet compressed. */
export interface Image {
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
}

/** Packs about `wantedBytes` of this machine's `/usr`, or all of it. What is in the scratch directory already is taken. */
export async function packImage(name: string, wantedBytes: number, bench: Bench): Promise<Image> {
  const path = join(bench.scratch, `${name}.cpio`);
  if (!existsSync(path)) {
    bench.say(`packing ${name}.cpio of ${formatMegabytes(wantedBytes)}`);
    await packInitramfs(`${path}.part`, [
      { compression: 'none', members: withDirectories([...choose(wantedBytes)]) },
    ]);
    renameSync(`${path}.part`, path);
  }
  return { name, path, sizeBytes: statSync(path).size };
}

function* choose(wantedBytes: number): Generator<Member> {
  const files = [...walk('/usr')].filter(isFit).map((file) => ({ file, rank: rankOf(file.path) }));
  const chosen: FoundFile[] = [];
  let left = wantedBytes;
  for (const { file } of files.toSorted((a, b) => (a.rank < b.rank ? -1 : 1))) {
    if (left <= 0) break;
    left -= file.sizeBytes;
    chosen.push(file);
  }
  for (const { path, mode, sizeBytes } of chosen.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    yield { kind: 'file', name: path.slice(1), mode: mode & 0o7777, content: { file: path, sizeBytes } };
  }
}

/** The name of a file decides when it is chosen: a sample without a source of chance. */
function rankOf(path: string): string {
  return createHash('sha256').update(path).digest('hex');
}

function isFit({ path, sizeBytes }: FoundFile): boolean {
  if (sizeBytes > MAX_FILE_BYTES || !/^[\x20-\x7e]+$/.test(path)) return false;
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** A compression: what the archive is compressed by, as dracut does, and what unpacks it. */
export interface Codec {
  readonly program: string;
  readonly suffix: string;
  readonly args: readonly string[];
}

/** Compresses an archive and checks nothing. None if the program is missing, which is noted. */
export function compress(image: Image, { program, suffix, args }: Codec, bench: Bench): string | undefined {
  const found = findProgram(program, bench, `unpacking with ${program} cannot be compared with`);
  if (found === undefined) return undefined;
  noteVersion(bench, found, '--version');
  const path = join(bench.scratch, `${image.name}.${suffix}`);
  if (!existsSync(path)) {
    bench.say(`${program} ${args.join(' ')}: ${formatMegabytes(image.sizeBytes)}`);
    const [input, output] = [openSync(image.path, 'r'), openSync(`${path}.part`, 'w')];
    const { status } = spawnSync(found, [...args, '-c'], { stdio: [input, output, 'inherit'] });
    closeSync(input);
    closeSync(output);
    if (status !== 0) throw new Error(`${program} ended with exit code ${status}`);
    renameSync(`${path}.part`, path);
  }
  return path;
}
