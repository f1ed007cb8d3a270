import type { Argv } from 'yargs';
import type { ExtractOptions, Limits } from '../image/types.ts';
import { UsageError } from '../usage.ts';
import { flag, many, one, wholeNumber } from './arguments.ts';
import type { ParsedArguments } from './command.ts';

/** The limits by the names they have on the command line. */
const limitNames = {
  'max-unpacked-bytes': 'maxUnpackedBytes',
  'max-ratio': 'maxRatio',
  'max-files': 'maxFiles',
  'max-segments': 'maxSegments',
  'max-text-bytes': 'maxTextBytes',
  'max-path-steps': 'maxPathSteps',
  'max-depth': 'maxDepth',
  'max-symlinks': 'maxSymlinks',
  'max-window-bytes': 'maxWindowBytes',
  'max-spooled-bytes': 'maxSpooledBytes',
} as const satisfies Readonly<Record<string, keyof Limits>>;

/** Declares the options that say which files of an image are wanted, and how it is read. */
export function declareImageOptions(yargs: Argv): Argv {
  return declareReadingOptions(
    yargs
      .option('skip', {
        type: 'string',
        requiresArg: true,
        describe: 'Leave out PATH of a root filesystem and all below it (repeatable)',
      })
      .option('default-skips', {
        type: 'boolean',
        default: true,
        describe:
          "Leave out what Keylime's generator does: /dev /proc /run /sys /tmp /var … (--no-default-skips)",
      })
      .option('all-owners', {
        type: 'boolean',
        describe: "Take files of every owner of a root filesystem, not only root's",
      })
      .option('one-file-system', { type: 'boolean', describe: 'Stay on the filesystem a tree starts on' })
      .option('boot-files', {
        type: 'boolean',
        default: true,
        describe:
          'Also list the files in the initramfs files and UKIs that a root filesystem boots (--no-boot-files)',
      })
      .option('merged-usr', {
        type: 'boolean',
        default: true,
        describe:
          'List what packages have in /bin, /sbin and /lib below /usr (--no-merged-usr for old systems)',
      })
      .option('package-key', {
        type: 'string',
        requiresArg: true,
        describe:
          'OpenPGP certificates: packages, and indexes of repositories, have to be signed by one (repeatable)',
      })
      .option('sysroot', {
        type: 'string',
        requiresArg: true,
        describe:
          'Also list files of root filesystems below PATH, where they are before switch_root: /sysroot, /root (repeatable)',
      }),
  );
}

/** Declares the options that say how an image is read. */
export function declareReadingOptions(yargs: Argv): Argv {
  return yargs
    .option('partition', {
      type: 'string',
      requiresArg: true,
      describe:
        'The part of a disk image that is the root: NUMBER of a partition or GROUP/VOLUME of LVM (default: it is looked for)',
    })
    .option('allow-backing', {
      type: 'string',
      requiresArg: true,
      describe: 'Where the backing files of a disk image may lie (default: only below its own directory)',
    })
    .option('platform', {
      type: 'string',
      requiresArg: true,
      describe:
        "Platform of a container image, OS/ARCHITECTURE[/VARIANT] (default: the only one, or this machine's)",
    })
    .option('image-name', {
      type: 'string',
      requiresArg: true,
      describe: 'The container image of several in one file, by its name or digest',
    })
    .option('keep-going', {
      type: 'boolean',
      describe: 'List what cannot be read and go on; the exit code is 2 all the same',
    })
    .option('limit', {
      type: 'string',
      requiresArg: true,
      describe: `Set an upper bound, NAME=NUMBER with K, M, G or T (repeatable): ${Object.keys(limitNames).join(', ')}`,
    })
    .option('quiet', { alias: 'q', type: 'boolean', describe: 'No progress and no summary' });
}

/** The options as the library takes them. */
export function readImageOptions(parsed: ParsedArguments): ExtractOptions {
  return {
    skipPaths: many(parsed, 'skip'),
    defaultSkips: flag(parsed, 'default-skips'),
    allOwners: flag(parsed, 'all-owners'),
    oneFileSystem: flag(parsed, 'one-file-system'),
    partition: one(parsed, 'partition'),
    allowBacking: one(parsed, 'allow-backing'),
    packageKeys: many(parsed, 'package-key'),
    sysroots: many(parsed, 'sysroot'),
    platform: one(parsed, 'platform'),
    imageName: one(parsed, 'image-name'),
    bootFiles: flag(parsed, 'boot-files'),
    mergedUsr: flag(parsed, 'merged-usr'),
    keepGoing: flag(parsed, 'keep-going'),
    limits: readLimits(many(parsed, 'limit')),
  };
}

/** Hashing threads, if the user named a number. */
export function readThreads(parsed: ParsedArguments): number | undefined {
  return readNumber(parsed, 'threads');
}

function readNumber(parsed: ParsedArguments, name: string): number | undefined {
  const text = one(parsed, name);
  return text === undefined ? undefined : wholeNumber(text, `--${name}`);
}

function readLimits(given: readonly string[]): Limits {
  return Object.fromEntries(
    given.map((text) => {
      const [, name = text, value = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
      const limit = Object.entries(limitNames).find(([known]) => known === name)?.[1];
      if (limit === undefined) {
        throw new UsageError('ARGUMENT_INVALID', {
          problem: `--limit: unknown name ${JSON.stringify(name)}`,
          hint: `known are ${Object.keys(limitNames).join(', ')}`,
        });
      }
      return [limit, wholeNumber(value, `--limit ${name}`)];
    }),
  );
}
