import type { Command } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import { declarePlan, writeDifferences } from '../../plan-options.ts';

/** `attest status`: whether all is as a plan declares it. */
export const command: Command = {
  usage: 'status <plan>',
  summary: 'Say whether all is as a plan declares it, and every node attested',
  options: (yargs) =>
    declarePlan(yargs)
      .option('json', { type: 'boolean', describe: 'Write JSON' })
      .example('$0 attest status workers.yaml && echo trusted', 'for a script'),
  run: async (parsed, { signal }) => {
    const differences = await writeDifferences(parsed, signal, ({ actions, hasFailed }) => {
      if (hasFailed === true) return 'FAILED ';
      return actions.length > 0 ? 'differs' : 'ok     ';
    });
    return differences.isDone && !differences.hasFailed ? exitCodes.done : exitCodes.findings;
  },
};
