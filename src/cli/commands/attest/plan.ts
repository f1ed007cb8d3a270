import { flag, one } from '../../arguments.ts';
import type { Command } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import { writeData } from '../../output.ts';
import { declarePlan, drawStep, readPlanOptions, toJson } from '../../plan-options.ts';
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
    const { planAttestation } = await import('../../../plan/attest.ts');
    const differences = await planAttestation(one(parsed, 'plan') ?? '', readPlanOptions(parsed, signal));
    const text = flag(parsed, 'json')
      ? toJson(differences)
      : [...differences.steps]
          .map(([step, found]) => drawStep(step, found.actions.length > 0 ? 'do  ' : 'keep', found))
          .join('');
    await writeData([Buffer.from(text)], { output: one(parsed, 'output'), signal });
    if (!flag(parsed, 'quiet')) {
      const toDo = [...differences.steps.values()].filter(({ actions }) => actions.length > 0).length;
      const words = differences.isDone ? 'nothing to do' : `${plural(toDo, 'step')} to do`;
      process.stderr.write(`${words}, of ${differences.steps.size}\n`);
    }
    return differences.isDone ? exitCodes.done : exitCodes.findings;
  },
};
