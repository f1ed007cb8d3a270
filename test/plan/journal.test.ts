import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { Journal, readMade } from '../../src/plan/journal.ts';
import type { Thing } from '../../src/plan/step.ts';
import { freshDirectory } from '../support/directory.ts';

const IMAGE: Thing = { kind: 'image', name: 'small', sha512: 'ab' };
const NODE: Thing = { kind: 'node', hostname: 'w-1' };

async function write(directory: string, things: readonly Thing[]): Promise<void> {
  const journal = await Journal.open(directory);
  for (const thing of things) await journal.write({ event: 'creates', step: 'x', thing });
  await journal.close();
}

describe('a journal', () => {
  test('tells what was made and not removed, the latest last', async () => {
    const directory = await freshDirectory();
    expect(await readMade(directory)).toEqual([]);
    await write(directory, [IMAGE, NODE, IMAGE]);
    expect(await readMade(directory)).toEqual([NODE, IMAGE]);
    const journal = await Journal.open(directory);
    await journal.write({ event: 'removed', thing: NODE });
    await journal.close();
    expect(await readMade(directory)).toEqual([IMAGE]);
  });

  test('outlives a run that was killed in the middle of a line', async () => {
    const directory = await freshDirectory();
    await write(directory, [IMAGE]);
    await appendFile(join(directory, 'journal.jsonl'), '{"time":"2026-');
    expect(await readMade(directory)).toEqual([IMAGE]);
    await write(directory, [NODE]);
    expect(await readMade(directory)).toEqual([IMAGE, NODE]);
    expect(await readFile(join(directory, 'journal.jsonl'), 'utf8')).not.toContain('2026-{');
  });

  test('is written by one process at a time', async () => {
    const directory = await freshDirectory();
    const journal = await Journal.open(directory);
    await expect(Journal.open(directory)).rejects.toMatchObject({ code: 'PLAN_LOCKED' });
    await journal.close();
    await (await Journal.open(directory)).close();
  });

  test('is taken over from a process that is gone', async () => {
    const directory = await freshDirectory();
    // Beyond the largest number that Linux gives to a process.
    await writeFile(join(directory, 'lock'), '4194305');
    await (await Journal.open(directory)).close();
  });

  test.each(['{}', 'nonsense', '{"time":"x","event":"creates","step":"s","thing":{"kind":"moon"}}'])(
    'with a line that is none is not believed: %s',
    async (line) => {
      const directory = await freshDirectory();
      await write(directory, [IMAGE]);
      await appendFile(join(directory, 'journal.jsonl'), `${line}\n`);
      await expect(readMade(directory)).rejects.toMatchObject({ code: 'JOURNAL_MALFORMED', at: { line: 2 } });
    },
  );
});
