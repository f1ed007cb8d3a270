import type { Allowlist } from '../allowlist/allowlist.ts';
import type { NameDifference } from '../runtime-policy/diff.ts';

/** What became of a path between the list and the image. */
export type ListChange = 'changed' | 'only-in-image' | 'only-in-list';

/** Why list and image are likely to differ in a path. */
export type ListReason = keyof typeof reasonTexts;

/** The reasons in words. What nothing explains comes first. */
export const reasonTexts = {
  unknown: 'no likely reason: find out what wrote, changed or removed them',
  configuration: 'configuration below /etc, written by a later step',
  boot: 'boot files: kernel, initramfs and boot loader, written by later steps',
  initramfs: 'files of the initramfs, which is made anew after the list',
  cache: 'caches, logs and package databases, written by later steps',
  temporary: 'temporary files of the build',
  element: 'what the element keylime-agent itself writes: the list, and its service',
  link: 'symbolic links, listed with what they lead to: IMA never measures them by these names',
  owner: 'files of another owner than root in the image',
  algorithm: 'listed with digests of another algorithm alone: they cannot be compared',
} as const;

/** A path in which list and image differ. */
export interface ListDifference {
  /** As IMA spells it. What is no UTF-8 in it is replaced. */
  readonly path: string;
  readonly change: ListChange;
  /** A guess by where the path is; `initramfs`, `link`, `owner` and `algorithm` by what was found. */
  readonly reason: ListReason;
  /** Digests that only the list, or only the image has for it, in lower-case hex. */
  readonly inList: readonly string[];
  readonly inImage: readonly string[];
}

/** What is known of the image beside the differences. */
export interface ImageEvidence {
  readonly root: Allowlist;
  readonly ramdisk: Allowlist | undefined;
  /** Hex digits of the digests that the root filesystem was compared by. */
  readonly digits: number;
  /** The root filesystem with the files of all owners; nothing if all belong to root. */
  readonly readAllOwners: (() => Promise<Allowlist>) | undefined;
}

const CHANGES = { added: 'only-in-image', removed: 'only-in-list', changed: 'changed' } as const;

// The list stands in itself, half written; the service is installed right after it.
const PLACES: readonly (readonly [ListReason, RegExp])[] = [
  ['element', /^\/root\/(?:allowlist|checksum)\.txt$|\/keylime-agent\.(?:service|init)$/],
  ['temporary', /^(?:\/var)?\/tmp\//],
  ['boot', /^\/boot\/|^(?:\/usr)?\/lib\/modules\/[^/]+\/(?:modules\.|initramfs|initrd)[^/]*$/],
  [
    'cache',
    /^\/var\/|^\/etc\/ld\.so\.cache$|\.pyc$|^\/usr\/lib\/(?:sysimage|locale)\/|^\/usr\/share\/mime\/|\/icon-theme\.cache$/,
  ],
  ['configuration', /^\/etc\//],
];

/** Files without content are alike: one of them tells nothing of another. */
const EMPTY = new Set([
  'da39a3ee5e6b4b0d3255bfef95601890afd80709',
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
]);

/** Finds for each difference why it is likely to be there. */
export async function findReasons(
  differences: readonly NameDifference[],
  { root, ramdisk, digits, readAllOwners }: ImageEvidence,
): Promise<readonly ListDifference[]> {
  const isOfRamdisk = collect(ramdisk, ({ path, digest }) => `${digest} ${path}`);
  const removed = differences.filter(({ change }) => change === 'removed');
  const sought = new Set(removed.flatMap((difference) => difference.removed));
  const linked = [root, ramdisk].map((list) =>
    collect(list, ({ digest }) => (sought.has(digest) && !EMPTY.has(digest) ? digest : undefined)),
  );
  const isLinked = (digest: string): boolean => linked.some((digests) => digests.has(digest));
  const isOther = (digest: string): boolean => digest.length !== digits;

  const reasonOf = ({ name, change, added, removed: gone }: NameDifference): ListReason => {
    if (change === 'removed') {
      if (gone.some(isLinked)) return 'link';
      // Digests of another algorithm are those of the script for files of an initramfs.
      return gone.every(isOther) ? 'initramfs' : reasonOfPath(name);
    }
    if (added.every((digest) => isOfRamdisk.has(`${digest} ${name}`))) return 'initramfs';
    return change === 'changed' && gone.every(isOther) ? 'algorithm' : reasonOfPath(name);
  };
  const explained = differences.map((difference) => ({
    path: difference.name,
    change: CHANGES[difference.change],
    reason: reasonOf(difference),
    inList: difference.removed,
    inImage: difference.added,
  }));
  // Only what nothing else explains is worth reading the image once more.
  const isUnexplained = ({ change, reason }: ListDifference): boolean =>
    change === 'only-in-list' && reason !== 'link' && reason !== 'initramfs';
  if (readAllOwners === undefined || !explained.some(isUnexplained)) return explained;
  const owned = collect(await readAllOwners(), ({ path }) => path);
  return explained.map((each) =>
    isUnexplained(each) && owned.has(each.path) ? { ...each, reason: 'owner' } : each,
  );
}

function reasonOfPath(path: string): ListReason {
  return PLACES.find(([, pattern]) => pattern.test(path))?.[0] ?? 'unknown';
}

function collect(
  list: Allowlist | undefined,
  pick: (row: { readonly path: string; readonly digest: string }) => string | undefined,
): ReadonlySet<string> {
  const picked = new Set<string>();
  for (const row of list ?? []) {
    const value = pick(row);
    if (value !== undefined) picked.add(value);
  }
  return picked;
}
