import type { ListComparison } from '../../../image-builder/compare.ts';
import { type ListChange, reasonTexts } from '../../../image-builder/list-reasons.ts';
import { UsageError } from '../../../usage.ts';
import { flag, one } from '../../arguments.ts';
import type { Command } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import { declareReadingOptions, readImageOptions } from '../../image-options.ts';
import { writeOutput } from '../../output.ts';
import { openProgress } from '../../progress.ts';
import { reportOmissions, summarise } from '../../summary.ts';
import { escapeControls, formatCount, hasColours } from '../../terminal.ts';

const valued = { type: 'string', requiresArg: true } as const;

/** Paths of a reason that the text names. */
const MAX_SHOWN = 20;

/** `image compare`: an image beside the list that its builder left. */
export const command: Command = {
  usage: 'compare <image> [list]',
  summary: 'Compare an image with the allowlist that diskimage-builder left beside it',
  options: (yargs) =>
    declareReadingOptions(
      yargs
        .positional('image', { type: 'string', describe: 'Disk image, archive or root directory' })
        .positional('list', {
          type: 'string',
          describe: 'Allowlist of any shape (default: NAME-allowlist.txt beside the image NAME.qcow2)',
        })
        .option('ramdisk', {
          ...valued,
          describe: 'Initramfs whose files may be in the list (default: NAME.initrd, if it is there)',
        })
        .option('json', { type: 'boolean', describe: 'Write JSON, with all paths and digests' })
        .option('output', {
          ...valued,
          alias: 'o',
          describe: 'Write to FILE, and its checksum to FILE.sha256',
        }),
    )
      .example('$0 image compare keylime-image.qcow2', 'the list of the element keylime-agent beside it')
      .example('$0 image compare rootfs/ allowlist.txt', 'any image and any list'),
  run: async (parsed, { signal }) => {
    const [image = '', list] = [one(parsed, 'image'), one(parsed, 'list')];
    if (image === '-' && list === undefined) {
      throw new UsageError('ARGUMENT_INVALID', { problem: 'an image on standard input needs a LIST' });
    }
    if (list === '-') throw new UsageError('ARGUMENT_INVALID', { problem: 'the list has to be a file' });
    const quiet = flag(parsed, 'quiet');
    const progress = openProgress('hashing', { quiet });
    const { compareWithBuildList } = await import('../../../image-builder/compare.ts');
    const { partition, allowBacking, platform, imageName, keepGoing, limits } = readImageOptions(parsed);
    const comparison = await compareWithBuildList(image, {
      list,
      ramdisk: one(parsed, 'ramdisk'),
      partition,
      allowBacking,
      platform,
      imageName,
      keepGoing,
      limits,
      signal,
      onProgress: progress.onProgress,
    }).finally(progress.close);
    const output = one(parsed, 'output');
    const text = flag(parsed, 'json')
      ? `${JSON.stringify(comparison, null, 2)}\n`
      : draw(comparison, output === undefined && hasColours(process.stdout));
    await writeOutput([Buffer.from(text)], parsed, signal);
    if (!quiet) summarise(comparison);
    reportOmissions(comparison.sources);
    if (comparison.sources.some(({ omitted }) => omitted.count > 0)) return exitCodes.undecided;
    return comparison.isSame ? exitCodes.done : exitCodes.findings;
  },
};

const HEADINGS: readonly (readonly [ListChange, string, string, number])[] = [
  ['changed', 'another digest in the image', '~', 33],
  ['only-in-image', 'only in the image', '+', 32],
  ['only-in-list', 'only in the list', '-', 31],
];

function draw(comparison: ListComparison, isColoured: boolean): string {
  const { image, list, checksum, algorithms, differences, counts, bootAggregate, leftOut } = comparison;
  const paint = (colour: number, text: string): string =>
    isColoured ? `\u001b[${colour}m${text}\u001b[0m` : text;
  const lines = [
    `${escapeControls(image)} and ${escapeControls(list)}, by ${algorithms.join(' and ')}`,
    drawChecksum(checksum),
  ];
  if (bootAggregate !== null) {
    lines.push('not compared: boot_aggregate, which is that of the machine that built the image');
  }
  if (leftOut.length > 0) lines.push(`not compared: ${leftOut.join(' ')}, of which the list has nothing`);
  for (const [change, heading, mark, colour] of HEADINGS) {
    const changed = differences.filter((difference) => difference.change === change);
    if (changed.length > 0) lines.push('', `${heading}: ${formatCount(changed.length)}`);
    for (const [reason, text] of Object.entries(reasonTexts)) {
      const paths = changed.filter((difference) => difference.reason === reason).map(({ path }) => path);
      if (paths.length === 0) continue;
      lines.push(`  ${text} (${formatCount(paths.length)})`);
      for (const path of paths.slice(0, MAX_SHOWN))
        lines.push(paint(colour, `    ${mark} ${escapeControls(path)}`));
      const rest = paths.length - MAX_SHOWN;
      if (rest > 0) lines.push(`    and ${formatCount(rest)} more (--json lists them)`);
    }
  }
  const total = [
    [counts.same, 'same'],
    [counts.changed, 'changed'],
    [counts.onlyInImage, 'only in the image'],
    [counts.onlyInList, 'only in the list'],
  ] as const;
  lines.push('', total.map(([count, what]) => `${formatCount(count)} ${what}`).join(', '));
  return `${lines.join('\n')}\n`;
}

function drawChecksum(checksum: ListComparison['checksum']): string {
  if (checksum === null) return 'checksum: none beside the list';
  const { file, names, expected, found } = checksum;
  const where = `${escapeControls(file)}, which names ${escapeControls(names)}`;
  return expected === found
    ? `checksum: OK by ${where}`
    : `checksum: WRONG: the list has ${found}, and not ${expected} of ${where}`;
}
