import { ExcludeListError, fromNative } from '../native/errors.ts';
import { loadAddon } from '../native/load.ts';

/** A pattern of an exclude list, and where it stands. */
export interface ExcludePattern {
  readonly pattern: string;
  /** Counted from 1. */
  readonly line: number;
}

/**
 * Reads an exclude list: one Python pattern a line. Blank lines and lines that start with `#` are left out;
 * `\#` at a line's start is a literal `#`. White space at both ends of a line does not count.
 *
 * @param input - the file's name, for errors
 * @throws ExcludeListError for lines that are no pattern, all of them in one message; `EXCLUDES_EVERYTHING` for a
 *   pattern that any path matches
 */
export function parseExcludeList(text: Uint8Array, input: string): readonly ExcludePattern[] {
  const patterns = parse(text, input);
  const all = patterns.find(({ excludesEverything }) => excludesEverything);
  if (all !== undefined) {
    throw new ExcludeListError('EXCLUDES_EVERYTHING', {
      problem: `the pattern ${JSON.stringify(all.pattern)} excludes every path`,
      at: { input, line: all.line },
      hint: 'patterns match from the start of a path; name what is to be excluded',
    });
  }
  return patterns.map(({ pattern, line }) => ({ pattern, line }));
}

function parse(
  text: Uint8Array,
  input: string,
): ReturnType<ReturnType<typeof loadAddon>['parseExcludeList']> {
  try {
    return loadAddon().parseExcludeList(Buffer.from(text), Buffer.from(input));
  } catch (error) {
    throw fromNative(error);
  }
}
