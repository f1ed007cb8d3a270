import { flag } from '../../arguments.ts';
import type { Command } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import { declarePlan, writeDifferences } from '../../plan-options.ts';
import { plural } from '../../terminal.ts';

/** `attest plan`: what applying a plan would do. */
export const command: Command = {
  usage: 'plan <plan>',
  summary: 'Say what applying a plan would do; nothing is changed anywhere',
  options: (yargs) =>
    declarePlan(yargs)
      .option('json', { type: 'boolean', describe: 'Write JSON' })
      .example('$0 attest plan workers.yaml', 'what is still to be done'),
  run: async (parsed, { signal }) => {
    const differences = await writeDifferences(parsed, signal, ({ actions }) =>
      actions.length > 0 ? 'do  ' : 'keep',
    );
    if (!flag(parsed, 'quiet')) {
      const toDo = [...differences.steps.values()].filter(({ actions }) => actions.length > 0).length;
      const words = differences.isDone ? 'nothing to do' : `${plural(toDo, 'step')} to do`;
      process.stderr.write(`${words}, of ${differences.steps.size}\n`);
    }
    return differences.isDone ? exitCodes.done : exitCodes.findings;
  },
};
