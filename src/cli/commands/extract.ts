import type { AllowlistFormat } from '../../allowlist/allowlist.ts';
import { extractAllowlist } from '../../image/extract.ts';
import { parseExcludeList } from '../../runtime-policy/exclude-list.ts';
import { UsageError } from '../../usage.ts';
import { flag, many, one } from '../arguments.ts';
import type { Command, ParsedArguments } from '../command.ts';
import { exitCodes } from '../exit.ts';
import { declareImageOptions, readImageOptions, readThreads } from '../image-options.ts';
import { reportWritten, writeData } from '../output.ts';
import { readInput } from '../input.ts';
import { openProgress } from '../progress.ts';
import { findSources } from '../sources.ts';
import { reportOmissions, summarise, warn } from '../summary.ts';
import { timestampNow } from '../timestamp.ts';

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
          describe:
            'Initramfs, UKI, disk or container image, package, tar archive or root directory; a glob; - for standard input',
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
        .option('signatures', {
          type: 'boolean',
          describe: "Also read files' signatures, security.ima and security.evm, into the JSON form",
        })
        .option('shard', {
          type: 'string',
          requiresArg: true,
          describe: 'Take only part I of N of the files, I/N; `policy merge` puts the parts together',
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
    const signatures = flag(parsed, 'signatures');
    if (signatures && format !== 'json') {
      throw new UsageError('ARGUMENT_INVALID', {
        problem: `--signatures has no place in ${format}`,
        hint: 'only the JSON form has them: --json',
      });
    }
    const algorithms = many(parsed, 'algorithm');
    const progress = openProgress('hashing', { quiet });
    const extraction = await extractAllowlist(sources, {
      ...options,
      algorithms: algorithms.length === 0 ? undefined : algorithms,
      threads: readThreads(parsed),
      shard: readShard(parsed),
      signatures,
      signal,
      onProgress: progress.onProgress,
    }).finally(progress.close);
    const text = extraction.allowlist.serialise(settings, { keepGoing: options.keepGoing ?? false });
    const written = await writeData(text, { output: one(parsed, 'output'), signal });
    const unwritten = text.omitted;
    for (const { problem } of unwritten) warn(`omitted: ${problem}`);
    if (!quiet) summarise(extraction);
    if (!quiet) reportWritten(written);
    reportOmissions(extraction.sources);
    return extraction.omittedCount + unwritten.length === 0 ? exitCodes.done : exitCodes.undecided;
  },
};

function readShard(parsed: ParsedArguments): { index: number; count: number } | undefined {
  const text = one(parsed, 'shard');
  if (text === undefined) return undefined;
  const [, index, count] = /^(\d{1,9})\/(\d{1,9})$/.exec(text) ?? [];
  if (index === undefined || count === undefined) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `--shard must be I/N, as 2/8, not ${JSON.stringify(text)}`,
    });
  }
  return { index: Number(index), count: Number(count) };
}

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
  return { format, settings: { excludes: [...new Set(excludes)], timestamp: timestampNow() } };
}
