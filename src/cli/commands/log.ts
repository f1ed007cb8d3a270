import type { Argv } from 'yargs';
import { type ListText, readPieces } from '../../measurement-list/open.ts';
import { describeMeasurementList, replayMeasurementList } from '../../measurement-list/replay.ts';
import type { ListFault } from '../../measurement-list/types.ts';
import { UsageError } from '../../usage.ts';
import { flag, many, one, wholeNumber } from '../arguments.ts';
import type { Command, ParsedArguments } from '../command.ts';
import { exitCodes } from '../exit.ts';
import { writeOutput } from '../output.ts';
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
    if (filter.to !== undefined && filter.to < (filter.from ?? 1)) {
      throw new UsageError('ARGUMENT_INVALID', {
        problem: `no entry is from ${filter.from ?? 1} to ${filter.to}`,
        hint: 'entries count from 1, and --to is not before --from',
      });
    }
    const face = flag(parsed, 'json') ? 'json' : 'text';
    return writeList(readPieces(many(parsed, 'list'), face, { filter, signal }), parsed, signal);
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
    return writeList(pieces, parsed, signal);
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
    await writeOutput([Buffer.from(text)], parsed, signal);
    for (const fault of result.faults?.first ?? []) reportFault(fault);
    const { entries, mismatches = 0, firstMismatch, faults } = result;
    const note = '; replayed is what the fields give';
    return judge({ entries, faults: faults?.count ?? 0, mismatches, firstMismatch, note });
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
    await writeOutput([Buffer.from(text)], parsed, signal);
    const { TEMPLATE_HASH_MISMATCH: mismatches = 0, ...faults } = result.faults;
    return judge({ entries: result.entries, faults: Object.keys(faults).length, mismatches });
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

/** Writes a list piece by piece, and says what is wrong with it. Returns the exit code. */
async function writeList(
  pieces: AsyncIterable<ListText>,
  parsed: ParsedArguments,
  signal: AbortSignal,
): Promise<number> {
  let [entries, faults, mismatches] = [0, 0, 0];
  let firstMismatch: number | undefined;
  const text = (async function* () {
    for await (const piece of pieces) {
      for (const fault of piece.faults) reportFault(fault);
      entries += piece.entries;
      faults += piece.faults.length;
      mismatches += piece.mismatches;
      firstMismatch ??= piece.firstMismatch;
      yield piece.text;
    }
  })();
  await writeOutput(text, parsed, signal);
  return judge({ entries, faults, mismatches, firstMismatch });
}

/** Says what a whole list has wrong, and gives the exit code. What could not be read counts for more than what is wrong. */
function judge({
  entries,
  faults,
  mismatches,
  firstMismatch,
  note = '',
}: {
  readonly entries: number;
  readonly faults: number;
  readonly mismatches: number;
  readonly firstMismatch?: number | undefined;
  /** What was made of such entries. */
  readonly note?: string;
}): number {
  if (mismatches > 0) {
    const first = firstMismatch === undefined ? '' : `, the first in entry ${firstMismatch}`;
    reportFault({
      code: 'TEMPLATE_HASH_MISMATCH',
      problem: `template hashes that are not those of the fields: ${mismatches} of ${entries}${first}${note}`,
      hint: 'the list was altered or its copy was damaged; `ima-assay verify` says of each what is wrong',
    });
  }
  if (faults > 0) return exitCodes.undecided;
  if (entries === 0) {
    reportFault({
      code: 'LIST_TRUNCATED',
      problem: 'the list has no entries: every kernel with IMA measures its own start',
      hint: 'read the file of securityfs to its end, as root',
    });
  }
  return mismatches > 0 || entries === 0 ? exitCodes.findings : exitCodes.done;
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
