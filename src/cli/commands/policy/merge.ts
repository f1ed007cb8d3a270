import { mergeRuntimePolicies } from '../../../runtime-policy/compose.ts';
import { flag, many } from '../../arguments.ts';
import type { Command } from '../../command.ts';
import { declarePolicyOutput, readChoices, readForm, writePolicy } from '../../policy-options.ts';
import { openProgress } from '../../progress.ts';
import { findSources } from '../../sources.ts';

/** `policy merge`: the union of policies and allowlists. */
export const command: Command = {
  usage: 'merge <policy..>',
  summary: 'Write the union of policies and allowlists',
  options: (yargs) =>
    declarePolicyOutput(
      yargs.positional('policy', {
        type: 'string',
        describe: 'Policy or allowlist of any shape; a glob; - for standard input',
      }),
      'format',
    )
      .option('keep-going', { type: 'boolean', describe: 'Leave out paths that the form cannot write' })
      .option('quiet', { alias: 'q', type: 'boolean', describe: 'No progress and no summary' })
      .example('$0 policy merge base.json update.json -o policy.json', 'two policies in one')
      .example("$0 policy merge 'shard-*.txt' -o allowlist.txt", 'the shards of an extraction'),
  run: async (parsed, { signal }) => {
    const progress = openProgress('merging', { quiet: flag(parsed, 'quiet') });
    const policy = await mergeRuntimePolicies(await findSources(many(parsed, 'policy')), {
      ...readChoices(parsed),
      policyKeys: many(parsed, 'policy-key'),
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
