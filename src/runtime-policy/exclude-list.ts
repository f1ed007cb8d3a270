import { fromNative } from '../native/errors.ts';
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
 * @throws ExcludeListError for lines that are no pattern, and `EXCLUDES_EVERYTHING` for those that any path matches: all
 *   of them in one message
 */
export function parseExcludeList(text: Uint8Array, input: string): readonly ExcludePattern[] {
  try {
    return loadAddon().parseExcludeList(Buffer.from(text), Buffer.from(input));
  } catch (error) {
    throw fromNative(error);
  }
}
