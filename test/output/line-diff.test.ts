// Differences of texts, held against `patch`, which has to make the one text from the other.

import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { drawLineDiff } from '../../src/output/line-diff.ts';
import { freshDirectory } from '../support/directory.ts';
import { needsTool } from '../support/tools.ts';

test('patch makes the new text from the old one and the difference', async (context) => {
  needsTool(context, 'patch');
  const directory = await freshDirectory();
  const file = join(directory, 'file');
  const text = fc
    .array(fc.constantFrom('a', 'b', 'c', '', '[section]', '- x', '+++ y'), { maxLength: 30 })
    .map((lines) => lines.map((line) => `${line}\n`).join(''));
  await fc.assert(
    fc.asyncProperty(text, text, async (before, after) => {
      const diff = drawLineDiff('file', before, after);
      if (before === after) return diff === '';
      await writeFile(file, before);
      execFileSync('patch', ['-s', '-E', 'file'], { cwd: directory, input: diff });
      const patched = await readFile(file, 'utf8').catch(() => '');
      return patched === after;
    }),
    { numRuns: 150 },
  );
});

test('a new file has no old name', () => {
  expect(drawLineDiff('etc/new', undefined, 'one\ntwo\n')).toBe(
    '--- /dev/null\n+++ etc/new\n@@ -0,0 +1,2 @@\n+one\n+two\n',
  );
});

test('only what is near a change is shown', () => {
  const lines = Array.from({ length: 100 }, (_, index) => `line ${index}\n`);
  const diff = drawLineDiff('file', lines.join(''), lines.with(50, 'other\n').join(''));
  expect(diff).toContain('@@ -48,7 +48,7 @@');
  expect(diff.split('\n')).toHaveLength(2 + 1 + 8 + 1);
});
