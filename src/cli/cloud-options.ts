import type { Argv } from 'yargs';
import type { CloudOptions } from '../openstack/client.ts';
import { requireName } from '../process/name.ts';
import { flag, one, wholeNumber } from './arguments.ts';
import type { ParsedArguments } from './command.ts';

/** Declares the options of every command that talks to a cloud. */
export function declareCloudOptions(yargs: Argv): Argv {
  return yargs
    .option('os-cloud', {
      type: 'string',
      requiresArg: true,
      describe: 'A cloud of clouds.yaml (default: OS_CLOUD, or the other OS_* variables)',
    })
    .option('timeout', {
      type: 'string',
      requiresArg: true,
      describe: 'Time limit in seconds of each call that waits for nothing (default: 120)',
    })
    .option('dry-run', { type: 'boolean', describe: 'Look, say what would be done, and change nothing' })
    .option('json', { type: 'boolean', describe: 'Write JSON' })
    .option('output', {
      alias: 'o',
      type: 'string',
      requiresArg: true,
      describe: 'Write to FILE, and its checksum to FILE.sha256 (default: standard output)',
    })
    .option('quiet', { alias: 'q', type: 'boolean', describe: 'No progress' });
}

/** The options as the library takes them. */
export function readCloudOptions(parsed: ParsedArguments, signal: AbortSignal): CloudOptions {
  const cloud = one(parsed, 'os-cloud');
  const seconds = readSeconds(parsed, 'timeout');
  return {
    cloud: cloud === undefined ? undefined : requireName('--os-cloud', cloud),
    timeoutMs: seconds === undefined ? undefined : seconds * 1_000,
    signal,
  };
}

/** A number of seconds, if it was given. */
export function readSeconds(parsed: ParsedArguments, name: string): number | undefined {
  const text = one(parsed, name);
  return text === undefined ? undefined : wholeNumber(text, `--${name}`);
}

/** Whether nothing is to be changed. */
export function isDryRun(parsed: ParsedArguments): boolean {
  return flag(parsed, 'dry-run');
}
