import { UsageError } from '../usage.ts';
import type { ParsedArguments } from './command.ts';

/** Stands for a lone `-` while yargs parses, which would make an empty string of it. */
const DASH = '\u0000-';

/** Makes arguments safe for yargs: a lone `-`, and what follows `--`. */
export function toSentinels(args: readonly string[]): string[] {
  const end = args.indexOf('--');
  const options = (end === -1 ? args : args.slice(0, end)).map((arg) => (arg === '-' ? DASH : arg));
  // Positionals of commands do not get what follows `--`: a name with a dash in front becomes a path.
  const names = end === -1 ? [] : args.slice(end + 1).map((arg) => (arg.startsWith('-') ? `./${arg}` : arg));
  return [...options, ...names];
}

/** Undoes {@link toSentinels} in one value. */
export function fromSentinel(value: string): string {
  return value.replaceAll(DASH, '-');
}

/** The one value of an option, if it was given. */
export function one(parsed: ParsedArguments, name: string): string | undefined {
  const values = many(parsed, name);
  if (values.length > 1) {
    throw new UsageError('ARGUMENT_INVALID', { problem: `--${name} is given ${values.length} times` });
  }
  return values[0];
}

/** All values of an option that may be repeated, or of a positional. */
export function many(parsed: ParsedArguments, name: string): readonly string[] {
  const value = parsed[name];
  if (value === undefined) return [];
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.map((each) => {
    const text = fromSentinel(String(each));
    if (text === '') throw new UsageError('ARGUMENT_INVALID', { problem: `${name} is empty` });
    if (text.includes('\ufffd')) {
      throw new UsageError('ARGUMENT_INVALID', {
        problem: `${name} ${JSON.stringify(text)} is not UTF-8`,
        hint: 'Node cannot pass such a name on: give the file through standard input, or under another name',
      });
    }
    return text;
  });
}

/** Whether a flag is set. */
export function flag(parsed: ParsedArguments, name: string): boolean {
  const value = parsed[name];
  return Array.isArray(value) ? value.at(-1) === true : value === true;
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1 << 10, m: 1 << 20, g: 1 << 30, t: 2 ** 40 };

/** A whole number, with `K`, `M`, `G` or `T` for powers of 1024. */
export function wholeNumber(text: string, name: string): number {
  const match = /^(\d{1,16})\s*([kmgt]?)(?:i?b)?$/i.exec(text);
  const value = Number(match?.[1]) * (UNITS[match?.[2]?.toLowerCase() ?? ''] ?? Number.NaN);
  if (!Number.isSafeInteger(value)) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `${name} must be a whole number${name.startsWith('--limit') ? ', perhaps with K, M, G or T behind it' : ''}, not ${JSON.stringify(text)}`,
    });
  }
  return value;
}
