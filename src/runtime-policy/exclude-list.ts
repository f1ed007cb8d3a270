import { ExcludeListError } from '../native/errors.ts';

/** A pattern of an exclude list, and where it stands. */
export interface ExcludePattern {
  readonly pattern: string;
  /** Counted from 1. */
  readonly line: number;
}

/**
 * Reads an exclude list: one Python pattern a line. Blank lines and lines that start with `#` are left out;
 * `\#` at a line's start is a literal `#`. Blanks at both ends of a line do not count.
 *
 * @param input - the file's name, for errors
 * @throws ExcludeListError `EXCLUDE_LIST_NOT_TEXT`; `EXCLUDES_EVERYTHING` for a pattern that any path matches
 */
export function parseExcludeList(text: Uint8Array, input: string): readonly ExcludePattern[] {
  const patterns = decode(text, input)
    .split('\n')
    .map((line, index): ExcludePattern => ({ pattern: line.trim(), line: index + 1 }))
    .filter(({ pattern }) => pattern !== '' && !pattern.startsWith('#'));
  for (const { pattern, line } of patterns) {
    if (matchesEverything(pattern)) {
      throw new ExcludeListError('EXCLUDES_EVERYTHING', {
        problem: `the pattern ${JSON.stringify(pattern)} excludes every path`,
        at: { input, line },
        hint: 'patterns match from the start of a path; name what is to be excluded',
      });
    }
  }
  return patterns;
}

function decode(text: Uint8Array, input: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(text);
  } catch (cause) {
    throw new ExcludeListError('EXCLUDE_LIST_NOT_TEXT', {
      problem: 'the exclude list is not UTF-8',
      at: { input },
      hint: 'save it as UTF-8 text, one pattern a line',
      cause,
    });
  }
}

const EVERYTHING: ReadonlySet<string> = new Set(['', '.*', '.+', '/', '/.*', '/.+', '.']);

function matchesEverything(pattern: string): boolean {
  const bare = pattern.replace(/^\(*\^?\(*/, '').replace(/\)*\$?\)*$/, '');
  return EVERYTHING.has(bare);
}
