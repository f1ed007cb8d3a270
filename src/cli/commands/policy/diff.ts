import { drawDifferences } from '../../../runtime-policy/diff.ts';
import { UsageError } from '../../../usage.ts';
import { flag, many, one } from '../../arguments.ts';
import type { Command } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import { declareImageOptions, readImageOptions } from '../../image-options.ts';
import { writeOutput } from '../../output.ts';
import { readSides } from '../../policy-sides.ts';
import { openProgress } from '../../progress.ts';
import { summarise } from '../../summary.ts';
import { hasColours } from '../../terminal.ts';

const valued = { type: 'string', requiresArg: true } as const;

/** `policy diff`: what differs between two policies, a policy and an image, or two images. */
export const command: Command = {
  usage: 'diff <left> <right>',
  summary: 'Show what differs between two policies or images; exit code 1 if something does',
  options: (yargs) =>
    declareImageOptions(
      yargs
        .positional('left', { type: 'string', describe: 'Policy or allowlist of any shape, or image' })
        .positional('right', { type: 'string', describe: 'The same' })
        .option('json', { type: 'boolean', describe: 'Write JSON' })
        .option('output', {
          ...valued,
          alias: 'o',
          describe: 'Write to FILE, and its checksum to FILE.sha256',
        })
        .option('algorithm', {
          ...valued,
          alias: 'a',
          describe: 'Hash algorithm for images (repeatable; default: those of the policy, or sha256)',
        })
        .option('policy-key', {
          ...valued,
          describe: 'A key that must have signed every policy, of several one of them (repeatable)',
        }),
    )
      .example('$0 policy diff old.json new.json', 'two policies')
      .example('$0 policy diff policy.json image.initrd', 'whether a policy is still that of an image'),
  run: async (parsed, { signal }) => {
    const [left, right] = [one(parsed, 'left'), one(parsed, 'right')];
    if (left === undefined || right === undefined || (left === '-' && right === '-')) {
      throw new UsageError('ARGUMENT_INVALID', {
        problem: 'two policies or images are needed, one of them a file',
      });
    }
    const algorithms = many(parsed, 'algorithm');
    const progress = openProgress('reading', { quiet: flag(parsed, 'quiet') });
    const common = { signal, onProgress: progress.onProgress };
    const images = readImageOptions(parsed);
    const [first, second] = await readSides(
      [left, right],
      { policyKeys: many(parsed, 'policy-key'), ...common },
      { ...images, algorithms: algorithms.length === 0 ? undefined : algorithms, ...common },
    ).finally(progress.close);
    const output = one(parsed, 'output');
    const coloured = output === undefined && hasColours(process.stdout) ? 'coloured' : 'text';
    const { isSame, text } = await drawDifferences(first, second, flag(parsed, 'json') ? 'json' : coloured, {
      filesOnly: first.isImage || second.isImage,
    });
    await writeOutput([text], parsed, signal);
    // What was left out of an image is no difference, and nobody should take it for compared.
    for (const { extraction } of flag(parsed, 'quiet') ? [] : [first, second]) {
      if (extraction !== undefined) summarise(extraction);
    }
    return isSame ? exitCodes.done : exitCodes.findings;
  },
};
