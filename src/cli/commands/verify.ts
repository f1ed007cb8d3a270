import type { Argv } from 'yargs';
import { drawReport, type Face, faces } from '../../report/faces.ts';
import { drawText, type Paint } from '../../report/text.ts';
import { writeAtomically } from '../../output/atomic-file.ts';
import { UsageError } from '../../usage.ts';
import { type QuoteEvidence, verify } from '../../verify/verify.ts';
import { flag, many, one, wholeNumber } from '../arguments.ts';
import type { Command, ParsedArguments } from '../command.ts';
import { exitCodes } from '../exit.ts';
import { writeData } from '../output.ts';
import { openProgress } from '../progress.ts';
import { hasColours, plural } from '../terminal.ts';

const file = (yargs: Argv, name: string, describe: string, alias?: string): Argv =>
  yargs.option(name, {
    type: 'string',
    requiresArg: true,
    describe,
    ...(alias === undefined ? {} : { alias }),
  });

/** `verify`: a measurement list against everything that is known. */
export const command: Command = {
  usage: 'verify <list..>',
  writes: ['output', 'report'],
  summary: 'Verify a measurement list against policies, PCRs, a quote and keys',
  options: (yargs) => {
    const declared: readonly (readonly [name: string, describe: string, alias?: string])[] = [
      ['policy', 'Runtime policy, signed or not, or old JSON allowlist (repeatable)', 'p'],
      ['allowlist', 'Flat allowlist (repeatable)'],
      ['policy-key', 'A key that must have signed every policy, of several one of them (repeatable)'],
      ['exclude-list', 'Exclude patterns, one a line (repeatable)', 'e'],
      ['pcrs', 'PCR values, in any form of tpm2-tools, sysfs or evmctl (repeatable)'],
      ['pcr', 'A PCR value, BANK:INDEX=HEX (repeatable)'],
      ['quote', 'Message of a TPM quote (tpm2_quote -m); with --signature and --ak'],
      ['signature', 'Signature of the quote (tpm2_quote -s)'],
      ['keylime-quote', "Quote string of Keylime, or an agent's JSON answer; with --ak"],
      ['ak', 'Attestation key: PEM, DER, X.509, TPM2B_PUBLIC or TPMT_PUBLIC'],
      ['nonce', 'Nonce of the quote, in hex'],
      ['nonce-text', 'Nonce of the quote, as text (Keylime)'],
      ['key', 'Key of file signatures: PEM, DER, X.509 or Keylime keyring (repeatable)'],
      ['event-log', "The firmware's event log, binary_bios_measurements, for the boot aggregate"],
      ['bank', 'Bank to replay (repeatable; default: those with a value)'],
      ['allow-pcr', 'PCR beside 10 that entries may be extended into (repeatable)'],
      ['max-findings', 'Findings to report, of all that are counted (default: 1000)'],
      ['report', `Also write a report, FACE=FILE (repeatable): ${faces.join(', ')}`],
      ['output', 'Write to FILE, and its checksum to FILE.sha256', 'o'],
    ];
    return declared
      .reduce((all, [name, describe, alias]) => file(all, name, describe, alias), yargs)
      .positional('list', {
        type: 'string',
        describe: 'Measurement list, or its parts in order; - for standard input',
      })
      .option('rules', {
        type: 'string',
        requiresArg: true,
        choices: ['strict', 'keylime'] as const,
        describe: 'Which rules decide (default: strict)',
      })
      .option('allow-sha1', { type: 'boolean', describe: 'Accept a quote signed over SHA-1' })
      .option('allow-violations', { type: 'boolean', describe: 'Let violations pass' })
      .option('allow-buffers', { type: 'boolean', describe: 'Let buffers pass that no policy lists' })
      .option('json', { type: 'boolean', describe: 'Write JSON' })
      .option('quiet', { alias: 'q', type: 'boolean', describe: 'No progress and no summary' })
      .example('$0 verify list -p policy.json --pcrs pcrs.yaml', 'against a policy and PCR values')
      .example(
        '$0 verify list -p policy.json --quote q.msg --signature q.sig --ak ak.pem --nonce 0a1b',
        'and a quote',
      );
  },
  run: async (parsed, { signal }) => {
    const list = many(parsed, 'list');
    const reports = readReports(parsed);
    const maxFindings = one(parsed, 'max-findings');
    const progress = openProgress('verifying', { quiet: flag(parsed, 'quiet') });
    const report = await verify(
      {
        list,
        policies: [...many(parsed, 'policy'), ...many(parsed, 'allowlist')],
        policyKeys: many(parsed, 'policy-key'),
        excludeLists: many(parsed, 'exclude-list'),
        pcrFiles: many(parsed, 'pcrs'),
        pcrValues: many(parsed, 'pcr'),
        quote: readQuote(parsed),
        keys: many(parsed, 'key'),
        eventLog: one(parsed, 'event-log'),
      },
      {
        rules: one(parsed, 'rules') === 'keylime' ? 'keylime' : 'strict',
        maxFindings: maxFindings === undefined ? undefined : wholeNumber(maxFindings, '--max-findings'),
        pcrs: readPcrs(parsed),
        banks: many(parsed, 'bank'),
        allowViolations: flag(parsed, 'allow-violations'),
        allowBuffers: flag(parsed, 'allow-buffers'),
        signal,
        onProgress: progress.onProgress,
      },
    ).finally(progress.close);
    const name = list.join(' ');
    for (const [face, path] of reports) {
      await writeAtomically(path, [Buffer.from(drawReport(report, face, name))], { signal });
    }
    const output = one(parsed, 'output');
    const text = flag(parsed, 'json')
      ? drawReport(report, 'json', name)
      : drawText(report, output === undefined ? paint : undefined);
    const written = await writeData([Buffer.from(text)], { output, signal });
    if (written.length > 0 && !flag(parsed, 'quiet')) {
      process.stderr.write(
        `${report.verdict}, ${plural(report.findingCount, 'finding')}; wrote ${written.map(({ path }) => path).join(', ')}\n`,
      );
    }
    return report.verdict === 'pass' ? exitCodes.done : exitCodes.findings;
  },
};

const COLOURS = { good: 32, bad: 31, dim: 2 } as const;

const paint: Paint = (style, text) => {
  return !hasColours(process.stdout) ? text : `\u001b[${COLOURS[style]}m${text}\u001b[0m`;
};

function readReports(parsed: ParsedArguments): readonly (readonly [Face, string])[] {
  return many(parsed, 'report').map((text) => {
    const [, name, path] = /^([a-z]+)=(.+)$/s.exec(text) ?? [];
    const face = faces.find((known) => known === name);
    if (face === undefined || path === undefined) {
      throw new UsageError('ARGUMENT_INVALID', {
        problem: `--report must be FACE=FILE, not ${JSON.stringify(text)}`,
        hint: `known faces are ${faces.join(', ')}`,
      });
    }
    return [face, path];
  });
}

function readPcrs(parsed: ParsedArguments): readonly number[] | undefined {
  const given = many(parsed, 'allow-pcr').map((text) => wholeNumber(text, '--allow-pcr'));
  return given.length === 0 ? undefined : [10, ...given];
}

function readQuote(parsed: ParsedArguments): QuoteEvidence | undefined {
  const message = one(parsed, 'quote');
  const signature = one(parsed, 'signature');
  const keylime = one(parsed, 'keylime-quote');
  const key = one(parsed, 'ak');
  if (message === undefined && signature === undefined && keylime === undefined) {
    const idle = ['ak', 'nonce', 'nonce-text', 'allow-sha1'].find((name) => parsed[name] !== undefined);
    if (idle === undefined) return undefined;
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `--${idle} without a quote would check nothing`,
      hint: 'give the quote: --quote with --signature, or --keylime-quote',
    });
  }
  const common = { nonce: readNonce(parsed), allowSha1: flag(parsed, 'allow-sha1') };
  if (key !== undefined && keylime !== undefined && message === undefined && signature === undefined) {
    return { ...common, key, keylime };
  }
  if (key !== undefined && keylime === undefined && message !== undefined && signature !== undefined) {
    return { ...common, key, message, signature };
  }
  throw new UsageError('ARGUMENT_INVALID', {
    problem: 'a quote is --quote with --signature and --ak, or --keylime-quote with --ak',
  });
}

function readNonce(parsed: ParsedArguments): Uint8Array | undefined {
  const hex = one(parsed, 'nonce');
  const text = one(parsed, 'nonce-text');
  if (hex !== undefined && text !== undefined) {
    throw new UsageError('ARGUMENT_INVALID', { problem: '--nonce and --nonce-text exclude each other' });
  }
  if (text !== undefined) return Buffer.from(text);
  if (hex === undefined) return undefined;
  if (!/^(?:[0-9a-f]{2})+$/i.test(hex)) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `--nonce must be hex digits, two a byte, not ${JSON.stringify(hex)}`,
      hint: 'a nonce that is text, as Keylime has it, goes into --nonce-text',
    });
  }
  return Buffer.from(hex, 'hex');
}
