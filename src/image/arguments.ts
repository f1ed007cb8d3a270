import { UsageError } from '../usage.ts';
import type { ExtractArguments, LimitArguments } from '../native/binding.d.ts';
import type { ExtractOptions, Limits } from './types.ts';

/** Checks the options and fills in the defaults, so that nothing wrong reaches the addon. */
export function toArguments(options: ExtractOptions): ExtractArguments {
  const skipPaths = options.skipPaths ?? [];
  for (const path of skipPaths) {
    if (!path.startsWith('/') || path.includes('\0')) {
      throw new UsageError('ARGUMENT_INVALID', {
        problem: `a path to skip must be absolute inside the image, not ${JSON.stringify(path)}`,
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
    threads: wholeNumber('threads', options.threads ?? 0),
    limits: toLimits(options.limits ?? {}),
  };
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
