import { UsageError } from '../usage.ts';
import type { ExtractArguments, LimitArguments } from '../native/binding.d.ts';
import type { ExtractOptions, Limits } from './types.ts';

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
    keepGoing: options.keepGoing ?? false,
    threads: options.threads === undefined ? 0 : checkThreads(options.threads),
    limits: toLimits(options.limits ?? {}),
  };
}

function checkThreads(threads: number): number {
  if (wholeNumber('threads', threads) < 1 || threads > MAX_THREADS) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `threads must be from 1 to ${MAX_THREADS}, not ${threads}`,
    });
  }
  return threads;
}

function toLimits(limits: Limits): LimitArguments {
  const given: [string, number][] = [];
  for (const [name, value] of Object.entries(limits)) {
    if (value !== undefined) given.push([name, wholeNumber(name, value)]);
  }
  return Object.fromEntries(given);
}

function wholeNumber(name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `${name} must be a whole number that is not negative, not ${String(value)}`,
    });
  }
  return value;
}
