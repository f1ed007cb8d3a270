// What we predict of a Keylime verifier, against Keylime's own code, over thousands of lists and policies.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { AssayError, type Finding, type Report, verify } from '../../src/index.ts';
import { freshDirectory } from '../support/directory.ts';
import { type Answer, askKeylime } from '../support/keylime-oracle.ts';
import { needsKeylime } from '../support/keylime.ts';
import { type Made, toAscii } from '../support/made-list.ts';
import { needsTool } from '../support/tools.ts';
import { type Case, FILES, makeCase } from './differential/cases.ts';
import { Dice } from './differential/dice.ts';
import { makeEd25519Certificate, makeSigners } from './differential/signers.ts';

const CASES = Number(process.env['IMA_ASSAY_DIFFERENTIAL_CASES'] ?? 2500);
const SEED = Number(process.env['IMA_ASSAY_DIFFERENTIAL_SEED'] ?? 0x5eed);

const TIMEOUT = { timeout: 300_000 };
const EVMCTL_CASES = 200;

/** What a finding may be called for each of Keylime's events; for keys and buffers the codes say what was measured. */
const CODES: Readonly<Record<string, readonly string[]>> = {
  'ima.parser.entry': ['ENTRY_MALFORMED'],
  'ima.pcr_mismatch': ['PCR_MISMATCH'],
  'ima.invalid_key': ['KEY_NOT_LISTED'],
  'ima.validation.ima_pcr': ['UNEXPECTED_PCR'],
  'ima.validation.ima_hash': ['TEMPLATE_HASH_MISMATCH'],
  'ima.validation.ima-ng.not_in_allowlist': ['NOT_LISTED', 'KEY_NOT_LISTED', 'BUFFER_NOT_LISTED'],
  'ima.validation.ima-ng.runtime_policy_hash': ['DIGEST_MISMATCH', 'KEY_NOT_LISTED', 'BUFFER_NOT_LISTED'],
  'ima.validator.ima-sig.invalid_signature': ['SIGNATURE_INVALID'],
};
/** For exceptions that Keylime does not catch. */
const CODES_OF_EXCEPTIONS: readonly string[] = ['ENTRY_MALFORMED'];

/** What is not compared, or not wholly, and why. */
const exceptions = {
  LIST_FORMAT_UNKNOWN:
    'what has no entry at all is no list, and no verdict is given; Keylime reports every line',
  POLICY_SHAPE_UNKNOWN:
    'a policy without "digests" is refused; Keylime ends with a KeyError once it looks there',
  PATTERN_UNSUPPORTED: 'characters by name (\\N{SOLIDUS}) are refused, since their names are not known here',
  'line of a carriage return':
    'a blank line is no entry, even with CR LF: Keylime counts one more; numbers are not compared',
} as const;
type Exception = keyof typeof exceptions;
const isException = (code: string): code is Exception => code in exceptions;

/** Whether a report has the same entries fail, for the same reasons, and comes to the same verdict. */
function agrees(
  { findings, keylimeVerdict }: Report,
  { pass, events }: Answer,
  hasNumbers: boolean,
): boolean {
  const isSame = (finding: Finding, index: number): boolean => {
    const [line, event] = events[index] ?? [-1, ''];
    const isThere = !hasNumbers || (finding.entry ?? 0) === line;
    return isThere && (CODES[event] ?? CODES_OF_EXCEPTIONS).includes(finding.code);
  };
  return (keylimeVerdict === 'pass') === pass && findings.length === events.length && findings.every(isSame);
}

/** Our prediction, from either form of the list. */
async function predict(each: Case, list: Buffer, directory: string): Promise<Report | Exception> {
  const write = (name: string, content: Buffer | string): string => {
    const file = join(directory, name);
    writeFileSync(file, content);
    return file;
  };
  try {
    return await verify(
      {
        list: write('list', list),
        policies: each.policy === null ? [] : [write('policy', JSON.stringify(each.policy))],
        pcrValues: each.pcr === undefined ? [] : [`${each.pcr.bank}:10=${each.pcr.value}`],
        keys: each.keys.map((key, index) => write(`key${index}`, key)),
        eventLog: each.boot === undefined ? undefined : write('boot', each.boot.eventLog),
      },
      { rules: 'keylime' },
    );
  } catch (error) {
    if (error instanceof AssayError && isException(error.code)) return error.code;
    throw error;
  }
}

/** Makes the cases, with what their keys need. */
function makeCases(directory: string): readonly Case[] {
  const material = {
    signers: makeSigners(
      directory,
      FILES.map(({ content }) => content),
    ),
    oddCertificate: makeEd25519Certificate(directory),
  };
  const dice = new Dice(SEED);
  return Array.from({ length: CASES }, () => makeCase(dice, material));
}

test(`${CASES} lists and policies are judged as Keylime judges them`, TIMEOUT, async (context) => {
  const keylime = needsKeylime(context);
  needsTool(context, 'evmctl', 'openssl');
  const directory = await freshDirectory();
  const cases = makeCases(directory);
  const answers = await askKeylime(
    keylime,
    cases.map((each) => ({ ...each, boot: each.boot && { sha1: each.boot.aggregates } })),
  );

  const counts: Record<string, number> = {};
  const count = (what: string, times: number = 1): void => void (counts[what] = (counts[what] ?? 0) + times);
  const wrong: string[] = [];
  const unexplained: string[] = [];
  for (const [index, each] of cases.entries()) {
    const answer = answers[index];
    if (answer === undefined) throw new Error('Keylime answers every question');
    count(answer.pass ? 'pass' : 'fail');
    for (const [, event] of answer.events) count(event);
    const hasNumbers = !each.list.toString('latin1').split('\n').includes('\r');
    if (!hasNumbers) count('line of a carriage return');
    for (const list of [each.list, ...(each.binary === undefined ? [] : [each.binary])]) {
      const report = await predict(each, list, directory);
      if (typeof report === 'string') {
        count(report);
        continue;
      }
      count('excluded', report.accepted.excluded);
      count('signed', report.accepted.signed);
      if (!agrees(report, answer, hasNumbers)) wrong.push(describe(each, index, report, answer));
      // Whoever is told two verdicts is told where they part.
      const isExplained =
        report.strictVerdict === report.keylimeVerdict ||
        report.differences.length > 0 ||
        isBeforeLines(answer);
      if (!isExplained) unexplained.push(describe(each, index, report, answer));
    }
  }
  process.stdout.write(`${JSON.stringify(counts)}\n`);
  expect(wrong.slice(0, 3).join('\n\n'), `${wrong.length} of ${CASES}`).toBe('');
  expect(unexplained.slice(0, 3).join('\n\n'), `${unexplained.length} of ${CASES}`).toBe('');
  // Everything that can happen has happened, and often enough that it means something.
  for (const what of [...Object.keys(CODES), 'excluded', 'signed', 'pass']) {
    expect(counts[what], what).toBeGreaterThan(CASES / 200);
  }
});

test('evmctl finds the same lists to lead to the PCR', TIMEOUT, async (context) => {
  needsTool(context, 'evmctl', 'openssl');
  const directory = await freshDirectory();
  const disagreements: string[] = [];
  const matched = { yes: 0, no: 0 };
  const cases = makeCases(directory).flatMap(forEvmctl).slice(0, EVMCTL_CASES);
  for (const { pcr, binary, entries } of cases) {
    const list = join(directory, 'evmctl-list');
    const pcrs = join(directory, 'evmctl-pcrs');
    writeFileSync(list, binary);
    writeFileSync(pcrs, evmctlPcrs(pcr.value));
    // Without the option it extends a violation with zeros, which no kernel does.
    const args = ['ima_measurement', '--ignore-violations', '--pcrs', `${pcr.bank},${pcrs}`, list];
    const { stdout, stderr } = spawnSync('evmctl', args, { encoding: 'utf8' });
    const isMatchToEvmctl = `${stdout}${stderr}`.includes('Matched per TPM bank calculated digest(s)');
    const report = await verify({ list, pcrValues: [`${pcr.bank}:10=${pcr.value}`] });
    const [row] = report.pcrs;
    // A PCR that was never extended is reached before the first entry, which is nothing.
    const isMatch = (row?.matchedEntries ?? 0) > 0;
    matched[isMatch ? 'yes' : 'no'] += 1;
    if (isMatch !== isMatchToEvmctl) {
      const text = toAscii(entries).toString('latin1');
      disagreements.push(`${text}${JSON.stringify(pcr)}: ${stderr}, ${JSON.stringify(row)}`);
    }
  }
  process.stdout.write(`${JSON.stringify(matched)}\n`);
  expect(disagreements.slice(0, 3).join('\n\n'), `${disagreements.length} of ${cases.length}`).toBe('');
  expect(Math.min(matched.yes, matched.no)).toBeGreaterThan(EVMCTL_CASES / 20);
});

/** A KeyError before the first line, for want of a setting, is in no report's differences. */
function isBeforeLines({ events }: Answer): boolean {
  return events.some(([line, event]) => line === 0 && event === 'exception.KeyError');
}

/** Enough to see what is wrong. */
function describe(each: Case, index: number, report: Report, answer: Answer): string {
  return [
    `case ${index} (${report.list.format})`,
    each.list.toString('latin1'),
    `policy ${JSON.stringify(each.policy)}`,
    `pcr ${JSON.stringify(each.pcr)}, ${each.keys.length} keys, boot ${JSON.stringify(each.boot?.aggregates)}`,
    `ours    ${JSON.stringify(report.findings.map(({ entry = 0, code }) => [entry, code]))}`,
    `Keylime ${JSON.stringify(answer.events)}`,
  ].join('\n');
}

interface ForEvmctl {
  readonly pcr: NonNullable<Case['pcr']>;
  readonly binary: Buffer;
  readonly entries: readonly Made[];
}

/**
 * What evmctl 1.4 can judge: templates that it knows (it does not take `ima` among others), two banks, and more than one
 * entry (of one alone it says that it leads to any value).
 */
function forEvmctl({ entries = [], binary, pcr }: Case): readonly ForEvmctl[] {
  if (binary === undefined || pcr === undefined || entries.length < 2) return [];
  const isFit = entries.every((made) => EVMCTL_TEMPLATES.includes(made.template) && made.pcr === 10);
  return isFit && ['sha1', 'sha256'].includes(pcr.bank) ? [{ pcr, binary, entries }] : [];
}

const EVMCTL_TEMPLATES = ['ima-ng', 'ima-sig', 'ima-buf', 'ima-ngv2', 'ima-sigv2', 'ima-modsig'];

/** All PCRs of a bank, of which only PCR 10 was extended. */
function evmctlPcrs(value: string): string {
  const lines = Array.from({ length: 24 }, (_, index) => {
    const digits = index === 10 ? value : value.replaceAll(/./g, '0');
    return `PCR-${String(index).padStart(2, '0')}: ${(digits.match(/../g) ?? []).join(' ')}\n`;
  });
  return lines.join('');
}
