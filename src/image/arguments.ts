import { statSync } from 'node:fs';
import { requireLimits, requireWholeNumber, UsageError } from '../usage.ts';
import type { ExtractArguments } from '../native/binding.d.ts';
import type { ExtractOptions } from './types.ts';

// Whole parts between single slashes, of which none is `.` or `..`.
const SKIPPABLE = /^(?:\/(?!\.{1,2}(?:\/|$))[^/\0]+)+\/?$/;

const MAX_THREADS = 1024;

/** Checks the options and fills in the defaults, so that nothing wrong reaches the addon. */
export function toArguments(options: ExtractOptions): ExtractArguments {
  const skipPaths = options.skipPaths ?? [];
  for (const path of skipPaths) {
    if (!SKIPPABLE.test(path)) {
      throw new UsageError('ARGUMENT_INVALID', {
        problem: `a path to skip must be absolute inside the image and without . or .., not ${JSON.stringify(path)}`,
        hint: `write it as it is on the machine, for example "/opt/cache"`,
      });
    }
  }
  const algorithms = options.algorithms ?? ['sha256'];
  if (algorithms.length === 0) {
    throw new UsageError('ARGUMENT_INVALID', { problem: 'no hash algorithm is given' });
  }
  return {
    algorithms: [...new Set(algorithms)],
    skipPaths: skipPaths.map((path) => Buffer.from(path)),
    defaultSkips: options.defaultSkips ?? true,
    allOwners: options.allOwners ?? false,
    oneFileSystem: options.oneFileSystem ?? false,
    ...(options.partition === undefined ? {} : { partition: checkPartition(options.partition) }),
    ...(options.platform === undefined ? {} : { platform: checkPlatform(options.platform) }),
    ...(options.imageName === undefined ? {} : { imageName: options.imageName }),
    sysroots: (options.sysroots ?? []).map(checkSysroot),
    signatures: options.signatures ?? false,
    packageKeys: (options.packageKeys ?? []).map((path) => Buffer.from(path)),
    bootFiles: options.bootFiles ?? true,
    mergedUsr: options.mergedUsr ?? true,
    keepGoing: options.keepGoing ?? false,
    ...(options.shard === undefined ? {} : { shard: checkShard(options.shard) }),
    threads: options.threads === undefined ? 0 : checkThreads(options.threads),
    limits: requireLimits(options.limits ?? {}),
    ...(options.allowBacking === undefined ? {} : { backingDirectory: checkDirectory(options.allowBacking) }),
  };
}

/** `OS/ARCHITECTURE[/VARIANT]`, in the names that Go gives them. */
const PLATFORM = /^[\w.-]+\/[\w.-]+(?:\/[\w.-]+)?$/;

function checkPlatform(platform: string): string {
  if (!PLATFORM.test(platform)) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `a platform is OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, not ${JSON.stringify(platform)}`,
      hint: 'for example linux/amd64 or linux/arm/v7',
    });
  }
  return platform;
}

// A number, or the names of a group and a volume of LVM, which have none but these characters.
const PARTITION = /^(?:[1-9][0-9]{0,9}|[\w.+-]+\/[\w.+-]+)$/;

function checkPartition(partition: number | string): string {
  const name = String(partition);
  if (!PARTITION.test(name)) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `a partition is a number from 1, or GROUP/VOLUME of LVM, not ${JSON.stringify(partition)}`,
      hint: '`ima-assay inspect` shows what there is',
    });
  }
  return name;
}

function checkSysroot(path: string): string {
  if (!SKIPPABLE.test(path)) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `a path before switch_root must be absolute and without . or .., not ${JSON.stringify(path)}`,
      hint: '/sysroot is that of dracut and systemd, /root that of initramfs-tools',
    });
  }
  return path.replace(/\/$/, '');
}

const MAX_SHARDS = 65_536;

function checkShard({ index, count }: { readonly index: number; readonly count: number }): [number, number] {
  if (requireWholeNumber('the number of shards', count) < 1 || count > MAX_SHARDS) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `there can be 1 to ${MAX_SHARDS} shards, not ${count}`,
    });
  }
  if (requireWholeNumber('shard', index) < 1 || index > count) {
    throw new UsageError('ARGUMENT_INVALID', { problem: `there is no shard ${index} of ${count}` });
  }
  return [index, count];
}

function checkThreads(threads: number): number {
  if (requireWholeNumber('threads', threads) < 1 || threads > MAX_THREADS) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `threads must be from 1 to ${MAX_THREADS}, not ${threads}`,
    });
  }
  return threads;
}

function checkDirectory(path: string): string {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `backing files cannot lie below ${JSON.stringify(path)}: it is no directory`,
      hint: '`qemu-img info` names the file that the image needs',
    });
  }
  return path;
}
