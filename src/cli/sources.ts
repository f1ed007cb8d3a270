import { existsSync } from 'node:fs';
import { UsageError } from '../usage.ts';

/**
 * The images a user means: names that exist as they are, and globs. Sorted within a glob, so that the
 * result does not depend on the directory's order.
 * @throws UsageError `SOURCE_NOT_FOUND` for a name or glob that matches nothing
 */
export async function findSources(patterns: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pattern of patterns) {
    found.push(...(pattern === '-' || existsSync(pattern) ? [pattern] : await expand(pattern)));
  }
  return [...new Set(found)];
}

async function expand(pattern: string): Promise<readonly string[]> {
  // Slow to import, and seldom needed.
  const { default: glob } = await import('fast-glob');
  const matches = glob.isDynamicPattern(pattern)
    ? await glob(pattern, { dot: true, followSymbolicLinks: false, onlyFiles: false, unique: true }).catch(
        (cause: unknown) => {
          throw new UsageError('SOURCE_NOT_FOUND', {
            problem: `${pattern}: ${cause instanceof Error ? cause.message : String(cause)}`,
            hint: 'check that the directories of the glob may be read',
            cause,
          });
        },
      )
    : [];
  if (matches.length === 0) {
    throw new UsageError('SOURCE_NOT_FOUND', {
      problem: `${pattern}: no such file or directory`,
      hint: 'give the path of an image or of a root filesystem, or a glob in quotes',
    });
  }
  return matches.toSorted();
}
