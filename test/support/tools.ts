// What a test does without the program or data it compares with: it skips, and says so. Where everything should
// be there (IMA_ASSAY_REQUIRE_TOOLS is set), it fails.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

import type { TestContext } from 'vitest';

/** Skips `test` aloud, or fails it where nothing may be skipped. */
export function skipAloud(test: TestContext, reason: string): never {
  if (process.env['IMA_ASSAY_REQUIRE_TOOLS']) {
    throw new Error(`${reason}, and IMA_ASSAY_REQUIRE_TOOLS is set`);
  }
  process.stderr.write(`skipped: ${reason} (${test.task.name})\n`);
  return test.skip(reason);
}

/**
 * A folder of a collection of real lists that others made, or a skip. It is data and no tool: a checkout by itself
 * does not have it, so that it is missed nowhere.
 */
export function needsShared(test: TestContext, folder: string): string {
  const shared = process.env['IMA_ASSAY_SHARED'];
  if (shared) return join(shared, folder);
  process.stderr.write(`skipped: IMA_ASSAY_SHARED names no collection of lists (${test.task.name})\n`);
  return test.skip('IMA_ASSAY_SHARED names no collection of lists');
}

/** Goes on only if every one of these programs is installed. */
export function needsTool(test: TestContext, ...names: readonly string[]): void {
  const missing = names.filter((name) => !isInstalled(name));
  if (missing.length > 0) skipAloud(test, `${missing.join(', ')} not installed`);
}

function isInstalled(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
