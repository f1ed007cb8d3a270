// Lists that others made, with what a right reader finds in them, through the built program. Each case is held against
// policies that list everything in it, so that only what is wrong with the list itself is found.

import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import { expectSchema, replayByCli, verifyByCli } from '../support/report.ts';
import { needsShared } from '../support/tools.ts';

/** What `case.json` says, as far as it is used here. */
interface Facts {
  readonly id: string;
  readonly files: readonly ListedFile[];
  readonly entries: readonly Entry[];
  readonly violations: number;
  readonly pcrs: { readonly perBank: Values; readonly sha1Padded: Values };
  readonly expect?: {
    readonly truePcrs?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
    readonly quotes?: readonly Quote[];
  };
}

interface ListedFile {
  readonly path: string;
  readonly kind: string;
  readonly part?: number;
  readonly valid?: boolean;
}

interface Entry {
  readonly n: number;
  readonly violation: boolean;
  readonly bufferDigestMatches?: boolean;
  readonly signature?: string;
  readonly appendedSignature?: string;
  readonly evmSignature?: string;
  readonly fields: readonly Field[];
}

interface Field {
  readonly id: string;
  readonly hex?: string;
  /** Where it is not in hex. */
  readonly text?: string;
  readonly algorithm?: string;
  readonly digest?: string;
}

interface Quote {
  readonly name: string;
  readonly nonce: string;
  readonly ok: boolean;
}

/** Bank, index, value. */
type Values = Readonly<Record<string, Readonly<Record<string, string>>>>;
type Findings = readonly (readonly [number, string])[];

const shared = process.env['IMA_ASSAY_SHARED'];
const root = join(shared ?? '', 'vectors/ima-log');
const all = shared === undefined ? [] : readdirSync(root, { withFileTypes: true });
const cases = all.filter((entry) => entry.isDirectory()).map(({ name }) => factsOf(name));
const ALL_PCRS = Array.from({ length: 24 }, (_, index) => ['--allow-pcr', String(index)]).flat();

function factsOf(name: string): Facts {
  return JSON.parse(readFileSync(join(root, name, 'case.json'), 'utf8'));
}

/** One whole list in each form; of the banks the first and the last, so that both are read. */
function listsOf({ id, files }: Facts): readonly string[] {
  const ofKind = (wanted: string): readonly string[] =>
    files
      .filter(({ path, kind, part }) => kind === wanted && part === undefined && !/\/|with_tail$/.test(path))
      .map(({ path }) => join(root, id, path));
  return [...ofKind('ascii').slice(0, 1), ...ofKind('binary').slice(-1)];
}

/** What the cases say of single entries, whatever they are held against. */
function faultsOf({ entries }: Facts): Findings {
  return entries.flatMap(({ n, violation, bufferDigestMatches }): Findings => {
    if (violation) return [[n + 1, 'VIOLATION']];
    return bufferDigestMatches === false ? [[n + 1, 'BUFFER_DIGEST_MISMATCH']] : [];
  });
}

/** Policies that list everything that was measured, as arguments. */
async function listEverything({ entries }: Facts): Promise<readonly string[]> {
  const directory = await freshDirectory();
  const lines: Buffer[] = [];
  const buffers: Record<string, string[]> = {};
  for (const { fields } of entries) {
    const field = (...ids: readonly string[]): Field | undefined => fields.find(({ id }) => ids.includes(id));
    const [measured, named] = [field('d', 'd-ng', 'd-ngv2'), field('n', 'n-ng')];
    if (measured === undefined || named === undefined) continue;
    const name = nameOf(named);
    const digest = measured.digest ?? measured.hex ?? '';
    if (field('buf') === undefined) lines.push(lineOf(digest, measured.algorithm, name));
    else (buffers[name.toString()] ??= []).push(digest);
  }
  const policy = {
    meta: { version: 1, generator: 0 },
    release: 0,
    digests: {},
    excludes: [],
    keyrings: buffers,
    ima: { ignored_keyrings: [], log_hash_alg: 'sha1', dm_policy: null },
    'ima-buf': buffers,
    'verification-keys': '',
  };
  await writeFile(join(directory, 'allowlist'), Buffer.concat(lines));
  await writeFile(join(directory, 'policy.json'), JSON.stringify(policy));
  return ['--allowlist', join(directory, 'allowlist'), '--policy', join(directory, 'policy.json')];
}

function nameOf({ hex, text = '' }: Field): Buffer {
  const bytes = hex === undefined ? Buffer.from(text) : Buffer.from(hex, 'hex');
  const end = bytes.indexOf(0);
  return end === -1 ? bytes : bytes.subarray(0, end);
}

/** As `sha256sum` writes it: a name with a line end or a backslash is escaped. */
function lineOf(digest: string, algorithm: string | undefined, name: Buffer): Buffer {
  const text = name.toString('latin1');
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  const prefix = algorithm === undefined || algorithm === '' ? '' : `${algorithm}:`;
  return Buffer.from(`${escaped === text ? '' : '\\'}${prefix}${digest}  ${escaped}\n`, 'latin1');
}

/** PCR values as arguments. A value without an index is that of PCR 10. */
function pcrArguments(
  values: Readonly<Record<string, string | Readonly<Record<string, string>>>>,
): readonly string[] {
  return Object.entries(values).flatMap(([bank, value]) =>
    Object.entries(typeof value === 'string' ? { 10: value } : value).flatMap(([index, digits]) => [
      '--pcr',
      `${bank}:${index}=${digits}`,
    ]),
  );
}

test('there is a collection of lists', (context) => {
  needsShared(context, 'vectors/ima-log');
  expect(cases.length).toBeGreaterThanOrEqual(40);
});

const isAltered = ({ id }: Facts): boolean => id.startsWith('tamper') || id === 'violation-forged';
const sound = cases.filter((each) => !isAltered(each) && !['padded', 'segments'].includes(each.id));

describe.each(sound)('$id', (facts) => {
  test.each(listsOf(facts))('%s passes but for its violations, and leads to the PCR values', async (list) => {
    const args = [...(await listEverything(facts)), ...ALL_PCRS, ...pcrArguments(facts.pcrs.perBank)];
    const { report, findings } = await verifyByCli(list, args);
    expect(findings).toEqual(faultsOf(facts));
    expect(report.list).toMatchObject({ entries: facts.entries.length, violations: facts.violations });
    expect(report.accepted.listed).toBe(facts.entries.length - findings.length);
    for (const row of report.pcrs) expect(row.expected).toBe(row.replayed);
    for (const { matchedEntries } of report.pcrs) expect(matchedEntries).not.toBeNull();
  });

  test.each(listsOf(facts))('%s is replayed to the PCR values', async (list) => {
    const { entries, violations, pcrs } = await replayByCli(list);
    expect({ entries, violations }).toEqual({ entries: facts.entries.length, violations: facts.violations });
    const expected = Object.entries(facts.pcrs.perBank).flatMap(([bank, values]) =>
      Object.entries(values).map(([index, value]) => ({ bank, index: Number(index), value })),
    );
    for (const value of expected) expect(pcrs).toContainEqual(expect.objectContaining(value));
  });
});

describe.each(cases.filter(isAltered))('$id', (facts) => {
  test.each(listsOf(facts))('%s does not pass with what the machine’s PCRs held', async (list) => {
    const everything = await listEverything(facts);
    const args = [...everything, ...ALL_PCRS, ...pcrArguments(facts.expect?.truePcrs ?? {})];
    const { report } = await verifyByCli(list, args);
    // In the case of one altered bank the list of the other bank is sound.
    const isSound = facts.id === 'tamper-one-bank' && list.endsWith('_sha1');
    expect(report.verdict).toBe(isSound ? 'pass' : 'fail');
  });
});

describe.each(cases.filter(({ id }) => id === 'padded'))('$id', (facts) => {
  test.each(listsOf(facts))('%s leads to the values of old kernels, which is said', async (list) => {
    const args = [...(await listEverything(facts)), ...pcrArguments(facts.pcrs.sha1Padded)];
    const { report, findings } = await verifyByCli(list, args);
    expect(findings).toEqual(faultsOf(facts));
    for (const { extend } of report.pcrs) expect(extend).toBe('padded-sha1');
  });
});

describe.each(cases.filter(({ id }) => ['sig-v2', 'sigv2-verity', 'modsig', 'evm-sig'].includes(id)))(
  '$id',
  (facts) => {
    const keys = facts.files.filter(({ kind }) => kind === 'key');
    const args = keys.flatMap(({ path }) => ['--key', join(root, facts.id, path)]);

    test.each(listsOf(facts))('%s: every signature is judged as it was made', async (list) => {
      const { findings } = await verifyByCli(list, [...(await listEverything(facts)), ...args]);
      const expected = facts.entries.flatMap(({ n, signature, appendedSignature, evmSignature }) => {
        const told = [signature, appendedSignature, evmSignature].find(
          (each) => each !== undefined && each !== 'absent',
        );
        const code = SIGNATURES[told?.split(':')[0] ?? 'absent'];
        if (code === undefined) throw new Error(`unknown: ${told}`);
        return code === null ? [] : [[n + 1, code] as const];
      });
      const all = [...expected, ...faultsOf(facts)];
      expect(findings).toEqual(all.toSorted(([a], [b]) => a - b));
    });
  },
);

/** The finding for each thing that a case says of a signature. */
const SIGNATURES: Readonly<Record<string, string | null>> = {
  absent: null,
  good: null,
  'EVM portable signature': null,
  bad: 'SIGNATURE_INVALID',
  unsupported: 'SIGNATURE_INVALID',
  'unknown key': 'SIGNATURE_KEY_UNKNOWN',
  malformed: 'SIGNATURE_MALFORMED',
};

describe.each(cases.filter(({ id }) => id === 'quotes'))('$id', (facts) => {
  test.each(facts.expect?.quotes ?? [])('$name', async ({ name, nonce, ok: isGood }) => {
    // The file of PCR values calls the bank by another name: it is read as the signed selection has it.
    const ok = isGood || name === 'bank-differs';
    const file = (path: string): string => join(root, facts.id, 'quotes', name, path);
    const [, list = ''] = listsOf(facts);
    const quote = [
      '--quote',
      file('quote.msg'),
      '--signature',
      file('quote.sig'),
      '--ak',
      file('ak.tpm2b_public'),
    ];
    const pcrs = ['--pcrs', file('quote.pcrs')];
    const fresh = nonce === '' ? [] : ['--nonce', nonce];
    const args = [...(await listEverything(facts)), ...quote, ...pcrs, ...fresh];
    const { stdout, stderr, code } = await runCli(['verify', list, '--json', ...args]);
    // A signature or a file of PCR values that cannot be read leaves nothing to decide, which is no pass either.
    if (code === 2) {
      expect(ok, stderr).toBe(false);
      return;
    }
    const report: unknown = JSON.parse(stdout);
    expectSchema(report);
    expect(report).toMatchObject({ quote: { status: ok ? 'verified' : 'failed' } });
    expect(code).toBe(ok ? 0 : 1);
  });
});

describe.each(cases.filter(({ id }) => id === 'segments'))('$id', (facts) => {
  test.each(['ascii', 'binary'])('the parts in %s are one list, and the last one is none', async (form) => {
    const [first = '', ...others] = ['.part0', '.part1', ''].map((part) =>
      join(root, facts.id, `${form}_runtime_measurements_sha1${part}`),
    );
    const args = [...(await listEverything(facts)), ...pcrArguments(facts.pcrs.perBank)];
    const whole = await verifyByCli(first, [...others, ...args]);
    expect(whole.findings).toEqual([]);
    expect(whole.report.list.entries).toBe(facts.entries.length);
    const last = await verifyByCli(others.at(-1) ?? '', args);
    expect(last.findings).toContainEqual([0, 'PCR_MISMATCH']);
  });
});

const carried = cases.flatMap(({ id, files }) =>
  files.filter(({ kind }) => kind === 'kexec').map((file) => ({ ...file, id })),
);

test.each(carried)(
  '$id $path: a list that kexec carries is read if it is whole',
  async ({ id, path, valid }) => {
    const { code } = await runCli(['log', 'replay', '--json', join(root, id, path)]);
    expect(code).toBe(valid === true ? 0 : 2);
  },
);

describe.skipIf(cases.length === 0)('lists that are not as a kernel writes them', () => {
  // What the template hashes show to be whole all the same.
  const whole = [
    'no-final-newline',
    'crlf',
    'blank-lines',
    'upper-hex',
    'sig-stripped',
    'bom',
    'ascii',
    'wrong-bank',
  ];
  const files = cases
    .filter(({ id }) => id.startsWith('malformed'))
    .flatMap(({ id, files: of }) =>
      of.filter(({ path }) => path.includes('/')).map(({ path }) => ({ id, path })),
    );

  test.each(files)('$id $path', async ({ id, path }) => {
    const policy = join(await freshDirectory(), 'policy.json');
    // Everything is excluded, so that only the fault can be found.
    await writeFile(policy, JSON.stringify({ digests: {}, excludes: [''] }));
    const { stdout, code } = await runCli(['verify', join(root, id, path), '--json', '--policy', policy]);
    const name = path.split('/').at(-1) ?? '';
    const isWhole = [...whole, 'mixed-legacy'].includes(name);
    expect(code === 0, `exit code ${code}`).toBe(isWhole);
    if (code !== 2) expectSchema(JSON.parse(stdout));
  });
});
