import { stat } from 'node:fs/promises';
import { join, parse } from 'node:path';
import type { Allowlist } from '../allowlist/allowlist.ts';
import { type Extraction, extractAllowlist } from '../image/extract.ts';
import type { ExtractOptions, ImageSummary } from '../image/types.ts';
import { composeRuntimePolicy } from '../runtime-policy/compose.ts';
import { diffRuntimePolicies } from '../runtime-policy/diff.ts';
import { digestOf, readManifest } from '../runtime-policy/manifest.ts';
import { UsageError } from '../usage.ts';
import { findReasons, type ListChange, type ListDifference } from './list-reasons.ts';

/** What to compare an image with, and how to read it: which files, and by which algorithms, the list decides. */
export interface CompareOptions extends Omit<
  ExtractOptions,
  'algorithms' | 'allOwners' | 'bootFiles' | 'defaultSkips' | 'shard' | 'signatures'
> {
  /** The list. Default: `NAME-allowlist.txt` beside the image `NAME.qcow2`, where the element keylime-agent puts it. */
  readonly list?: string | undefined;
  /** The initramfs that was built with the image: the list may have its files. Default: `NAME.initrd`, if it is there. */
  readonly ramdisk?: string | undefined;
}

/** The checksum that the builder left beside its list. */
export interface ListChecksum {
  readonly file: string;
  /** The file that it names: a path inside the image, where the list was made. */
  readonly names: string;
  /** SHA-256, lower-case hex. */
  readonly expected: string;
  /** What the list has. */
  readonly found: string;
}

/** What came of comparing an image with the list that its builder made. */
export interface ListComparison {
  readonly schemaVersion: 1;
  readonly image: string;
  readonly ramdisk: string | null;
  readonly list: string;
  /** Nothing if there is none beside the list. */
  readonly checksum: ListChecksum | null;
  /** Those of the list. */
  readonly algorithms: readonly string[];
  /** Whether list and image have the same files, and the checksum is the list's. */
  readonly isSame: boolean;
  /** Paths. */
  readonly counts: {
    readonly same: number;
    readonly changed: number;
    readonly onlyInImage: number;
    readonly onlyInList: number;
  };
  /** Bytewise by path. */
  readonly differences: readonly ListDifference[];
  /** The list's boot aggregate: that of the machine that built the image, and so not compared. */
  readonly bootAggregate: string | null;
  /** Directories that were not compared, since the list has nothing of them: its scripts leave some out. */
  readonly leftOut: readonly string[];
  /** How the image and the initramfs were read. */
  readonly sources: readonly ImageSummary[];
}

const BOOT_AGGREGATE = 'boot_aggregate';

/** Directories that the scripts of such lists leave out. Those of Keylime 6.2 list what is in the last two. */
const UNLISTED = ['/dev', '/lost+found', '/media', '/mnt', '/proc', '/run', '/snap', '/sys', '/tmp', '/var'];

/**
 * Compares an image with the allowlist that its builder made inside it. The element keylime-agent of diskimage-builder
 * does so before later steps of the build, so that its list and the image differ.
 *
 * @throws UsageError `SOURCE_NOT_FOUND` if there is no list; `INPUT_UNREADABLE` if its checksum is none
 * @throws ImageError, PolicyError, AllowlistError as {@link extractAllowlist} and {@link composeRuntimePolicy}
 */
export async function compareWithBuildList(
  image: string,
  { list: givenList, ramdisk: givenRamdisk, ...reading }: CompareOptions = {},
): Promise<ListComparison> {
  const { dir, name } = parse(image);
  const list = givenList ?? join(dir, `${name}-allowlist.txt`);
  if (givenList === undefined) await requireList(list);
  const beside = join(dir, `${name}.initrd`);
  const ramdisk = givenRamdisk ?? ((await isFile(beside)) ? beside : undefined);
  const checksum = await readChecksum(list, reading.signal);

  const listed = await composeRuntimePolicy({ policies: [list] }, { signal: reading.signal });
  const { algorithms, digits, directories, bootAggregate } = survey(listed.digests);
  const [main, ...others] = algorithms;
  const extract = async (source: string, names: readonly string[], allOwners = false): Promise<Extraction> =>
    extractAllowlist([source], {
      ...reading,
      algorithms: names,
      allOwners,
      bootFiles: false,
      defaultSkips: false,
    });
  const root = await extract(image, [main]);
  // The script of Keylime 6.2 hashes the files of an initramfs with SHA-1, whatever it was asked for.
  const ramdiskAlgorithms = others.length === 0 ? [main] : others;
  const boot = ramdisk === undefined ? undefined : await extract(ramdisk, ramdiskAlgorithms);

  const images = boot === undefined ? [root.allowlist] : [root.allowlist, boot.allowlist];
  const found = await composeRuntimePolicy({ images }, { signal: reading.signal });
  const leftOut = UNLISTED.filter((directory) => !directories.has(directory));
  const isCompared = (path: string): boolean =>
    path !== BOOT_AGGREGATE && !leftOut.includes(directoryOf(path));
  const { names } = await diffRuntimePolicies(listed, found, { filesOnly: true });
  const hasOtherOwners = root.sources.some(({ skipped }) => 'owners' in skipped);
  const differences = await findReasons(
    names.filter((difference) => isCompared(difference.name)),
    {
      root: root.allowlist,
      ramdisk: boot?.allowlist,
      digits,
      readAllOwners: hasOtherOwners ? async () => (await extract(image, [main], true)).allowlist : undefined,
    },
  );
  const count = (change: ListChange): number => differences.filter((each) => each.change === change).length;
  const counts = {
    changed: count('changed'),
    onlyInImage: count('only-in-image'),
    onlyInList: count('only-in-list'),
  };
  const same = countPaths(found.digests, isCompared) - counts.changed - counts.onlyInImage;
  return {
    schemaVersion: 1,
    image,
    ramdisk: ramdisk ?? null,
    list,
    checksum: checksum ?? null,
    algorithms,
    isSame: differences.length === 0 && (checksum === undefined || checksum.expected === checksum.found),
    counts: { same, ...counts },
    differences,
    bootAggregate,
    leftOut,
    sources: [...root.sources, ...(boot?.sources ?? [])],
  };
}

async function requireList(list: string): Promise<void> {
  if (await isFile(list)) return;
  throw new UsageError('SOURCE_NOT_FOUND', {
    problem: `there is no ${list}`,
    hint: 'the element keylime-agent leaves NAME-allowlist.txt beside the image: name the list if it is elsewhere',
  });
}

/** The checksum beside a list: `NAME-checksum.txt` for `NAME-allowlist.txt`, otherwise `LIST.sha256`. */
async function readChecksum(
  list: string,
  signal: AbortSignal | undefined,
): Promise<ListChecksum | undefined> {
  const file = list.endsWith('-allowlist.txt')
    ? list.replace(/-allowlist\.txt$/, '-checksum.txt')
    : `${list}.sha256`;
  if (!(await isFile(file))) return undefined;
  const [line, second] = await readManifest(file);
  if (line === undefined || second !== undefined) {
    throw new UsageError('INPUT_UNREADABLE', {
      problem: 'the checksum of a list is one line, and here are several',
      at: { input: file },
      hint: 'compare them with `sha256sum`, and name a list whose checksum stands beside it alone',
    });
  }
  return { file, names: line.name, expected: line.expected, found: await digestOf(list, signal) };
}

/** What a list tells of the way it was made. */
interface Survey {
  /** Longest digests first: those of the root filesystem. */
  readonly algorithms: readonly [string, ...string[]];
  /** Hex digits of the first one's digests. */
  readonly digits: number;
  /** At the top, with something listed in them. */
  readonly directories: ReadonlySet<string>;
  readonly bootAggregate: string | null;
}

function survey(list: Allowlist): Survey {
  const digits = new Map<string, number>();
  const directories = new Set<string>();
  let bootAggregate: string | null = null;
  for (const { path, algorithm, digest } of list) {
    if (path === BOOT_AGGREGATE) {
      bootAggregate = digest;
      continue;
    }
    digits.set(algorithm, digest.length);
    directories.add(directoryOf(path));
  }
  const [main = 'sha256', ...others] = [...digits.keys()].toSorted(
    (one, other) => (digits.get(other) ?? 0) - (digits.get(one) ?? 0),
  );
  return { algorithms: [main, ...others], digits: digits.get(main) ?? 0, directories, bootAggregate };
}

/** The directory at the top that a path is in. */
function directoryOf(path: string): string {
  const end = path.indexOf('/', 1);
  return end === -1 ? path : path.slice(0, end);
}

function countPaths(list: Allowlist, isCounted: (path: string) => boolean): number {
  let count = 0;
  let last: string | undefined;
  for (const { path } of list) {
    if (path !== last && isCounted(path)) count += 1;
    last = path;
  }
  return count;
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
