import { realpath } from 'node:fs/promises';
import { mergeRuntimePolicies } from '../../../runtime-policy/compose.ts';
import { UsageError } from '../../../usage.ts';
import { flag, many, one, wholeNumber } from '../../arguments.ts';
import type { Command } from '../../command.ts';
import {
  declarePolicyOutput,
  policyHints,
  readChoices,
  readForm,
  writePolicy,
} from '../../policy-options.ts';
import { openProgress } from '../../progress.ts';
import { findSources } from '../../sources.ts';
import { plural } from '../../terminal.ts';

/** `policy merge`: the union of policies and allowlists. */
export const command: Command = {
  usage: 'merge <policy..>',
  writes: ['output', 'provenance'],
  hints: policyHints,
  mayReplace: ['policy'],
  summary: 'Write the union of policies and allowlists',
  options: (yargs) =>
    declarePolicyOutput(
      yargs.positional('policy', {
        type: 'string',
        describe: 'Policy or allowlist of any shape; a glob; - for standard input',
      }),
      'format',
    )
      .option('expect', {
        type: 'string',
        requiresArg: true,
        describe:
          'How many files there must be, each counted once, some of which may be empty: so many shards',
      })
      .option('keep-going', { type: 'boolean', describe: 'Leave out paths that the form cannot write' })
      .option('quiet', { alias: 'q', type: 'boolean', describe: 'No progress and no summary' })
      .example('$0 policy merge base.json update.json -o policy.json', 'two policies in one')
      .example("$0 policy merge 'shard-*.txt' --expect 8 -o allowlist.txt", 'the shards of an extraction'),
  run: async (parsed, { signal }) => {
    const sources = await findSources(many(parsed, 'policy'));
    const expected = one(parsed, 'expect');
    if (expected !== undefined) await requireFiles(sources, wholeNumber(expected, '--expect'));
    const progress = openProgress('merging', { quiet: flag(parsed, 'quiet') });
    const policy = await mergeRuntimePolicies(sources, {
      ...readChoices(parsed),
      policyKeys: many(parsed, 'policy-key'),
      allowEmpty: expected !== undefined,
      signal,
      onProgress: progress.onProgress,
    }).finally(progress.close);
    // Lists of one shape stay what they are.
    const isFlat = policy.summary.origins.every(({ shape }) => shape === null || shape === 'allowlist');
    const form = readForm(parsed, 'format') ?? (isFlat ? 'allowlist' : 'runtime-policy');
    // The latest timestamp of the parts, so that the same parts always give the same bytes.
    return writePolicy(policy, form, parsed, { timestamp: undefined, signal });
  },
};

/** Counts files, not names: one that is named twice stands for no other. */
async function requireFiles(sources: readonly string[], expected: number): Promise<void> {
  // What cannot be found is said by whoever reads it.
  const files = new Set(await Promise.all(sources.map((source) => realpath(source).catch(() => source))));
  if (files.size === expected) return;
  throw new UsageError('ARGUMENT_INVALID', {
    problem: `${plural(files.size, 'file')} ${files.size === 1 ? 'is' : 'are'} given, not ${expected}`,
    hint: 'a shard that is missing would make a smaller policy: look for it',
  });
}
