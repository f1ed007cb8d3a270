import type { WorkOptions } from '../native/work.ts';

/** Upper bounds on what an image may make us do. One that is left out has the default named beside it. */
export interface Limits {
  /** Bytes a compressed image may unpack to: 8 GiB. */
  readonly maxUnpackedBytes?: number | undefined;
  /** Unpacked bytes for each byte of input, once 64 MiB were unpacked: 2 000. */
  readonly maxRatio?: number | undefined;
  /** Members or files: 4 Mi. */
  readonly maxFiles?: number | undefined;
  /** Compressed segments of an initramfs: 4 096. */
  readonly maxSegments?: number | undefined;
  /** Bytes of the names, of the targets of links, and of the paths of an initramfs, each sum apart: 256 MiB. */
  readonly maxTextBytes?: number | undefined;
  /** Parts of paths looked up in an initramfs, symbolic links followed: 2^28. */
  readonly maxPathSteps?: number | undefined;
  /** Directories inside one another: 4 096. */
  readonly maxDepth?: number | undefined;
  /** Symbolic links followed for one path: 40. */
  readonly maxSymlinks?: number | undefined;
  /** Memory of a decompressor's window, in bytes: 128 MiB. */
  readonly maxWindowBytes?: number | undefined;
  /** Bytes of standard input kept in a temporary file: 64 GiB. */
  readonly maxSpooledBytes?: number | undefined;
}

/** How to read images. The defaults are Keylime's: SHA-256, and its choice of files. */
export interface ExtractOptions extends WorkOptions {
  /** Hash algorithms by the kernel's names, all of them in one pass. Default `['sha256']`. */
  readonly algorithms?: readonly string[] | undefined;
  /** Absolute paths inside a root filesystem to leave out, with all below them. */
  readonly skipPaths?: readonly string[] | undefined;
  /** Also leave out what Keylime's own generator does (`/dev`, `/proc`, `/tmp`, `/var`, …). Default true. */
  readonly defaultSkips?: boolean | undefined;
  /** Take files of every owner of a root filesystem, not only of root. Default false. */
  readonly allOwners?: boolean | undefined;
  /** Stay on the filesystem a tree starts on. Default false. */
  readonly oneFileSystem?: boolean | undefined;
  /**
   * The part of a disk image that is the root: a partition by its number, or a volume of LVM as `group/volume`.
   * Default: it is looked for.
   */
  readonly partition?: number | string | undefined;
  /**
   * A directory below which files may lie that a disk image is not whole without: its backing file, and what that
   * needs. Below the image's own directory they may lie in any case.
   */
  readonly allowBacking?: string | undefined;
  /** The platform of a container image, `OS/ARCHITECTURE[/VARIANT]`. Default: the only one there is, or this machine's. */
  readonly platform?: string | undefined;
  /** The container image among several in one file, by a name or digest. Default: the only one there is. */
  readonly imageName?: string | undefined;
  /**
   * Where a root filesystem is before `switch_root`, `/sysroot` for example: a file that is used before is measured under
   * that path, and not again afterwards. Files of root filesystems are listed below these paths, too. Default none.
   */
  readonly sysroots?: readonly string[] | undefined;
  /**
   * Also read the signatures of files (`security.ima` and `security.evm`), for the JSON form of the allowlist. Default false.
   */
  readonly signatures?: boolean | undefined;
  /**
   * Files with OpenPGP certificates, armored or binary. Every package, and the index of every repository, then has to be
   * signed by one of their keys. Default none: signatures of packages are not looked at.
   */
  readonly packageKeys?: readonly string[] | undefined;
  /**
   * Whether `/bin`, `/sbin` and `/lib` lead to `/usr` where packages are installed, as on all systems that are maintained
   * today: what they have there is listed below `/usr`. Default true.
   */
  readonly mergedUsr?: boolean | undefined;
  /** Also list the files in the initramfs files and UKIs that a root filesystem boots. By default true. */
  readonly bootFiles?: boolean | undefined;
  /** List what cannot be read in the result instead of throwing. Default false. */
  readonly keepGoing?: boolean | undefined;
  /**
   * Take only one part of the files, for machines that share the work: `index` counts from 1. A file's path decides
   * which part it is in, so that the parts together are the whole. Default: all.
   */
  readonly shard?: { readonly index: number; readonly count: number } | undefined;
  /** Hashing threads. Default: one per core. */
  readonly threads?: number | undefined;
  readonly limits?: Limits | undefined;
}

/** One part of an image and the parts inside it. */
export interface Layer {
  /** `initramfs`, `segment`, `archive`, `tree`, `uki`, … */
  readonly kind: string;
  /** Where it starts in the part around it. */
  readonly offsetBytes: number | null;
  readonly sizeBytes: number | null;
  /** Facts of this kind, in the order in which a person wants them. */
  readonly facts: Readonly<Record<string, string | number>>;
  readonly layers: readonly Layer[];
}

/** Something about an image that is no error. */
export interface Note {
  readonly code: string;
  readonly text: string;
  /** Escaped for display. */
  readonly path: string | null;
  readonly offsetBytes: number | null;
}

/** A file that is missing from the result because it could not be read. */
export interface Omission {
  readonly code: string;
  readonly problem: string;
  /** Escaped for display. */
  readonly path: string | null;
  readonly offsetBytes?: number | null;
}

/** What was met in one image. */
export interface ImageSummary {
  /** The image, as the caller named it. */
  readonly name: string;
  /** Regular files listed. */
  readonly files: number;
  /** Sum of their sizes. */
  readonly bytes: number;
  /** How often something was left out on purpose: `paths`, `owners`, `symlinks`, `special`, `mounts`, `loops`. */
  readonly skipped: Readonly<Record<string, number>>;
  /** What could not be read, with `keepGoing`; the first 10 000 in full. */
  readonly omitted: { readonly count: number; readonly first: readonly Omission[] };
  readonly notes: { readonly count: number; readonly first: readonly Note[] };
  readonly layer: Layer;
}
