import { flag, one } from '../../arguments.ts';
import type { Command } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import { writeData } from '../../output.ts';
import { declarePlan, drawStep, readPlanOptions, toJson } from '../../plan-options.ts';

/** `attest status`: whether all is as a plan declares it. */
export const command: Command = {
  usage: 'status <plan>',
  summary: 'Say whether all is as a plan declares it, and every node attested',
  options: (yargs) =>
    declarePlan(yargs)
      .option('json', { type: 'boolean', describe: 'Write JSON' })
      .example('$0 attest status workers.yaml && echo trusted', 'for a script'),
  run: async (parsed, { signal }) => {
    const { planAttestation } = await import('../../../plan/attest.ts');
    const differences = await planAttestation(one(parsed, 'plan') ?? '', readPlanOptions(parsed, signal));
    const text = flag(parsed, 'json')
      ? toJson(differences)
      : [...differences.steps]
          .map(([step, found]) => {
            const mark =
              found.hasFailed === true ? 'FAILED ' : found.actions.length > 0 ? 'differs' : 'ok     ';
            return drawStep(step, mark, found);
          })
          .join('');
    await writeData([Buffer.from(text)], { output: one(parsed, 'output'), signal });
    return differences.isDone && !differences.hasFailed ? exitCodes.done : exitCodes.findings;
  },
};
