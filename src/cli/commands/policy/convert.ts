import { composeRuntimePolicy } from '../../../runtime-policy/compose.ts';
import { many, one } from '../../arguments.ts';
import type { Command } from '../../command.ts';
import {
  declarePolicyOutput,
  policyHints,
  readChoices,
  readForm,
  writePolicy,
} from '../../policy-options.ts';
import { timestampNow } from '../../timestamp.ts';

const valued = { type: 'string', requiresArg: true } as const;

/** `policy convert`: from any form to any other. */
export const command: Command = {
  usage: 'convert <policy>',
  writes: ['output', 'provenance'],
  hints: policyHints,
  mayReplace: ['policy'],
  summary: 'Write a policy or allowlist of any shape in another form',
  options: (yargs) =>
    declarePolicyOutput(
      yargs.positional('policy', {
        type: 'string',
        describe: 'Policy or allowlist of any shape; - for standard input',
      }),
      'to',
    )
      .option('exclude-list', {
        ...valued,
        alias: ['e', 'excludelist'],
        describe: 'Exclude patterns to add, one a line (repeatable)',
      })
      .option('verification-keys', {
        ...valued,
        alias: 'v',
        describe: 'Key of file signatures to add: PEM, DER, X.509 (repeatable)',
      })
      .option('keep-going', { type: 'boolean', describe: 'Leave out paths that the form cannot write' })
      .option('quiet', { alias: 'q', type: 'boolean', describe: 'No summary' })
      .example('$0 policy convert allowlist.txt -o policy.json', 'a runtime policy of a flat allowlist')
      .example('$0 policy convert policy.json --to allowlist --lossy', 'and back, without what has no row'),
  run: async (parsed, { signal }) => {
    const source = one(parsed, 'policy') ?? '-';
    const policy = await composeRuntimePolicy(
      {
        policies: [source],
        excludeLists: many(parsed, 'exclude-list'),
        keys: many(parsed, 'verification-keys'),
      },
      { ...readChoices(parsed), policyKeys: many(parsed, 'policy-key'), signal },
    );
    const shape = policy.summary.origins[0]?.shape;
    const to = readForm(parsed, 'to') ?? 'runtime-policy';
    // A policy keeps its age; an allowlist becomes a policy now.
    const timestamp = shape === 'runtime-policy' ? undefined : timestampNow();
    const form = to === 'runtime-policy' && shape === 'old-policy' ? 'upgraded-policy' : to;
    return writePolicy(policy, form, parsed, { timestamp, signal });
  },
};
