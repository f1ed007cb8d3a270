// Lists of real kernels through the built program: verdict, findings and PCR values as each case says.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

import { describe, expect, test } from 'vitest';

import { freshDirectory } from '../support/directory.ts';
import { replayByCli, verifyByCli } from '../support/report.ts';
import { needsShared } from '../support/tools.ts';

/** What `case.json` says, as far as it is used here. */
interface Facts {
  readonly truth: readonly string[];
  readonly entries: number;
  readonly violation_entries: readonly number[];
  readonly templates: Readonly<Record<string, number>>;
  readonly pcr10: Readonly<Record<string, { readonly value: string }>>;
  readonly entries_that_do_not_plainly_match: readonly { readonly entry: number; readonly why: string }[];
  readonly quotes: Readonly<Record<string, string>>;
}

/** The finding for each reason why an entry does not match what was in the image. */
const FINDINGS: Readonly<Record<string, string | null>> = {
  'path-known-digest-differs': 'DIGEST_MISMATCH',
  'digest-known-path-differs': 'NOT_LISTED',
  unknown: 'NOT_LISTED',
  'match-after-space-to-underscore': null,
};

const shared = process.env['IMA_ASSAY_SHARED'];
const corpus = join(shared ?? '', 'corpus');
const cases =
  shared === undefined
    ? []
    : readdirSync(corpus).filter((name) => /^[a-z0-9-]+$/.test(name) && name !== 'truth');
const LISTS = ['ascii_runtime_measurements', 'binary_runtime_measurements'] as const;

test('there is a collection of lists', (context) => {
  needsShared(context, 'corpus');
  expect(cases.length).toBeGreaterThanOrEqual(4);
});

describe.each(cases)('%s', (name) => {
  const file = (path: string): string => join(corpus, name, path);
  const facts: Facts = JSON.parse(readFileSync(file('case.json'), 'utf8'));

  test.each(LISTS)('%s is judged as the files of its image say', async (list) => {
    const allowlists = await unpackTruth(facts.truth);
    const { report, findings } = await verifyByCli(file(list), [...allowlists, '--pcrs', file('pcrs')]);
    const expected = expectedFindings(facts);
    expect(findings).toEqual(expected);
    expect(report.accepted.listed).toBe(facts.entries - expected.length);
    expect(report.list).toMatchObject({
      entries: facts.entries,
      templates: facts.templates,
      violations: facts.violation_entries.length,
    });
    const values = Object.entries(facts.pcr10).map(([bank, { value }]) =>
      expect.objectContaining({
        bank,
        index: 10,
        replayed: value,
        expected: value,
        matchedEntries: facts.entries,
      }),
    );
    expect(report.pcrs).toEqual(expect.arrayContaining(values));
  });

  test.each(LISTS)('%s replays to the PCR 10 of every bank', async (list) => {
    const { entries, violations, pcrs } = await replayByCli(file(list));
    expect({ entries, violations }).toEqual({
      entries: facts.entries,
      violations: facts.violation_entries.length,
    });
    for (const [bank, { value }] of Object.entries(facts.pcr10)) {
      expect(pcrs).toContainEqual(expect.objectContaining({ bank, index: 10, value }));
    }
  });

  test.each(Object.keys(facts.quotes))('quote %s holds, and covers the list', async (quote) => {
    const nonce = (await readFile(file('quote/nonce'), 'utf8')).trim();
    const signed = ['--quote', file(`quote/${quote}.msg`), '--signature', file(`quote/${quote}.sig`)];
    const evidence = (key: string, of: string): readonly string[] => {
      return [...signed, '--ak', file(key), '--nonce', of, '--pcrs', file('pcrs')];
    };
    const own = quote.startsWith('ecc') ? 'quote/akecc.tpmt' : 'quote/ak.tpm2b';
    const other = quote.startsWith('ecc') ? 'quote/ak.tpm2b' : 'quote/akecc.tpmt';
    const list = file(LISTS[1]);
    const held = await verifyByCli(list, evidence(own, nonce));
    expect(held.report.quote.status).toBe('verified');
    const uncovered = held.report.unchecked.find((line) => line.startsWith('PCR values that the quote'));
    if (quote === 'sha256-10') expect(uncovered).toMatch(/: sha1:0-23 sha256:0-9 sha256:11-23$/);
    const wrong = await verifyByCli(list, evidence(own, 'ff'.repeat(20)));
    expect(wrong.findings).toContainEqual([0, 'NONCE_MISMATCH']);
    const foreign = await verifyByCli(list, evidence(other, nonce));
    expect(foreign.findings).toContainEqual([0, 'QUOTE_INVALID']);
    for (const { report } of [wrong, foreign]) expect(report.quote.status).toBe('failed');
  });
});

function expectedFindings(facts: Facts): readonly (readonly [number, string])[] {
  const found = facts.entries_that_do_not_plainly_match.flatMap(({ entry, why }) => {
    const code = FINDINGS[why];
    if (code === undefined) throw new Error(`unknown reason: ${why}`);
    return code === null ? [] : [[entry, code] as const];
  });
  const violations = facts.violation_entries.map((entry) => [entry, 'VIOLATION'] as const);
  return [...found, ...violations].toSorted(([a], [b]) => a - b);
}

/** The digests of the files of the images, as arguments. */
async function unpackTruth(names: readonly string[]): Promise<readonly string[]> {
  const directory = join(await freshDirectory(), 'truth');
  await mkdir(directory);
  const files = names.map((_, index) => join(directory, `${index}.sha256`));
  for (const [index, name] of names.entries()) {
    await writeFile(files[index] ?? '', gunzipSync(await readFile(join(corpus, name))));
  }
  return files.flatMap((file) => ['--allowlist', file]);
}

describe.runIf(cases.includes('sig'))('signatures of the case "sig"', () => {
  const file = (path: string): string => join(corpus, 'sig', path);
  const keys = ['vendor.der', 'vendor2.pem'].flatMap((key) => ['--key', file(`keys/${key}`)]);

  test.each(LISTS)('%s: every one is judged as it was made', async (list) => {
    const facts: Facts = JSON.parse(await readFile(file('case.json'), 'utf8'));
    const { report } = await verifyByCli(file(list), [...(await unpackTruth(facts.truth)), ...keys]);
    const found = report.findings.map(({ path = '', code }) => `${path} ${code}`);
    expect(found.toSorted()).toEqual([
      '/usr/bin/base64 SIGNATURE_INVALID',
      '/usr/bin/cut SIGNATURE_MALFORMED',
      '/usr/bin/date SIGNATURE_INVALID',
      '/usr/bin/stat SIGNATURE_KEY_UNKNOWN',
    ]);
  });
});
