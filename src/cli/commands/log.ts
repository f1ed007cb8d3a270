import type { Argv } from 'yargs';
import { readPieces } from '../../measurement-list/open.ts';
import { describeMeasurementList, replayMeasurementList } from '../../measurement-list/replay.ts';
import type { ListFault } from '../../measurement-list/types.ts';
import { UsageError } from '../../usage.ts';
import { flag, many, one, wholeNumber } from '../arguments.ts';
import type { Command, ParsedArguments } from '../command.ts';
import { exitCodes } from '../exit.ts';
import { writeData } from '../output.ts';
import { escapeControls, formatCount } from '../terminal.ts';

function declareCommon(yargs: Argv): Argv {
  return yargs
    .positional('list', {
      type: 'string',
      describe: 'Measurement list, or its parts in order; - for standard input',
    })
    .option('output', {
      alias: 'o',
      type: 'string',
      requiresArg: true,
      describe: 'Write to FILE, and its checksum to FILE.sha256',
    })
    .option('json', { type: 'boolean', describe: 'Write JSON' })
    .option('quiet', { alias: 'q', type: 'boolean', describe: 'Nothing on standard error but errors' });
}

const valued = { type: 'string', requiresArg: true } as const;

const show: Command = {
  usage: 'show <list..>',
  summary: 'Decode a list to text or JSON lines',
  options: (yargs) =>
    declareCommon(yargs)
      .option('from', { ...valued, describe: 'First entry, from 1' })
      .option('to', { ...valued, describe: 'Last entry' })
      .option('pcr', { ...valued, describe: 'Only entries of this PCR' })
      .option('template', { ...valued, describe: 'Only entries of this template' })
      .option('path', { ...valued, describe: 'Only names that begin so' })
      .option('violations', { type: 'boolean', describe: 'Only violations' })
      .example('$0 log show --json list | jq .fields', 'the fields of each entry'),
  run: async (parsed, { signal }) => {
    const number = (name: string): number | undefined => {
      const text = one(parsed, name);
      return text === undefined ? undefined : wholeNumber(text, `--${name}`);
    };
    const filter = {
      from: number('from'),
      to: number('to'),
      pcr: number('pcr'),
      template: one(parsed, 'template'),
      path: one(parsed, 'path'),
      violations: flag(parsed, 'violations'),
    };
    const face = flag(parsed, 'json') ? 'json' : 'text';
    let faults = 0;
    const pieces = readPieces(many(parsed, 'list'), face, { filter, signal });
    const text = (async function* () {
      for await (const piece of pieces) {
        for (const fault of piece.faults) reportFault(fault);
        faults += piece.faults.length;
        yield piece.text;
      }
    })();
    await writeData(text, { output: one(parsed, 'output'), signal });
    return faults === 0 ? exitCodes.done : exitCodes.undecided;
  },
};

const convert: Command = {
  usage: 'convert <list..>',
  summary: 'Write a list in the other form, or with the template hashes of another bank',
  options: (yargs) =>
    declareCommon(yargs)
      .option('to', {
        ...valued,
        choices: ['ascii', 'binary'] as const,
        demandOption: true,
        describe: 'The form to write',
      })
      .option('bank', { ...valued, describe: "Whose template hashes (default: the list's own)" })
      .example('$0 log convert --to ascii binary_runtime_measurements', 'as text'),
  run: async (parsed, { signal }) => {
    if (flag(parsed, 'json')) {
      throw new UsageError('ARGUMENT_INVALID', {
        problem: '--json has no place here',
        hint: '`ima-assay log show --json` writes JSON lines',
      });
    }
    const to = one(parsed, 'to') === 'binary' ? 'binary' : 'ascii';
    const pieces = readPieces(many(parsed, 'list'), to, { signal }, one(parsed, 'bank'));
    const text = (async function* () {
      for await (const piece of pieces) yield piece.text;
    })();
    await writeData(text, { output: one(parsed, 'output'), signal });
    return exitCodes.done;
  },
};

const replay: Command = {
  usage: 'replay <list..>',
  summary: 'PCR values that a list leads to, and the boot aggregate of an event log',
  options: (yargs) =>
    declareCommon(yargs)
      .option('bank', {
        ...valued,
        describe: 'Bank (repeatable; default: sha1, sha256, sha384, sha512, sm3_256)',
      })
      .option('event-log', { ...valued, describe: "The firmware's event log, binary_bios_measurements" })
      .example('$0 log replay list --bank sha256', 'PCR 10 of one bank'),
  run: async (parsed, { signal }) => {
    const result = await replayMeasurementList(many(parsed, 'list'), {
      banks: many(parsed, 'bank'),
      eventLog: one(parsed, 'event-log'),
      signal,
    });
    const lines = [
      ...result.pcrs.map(
        ({ bank, index, value, unknownFrom }) =>
          `${bank}:${index}=${value ?? `unknown from entry ${unknownFrom}`}`,
      ),
      ...(result.bootAggregates ?? []).map(
        ({ bank, lastPcr, value, isFirstEntry }) =>
          `boot aggregate ${bank} of PCR 0 to ${lastPcr}: ${value}${isFirstEntry ? ', as in the first entry' : ''}`,
      ),
    ];
    const text = flag(parsed, 'json')
      ? `${JSON.stringify(result)}\n`
      : lines.map((line) => `${line}\n`).join('');
    await writeData([Buffer.from(text)], { output: one(parsed, 'output'), signal });
    for (const fault of result.faults?.first ?? []) reportFault(fault);
    if (result.mismatches !== undefined) {
      reportFault({
        code: 'TEMPLATE_HASH_MISMATCH',
        problem: `template hashes that are not those of the fields: ${result.mismatches} of ${result.entries}, the first in entry ${result.firstMismatch}; replayed is what the fields give`,
        hint: '`ima-assay verify` says of each what is wrong',
      });
    }
    if (result.faults !== undefined) return exitCodes.undecided;
    return result.mismatches === undefined ? exitCodes.done : exitCodes.findings;
  },
};

const stats: Command = {
  usage: 'stats <list..>',
  summary: 'What a list is made of, in numbers',
  options: (yargs) =>
    declareCommon(yargs).example('$0 log stats list', 'entries by template, PCR and algorithm'),
  run: async (parsed, { signal }) => {
    const result = await describeMeasurementList(many(parsed, 'list'), { signal });
    const text = flag(parsed, 'json')
      ? `${JSON.stringify(result, null, 2)}\n`
      : Object.entries<Count>({ ...result })
          .map(drawCount)
          .join('');
    await writeData([Buffer.from(text)], { output: one(parsed, 'output'), signal });
    return Object.keys(result.faults).length === 0 ? exitCodes.done : exitCodes.undecided;
  },
};

type Count = number | string | null | Readonly<Record<string, number>>;

function drawCount([name, value]: readonly [string, Count]): string {
  const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  if (value === null) return '';
  if (typeof value === 'number') return `${words}: ${formatCount(value)}\n`;
  if (typeof value === 'string') return `${words}: ${value}\n`;
  const parts = Object.entries(value).map(([key, count]) => `${escapeControls(key)} ${formatCount(count)}`);
  return parts.length === 0 ? '' : `${words}: ${parts.join(', ')}\n`;
}

function reportFault({ problem, code, hint }: Pick<ListFault, 'code' | 'hint' | 'problem'>): void {
  process.stderr.write(`ima-assay: ${escapeControls(problem)}\n`);
  if (hint !== undefined) process.stderr.write(`  hint: ${hint}\n`);
  process.stderr.write(`  [${code}]\n`);
}

/** `log`: measurement lists, decoded, converted, replayed, counted. */
export const command: Command = {
  usage: 'log',
  summary: 'Show, convert, replay or count a measurement list',
  subcommands: [show, convert, replay, stats],
  options: (yargs: Argv) => yargs.demandCommand(1, 'log show, convert, replay or stats?'),
  run: async (_parsed: ParsedArguments) => exitCodes.undecided,
};
