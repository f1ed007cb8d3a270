import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UsageError } from '../usage.ts';
import { many } from './arguments.ts';
import type { Command, ParsedArguments } from './command.ts';

/** Positionals and options that name files to read, in any command. */
const INPUTS = [
  'source list policy policies initrd plan image file path runtime-policy base-policy allowlist',
  'exclude-list ima-measurement-list from-report policy-key package-key key keyfile passphrase-file',
  'certificate ak quote signature keylime-quote pcrs event-log add kernel ramdisk disk since',
  'payload verification-key',
].flatMap((names) => names.split(' '));

/**
 * Refuses to read standard input twice, to write over what is read, or twice to one file: a slip with `-o` would cost an image, a list that is
 * evidence, or a key.
 * @throws UsageError `ARGUMENT_INVALID`
 */
export async function requireApart(
  { writes = ['output'], mayReplace = [] }: Command,
  parsed: ParsedArguments,
): Promise<void> {
  const outputs = new Map<string, string>();
  for (const name of writes) {
    for (const value of many(parsed, name)) {
      const place = await identify(withoutFace(name, value));
      if (place === undefined) continue;
      const other = outputs.get(place);
      if (other !== undefined) throw refusal(`--${name} and --${other} write to one file`, value);
      outputs.set(place, name);
    }
  }
  const fromStandardInput = INPUTS.flatMap((input) => many(parsed, input)).filter((value) => value === '-');
  if (fromStandardInput.length > 1) {
    throw new UsageError('ARGUMENT_INVALID', { problem: 'standard input is given twice' });
  }
  if (outputs.size === 0) return;
  for (const name of INPUTS.filter((input) => !writes.includes(input) && !mayReplace.includes(input))) {
    for (const value of many(parsed, name)) {
      const place = await identify(name === 'add' ? value.slice(value.indexOf('=') + 1) : value);
      const output = place === undefined ? undefined : outputs.get(place);
      if (output !== undefined) throw refusal(`--${output} would write over what is read`, value);
    }
  }
}

function refusal(problem: string, path: string): UsageError {
  return new UsageError('ARGUMENT_INVALID', {
    problem: `${problem}: ${JSON.stringify(path)}`,
    hint: 'give another file',
  });
}

/** `--report FACE=FILE`. */
function withoutFace(name: string, value: string): string {
  return name === 'report' ? value.slice(value.indexOf('=') + 1) : value;
}

/** A file by its directory and name, with no link on the way; nothing for a stream, which nothing is lost by. */
async function identify(path: string): Promise<string | undefined> {
  if (path === '-' || path === '') return undefined;
  const found = await stat(path).catch(() => undefined);
  if (found !== undefined) return found.isFile() ? realpath(path) : undefined;
  const directory = await realpath(dirname(path)).catch(() => resolve(dirname(path)));
  return join(directory, basename(path));
}
