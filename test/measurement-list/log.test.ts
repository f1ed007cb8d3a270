// `ima-assay log …` and the library's reader, on an entry worked by hand and on real kernels' lists.

import { readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { describe, expect, test } from 'vitest';

import { openMeasurementList, replayMeasurementList } from '../../src/index.ts';
import { runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import { DIGEST, LINE, PCR10, TEMPLATE_HASH } from '../support/hello.ts';
import { needsShared } from '../support/tools.ts';

const ENTRY = {
  entry: 1,
  pcr: 10,
  template: 'ima-ng',
  templateHash: TEMPLATE_HASH,
  violation: false,
  fields: { 'd-ng': { algorithm: 'sha256', digest: DIGEST }, 'n-ng': '/usr/bin/hello' },
};

/** The entry in the binary form: PCR, hash, template, and two fields with their lengths. */
const BINARY = Buffer.concat([
  Buffer.from([10, 0, 0, 0]),
  Buffer.from(TEMPLATE_HASH, 'hex'),
  Buffer.from('\x06\0\0\0ima-ng\x3f\0\0\0', 'latin1'),
  Buffer.from('\x28\0\0\0sha256:\0', 'latin1'),
  Buffer.from(DIGEST, 'hex'),
  Buffer.from('\x0f\0\0\0/usr/bin/hello\0', 'latin1'),
]);

async function write(content: string | Uint8Array): Promise<string> {
  const file = join(await freshDirectory(), 'list');
  await writeFile(file, content);
  return file;
}

describe.each([
  { form: 'ASCII', content: LINE },
  { form: 'binary', content: BINARY },
  { form: 'ASCII, gzip', content: gzipSync(LINE) },
])('a list in $form', ({ content }) => {
  test('is shown as JSON lines', async () => {
    const { stdout, code } = await runCli(['log', 'show', '--json', await write(content)]);
    expect({ code, entry: JSON.parse(stdout) }).toEqual({ code: 0, entry: ENTRY });
  });

  test('is read in batches by the library', async () => {
    const batches = [];
    for await (const batch of openMeasurementList([await write(content)])) batches.push(batch);
    expect(batches).toEqual([{ entries: [ENTRY], faults: [] }]);
  });

  test('is converted to both of the kernel’s forms', async () => {
    const list = await write(content);
    expect((await runCli(['log', 'convert', '--to', 'ascii', list])).stdout).toBe(LINE);
    expect((await runCli(['log', 'convert', '--to', 'binary', list])).stdoutBytes).toEqual(BINARY);
  });

  test('replays to the PCR values worked by hand', async () => {
    const { stdout, code } = await runCli([
      'log',
      'replay',
      '--json',
      await write(content),
      '--bank',
      'sha1',
      '--bank',
      'sha256',
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      entries: 1,
      violations: 0,
      pcrs: [
        { bank: 'sha1', index: 10, value: PCR10.sha1 },
        { bank: 'sha256', index: 10, value: PCR10.sha256 },
      ],
    });
  });

  test('is counted', async () => {
    const { stdout, code } = await runCli(['log', 'stats', '--json', await write(content)]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ entries: 1, templates: { 'ima-ng': 1 }, pcrs: { 10: 1 } });
  });
});

describe('filters', () => {
  const list = LINE + LINE.replace(TEMPLATE_HASH, '0'.repeat(40)) + LINE;

  test.each<{ args: readonly string[]; entries: readonly number[] }>([
    { args: ['--from', '2'], entries: [2, 3] },
    { args: ['--to', '2'], entries: [1, 2] },
    { args: ['--violations'], entries: [2] },
    { args: ['--path', '/usr/'], entries: [1, 2, 3] },
    { args: ['--path', '/bin/'], entries: [] },
    { args: ['--pcr', '11'], entries: [] },
    { args: ['--template', 'ima-ng', '--to', '1'], entries: [1] },
  ])('$args', async ({ args, entries }) => {
    const { stdout, code } = await runCli(['log', 'show', '--json', await write(list), ...args]);
    const shown = stdout
      .split('\n')
      .filter(Boolean)
      .map((line): number => JSON.parse(line).entry);
    expect({ code, shown }).toEqual({ code: 0, shown: entries });
  });
});

describe('a list that is not whole', () => {
  test('cut at any byte, the binary form is never taken for whole', async () => {
    // One byte alone is a line end, and so an ASCII list without entries.
    for (let length = 2; length < BINARY.length; length += 5) {
      const { code } = await runCli(['log', 'replay', '-'], { input: BINARY.subarray(0, length) });
      expect(code, `${length} bytes`).toBe(2);
    }
  });

  test('shows what stands before the fault, and says where it is', async () => {
    const { stdout, stderr, code } = await runCli(['log', 'show', '-'], {
      input: `${LINE}10 zz ima-ng x /y\n`,
    });
    expect(code).toBe(2);
    expect(stdout.split('\n')).toHaveLength(2);
    expect(stderr).toContain('entry 2 (line 2)');
    expect(stderr).toContain('[ENTRY_MALFORMED]');
  });

  test('with an altered hash is findings for replay', async () => {
    const input = LINE.replace(TEMPLATE_HASH, 'f'.repeat(40));
    expect(await runCli(['log', 'replay', '-'], { input })).toMatchObject({ code: 1 });
  });
});

describe('a wrong template hash', () => {
  const WRONG = LINE.replace(TEMPLATE_HASH, 'f'.repeat(40));
  const binary = Buffer.from(BINARY);
  binary.fill(0xff, 4, 24);
  const summary = 'template hashes that are not those of the fields: 1 of 2, the first in entry 2';

  test.each([
    { form: 'ASCII', list: LINE + WRONG },
    { form: 'binary', list: Buffer.concat([BINARY, binary]) },
  ])('is marked, counted and warned of, in $form', async ({ list }) => {
    const file = await write(list);
    const shown = await runCli(['log', 'show', file]);
    expect(shown.stdout.match(/TEMPLATE_HASH_MISMATCH/g)).toHaveLength(1);
    expect(shown).toMatchObject({ code: 1, stderr: expect.stringContaining(summary) });
    const json = await runCli(['log', 'show', '--json', file]);
    const entries = json.stdout
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(entries).toEqual([
      ENTRY,
      expect.objectContaining({ fault: expect.objectContaining({ code: 'TEMPLATE_HASH_MISMATCH' }) }),
    ]);
    const stats = await runCli(['log', 'stats', '--json', file]);
    expect(stats.code).toBe(1);
    expect(JSON.parse(stats.stdout)).toMatchObject({ entries: 2, faults: { TEMPLATE_HASH_MISMATCH: 1 } });
    const converted = await runCli(['log', 'convert', '--to', 'ascii', file]);
    expect(converted).toMatchObject({
      code: 1,
      stdout: LINE + WRONG,
      stderr: expect.stringContaining(summary),
    });
  });

  test('of an entry that is not wanted is not told', async () => {
    const { stderr, code } = await runCli(['log', 'show', '--to', '1', await write(LINE + WRONG)]);
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  });
});

describe('a list without entries', () => {
  test.each(
    [['show'], ['show', '--json'], ['stats'], ['convert', '--to', 'binary'], ['replay']].map((args) => ({
      args,
    })),
  )('is told to be empty by log $args, as by verify', async ({ args }) => {
    const { stderr, code } = await runCli(['log', ...args, '-'], { input: '' });
    expect(code).toBe(1);
    expect(stderr).toContain('the list has no entries');
    expect(await runCli(['verify', '-', '--pcr', `sha1:10=${'0'.repeat(40)}`])).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('LIST_TRUNCATED the list has no entries'),
    });
  });

  test('is none because a filter leaves nothing', async () => {
    const { stdout, stderr, code } = await runCli(['log', 'show', '--path', '/no/', '-'], { input: LINE });
    expect({ stdout, stderr, code }).toEqual({ stdout: '', stderr: '', code: 0 });
  });
});

test.each([
  { args: ['--from', '5', '--to', '2'], says: 'no entry is from 5 to 2' },
  { args: ['--to', '0'], says: 'no entry is from 1 to 0' },
])('log show $args is wrong usage', async ({ args, says }) => {
  const { stdout, stderr, code } = await runCli(['log', 'show', ...args, '-'], { input: LINE });
  expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
  expect(stderr).toContain(says);
});

test('log convert -o says what it wrote', async () => {
  const cwd = await freshDirectory();
  const args = ['log', 'convert', '--to', 'binary', '-', '-o', 'out'];
  expect((await runCli(args, { cwd, input: LINE })).stderr).toBe(
    `wrote out (${BINARY.length} bytes)\nwrote out.sha256 (70 bytes)\n`,
  );
  expect((await runCli([...args, '-q'], { cwd, input: LINE })).stderr).toBe('');
});

describe('control characters in a name', () => {
  test('do not reach the terminal', async () => {
    const { stdout } = await runCli(['log', 'show', '-'], { input: LINE.replace('hello', 'he\u001b[2Jllo') });
    expect(stdout).not.toContain('\u001b');
  });
});

describe('lists of real kernels', () => {
  const shared = process.env['IMA_ASSAY_SHARED'] ?? '';
  const cases =
    shared === ''
      ? []
      : readdirSync(join(shared, 'corpus')).filter((name) => /^[a-z0-9-]+$/.test(name) && name !== 'truth');

  test('there are some', (context) => {
    needsShared(context, 'corpus');
    expect(cases).not.toEqual([]);
  });

  test.each(cases)('%s: both forms turn into each other and replay to the TPM’s PCR 10', async (name) => {
    const directory = join(shared, 'corpus', name);
    const ascii = join(directory, 'ascii_runtime_measurements');
    const binary = join(directory, 'binary_runtime_measurements');
    const [toAscii, toBinary] = await Promise.all([
      runCli(['log', 'convert', '--to', 'ascii', binary]),
      runCli(['log', 'convert', '--to', 'binary', ascii]),
    ]);
    expect(toAscii.stdoutBytes.equals(await readFile(ascii))).toBe(true);
    expect(toBinary.stdoutBytes.equals(await readFile(binary))).toBe(true);
    const values = (await readFile(join(directory, 'pcrs'), 'latin1')).toLowerCase();
    const { pcrs } = await replayMeasurementList([binary]);
    const known = pcrs.filter(({ bank }) => values.includes(`${bank}:10=`));
    expect(known.length).toBeGreaterThan(0);
    for (const { bank, index, value } of known) expect(values).toContain(`${bank}:${index}=${value}`);
  });
});
