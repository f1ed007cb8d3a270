import { mergeRuntimePolicies } from '../../../runtime-policy/compose.ts';
import { UsageError } from '../../../usage.ts';
import { flag, many, one, wholeNumber } from '../../arguments.ts';
import type { Command } from '../../command.ts';
import { declarePolicyOutput, readChoices, readForm, writePolicy } from '../../policy-options.ts';
import { openProgress } from '../../progress.ts';
import { findSources } from '../../sources.ts';

/** `policy merge`: the union of policies and allowlists. */
export const command: Command = {
  usage: 'merge <policy..>',
  writes: ['output', 'provenance'],
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
        describe: 'How many policies there must be, of which some may be empty: so many shards',
      })
      .option('keep-going', { type: 'boolean', describe: 'Leave out paths that the form cannot write' })
      .option('quiet', { alias: 'q', type: 'boolean', describe: 'No progress and no summary' })
      .example('$0 policy merge base.json update.json -o policy.json', 'two policies in one')
      .example("$0 policy merge 'shard-*.txt' --expect 8 -o allowlist.txt", 'the shards of an extraction'),
  run: async (parsed, { signal }) => {
    const sources = await findSources(many(parsed, 'policy'));
    const expected = one(parsed, 'expect');
    if (expected !== undefined && wholeNumber(expected, '--expect') !== sources.length) {
      throw new UsageError('ARGUMENT_INVALID', {
        problem: `there are ${sources.length} policies, not ${expected}`,
        hint: 'a shard that is missing would be a smaller policy: look for it',
      });
    }
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
