import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { AllowlistFormat } from '../../allowlist/allowlist.ts';
import { type Extraction, extractAllowlist } from '../../image/extract.ts';
import type { ImageSummary } from '../../image/types.ts';
import { parseExcludeList } from '../../runtime-policy/exclude-list.ts';
import { formatTimestamp } from '../../runtime-policy/settings.ts';
import { UsageError } from '../../usage.ts';
import { flag, many, one } from '../arguments.ts';
import type { Command, ParsedArguments } from '../command.ts';
import { exitCodes } from '../exit.ts';
import { declareImageOptions, readImageOptions, readThreads } from '../image-options.ts';
import { writeData } from '../output.ts';
import { openProgress } from '../progress.ts';
import { findSources } from '../sources.ts';
import { describeSkips, escapeControls, formatBytes, plural } from '../terminal.ts';

const formats = ['allowlist', 'runtime-policy', 'json', 'mtree'] as const;
type FormatName = (typeof formats)[number];

/** `extract`: images in, allowlist or runtime policy out. */
export const command: Command = {
  usage: 'extract <source..>',
  summary: 'Hash the files of images into an allowlist or a Keylime runtime policy',
  options: (yargs) =>
    declareImageOptions(
      yargs
        .positional('source', {
          type: 'string',
          describe: 'Initramfs, UKI, disk image, tar archive or root directory; a glob; - for standard input',
        })
        .option('output', {
          alias: 'o',
          type: 'string',
          requiresArg: true,
          describe: 'Write to FILE, and its checksum to FILE.sha256 (default: standard output, no checksum)',
        })
        .option('format', {
          alias: 'f',
          type: 'string',
          requiresArg: true,
          choices: formats,
          describe: 'What to write (default: allowlist)',
        })
        .option('json', { type: 'boolean', describe: 'The same as --format json' })
        .option('algorithm', {
          alias: 'a',
          type: 'string',
          requiresArg: true,
          describe: 'Hash algorithm (repeatable; default: sha256)',
        })
        .option('exclude-list', {
          alias: 'e',
          type: 'string',
          requiresArg: true,
          describe: 'Exclude patterns to put into a runtime policy, one a line (repeatable)',
        })
        .option('threads', {
          type: 'string',
          requiresArg: true,
          describe: 'Hashing threads (default: one per core)',
        }),
    )
      .example('$0 extract keylime-image.initrd -o allowlist.txt', 'an allowlist and its checksum')
      .example(
        '$0 extract / --format runtime-policy -e excludes.txt -o policy.json',
        'a policy of this machine',
      )
      .example('$0 extract image.initrd rootfs/ --all-owners | sort', 'two images, merged'),
  run: async (parsed, { signal }) => {
    const format = readFormat(parsed);
    const quiet = flag(parsed, 'quiet');
    const settings = await readAllowlistFormat(format, many(parsed, 'exclude-list'));
    const sources = await findSources(many(parsed, 'source'));
    if (sources.includes('-') && many(parsed, 'exclude-list').includes('-')) {
      throw new UsageError('ARGUMENT_INVALID', { problem: 'standard input is given twice' });
    }
    const options = readImageOptions(parsed);
    const algorithms = many(parsed, 'algorithm');
    const progress = openProgress('hashing', { quiet });
    const extraction = await extractAllowlist(sources, {
      ...options,
      algorithms: algorithms.length === 0 ? undefined : algorithms,
      threads: readThreads(parsed),
      signal,
      onProgress: progress.onProgress,
    }).finally(progress.close);
    const text = extraction.allowlist.serialise(settings, { keepGoing: options.keepGoing ?? false });
    const written = await writeData(text, { output: one(parsed, 'output'), signal });
    const unwritten = text.omitted;
    for (const { problem } of unwritten) warn(`omitted: ${problem}`);
    if (!quiet) summarise(extraction);
    for (const file of quiet ? [] : written) {
      process.stderr.write(`wrote ${file.path} (${formatBytes(file.bytes)})\n`);
    }
    reportOmissions(extraction.sources);
    return extraction.omittedCount + unwritten.length === 0 ? exitCodes.done : exitCodes.undecided;
  },
};

function readFormat(parsed: ParsedArguments): FormatName {
  const given = one(parsed, 'format');
  const format = formats.find((known) => known === given);
  if (!flag(parsed, 'json')) return format ?? 'allowlist';
  if (format !== undefined && format !== 'json') {
    throw new UsageError('ARGUMENT_INVALID', { problem: `--json and --format ${format} exclude each other` });
  }
  return 'json';
}

async function readAllowlistFormat(
  format: FormatName,
  excludeLists: readonly string[],
): Promise<AllowlistFormat> {
  if (format !== 'runtime-policy') {
    if (excludeLists.length > 0) {
      throw new UsageError('ARGUMENT_INVALID', {
        problem: `--exclude-list has no place in ${format === 'allowlist' ? 'an allowlist' : format}`,
        hint: 'use it with --format runtime-policy; --skip leaves files out of the list itself',
      });
    }
    return { format };
  }
  const excludes: string[] = [];
  for (const file of excludeLists) {
    const patterns = parseExcludeList(await readInput(file), file);
    excludes.push(...patterns.map(({ pattern }) => pattern));
  }
  return { format, settings: { excludes: [...new Set(excludes)], timestamp: formatTimestamp(now()) } };
}

async function readInput(file: string): Promise<Uint8Array> {
  return (file === '-' ? buffer(process.stdin) : readFile(file)).catch((cause: unknown) => {
    throw new UsageError('INPUT_UNREADABLE', {
      problem: `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      at: { input: file },
      hint: 'give the path of a file, or - for standard input',
      cause,
    });
  });
}

/** The time to write into a result: `SOURCE_DATE_EPOCH` makes builds reproducible. */
function now(): Date {
  const epoch = process.env['SOURCE_DATE_EPOCH'];
  if (epoch === undefined) return new Date();
  if (!/^\d{1,12}$/.test(epoch)) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `SOURCE_DATE_EPOCH must be a number of seconds, not ${JSON.stringify(epoch)}`,
    });
  }
  return new Date(Number(epoch) * 1000);
}

function summarise({ sources }: Extraction): void {
  for (const { name, files, bytes, skipped, notes } of sources) {
    const left = describeSkips(skipped);
    const skips = left === '' ? '' : `; skipped: ${left}`;
    process.stderr.write(
      `${escapeControls(name)}: ${plural(files, 'file')}, ${formatBytes(bytes)}${skips}\n`,
    );
    for (const note of notes.first.slice(0, MAX_SHOWN)) {
      process.stderr.write(`  note: ${escapeControls(note.text)} [${note.code}]\n`);
    }
    if (notes.count > MAX_SHOWN)
      process.stderr.write(`  and ${notes.count - MAX_SHOWN} notes more (--format json)\n`);
  }
}

const MAX_SHOWN = 20;

function reportOmissions(sources: readonly ImageSummary[]): void {
  for (const { name, omitted } of sources) {
    for (const { problem, code } of omitted.first.slice(0, MAX_SHOWN)) {
      warn(`${name}: omitted: ${problem} [${code}]`);
    }
    if (omitted.count > MAX_SHOWN)
      warn(`${name}: ${omitted.count} omitted in all (--format json lists them)`);
  }
}

function warn(text: string): void {
  process.stderr.write(`ima-assay: ${escapeControls(text)}\n`);
}
