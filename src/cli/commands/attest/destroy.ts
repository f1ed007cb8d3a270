import { createInterface } from 'node:readline/promises';
import { UsageError } from '../../../usage.ts';
import { flag, one } from '../../arguments.ts';
import type { Command } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import { writeOutput } from '../../output.ts';
import { declarePlan, readPlanOptions } from '../../plan-options.ts';
import { escapeControls, plural } from '../../terminal.ts';

/** `attest destroy`: removes what a plan has made. */
export const command: Command = {
  usage: 'destroy <plan>',
  summary: 'Remove what applying a plan has made, the last first, and nothing else',
  options: (yargs) =>
    declarePlan(yargs)
      .option('json', { type: 'boolean', describe: 'Write JSON' })
      .option('yes', { alias: 'y', type: 'boolean', describe: 'Do it without asking' })
      .option('dry-run', { type: 'boolean', describe: 'Only say what would be removed' })
      .example('$0 attest destroy workers.yaml', 'lists what it would remove, and asks'),
  run: async (parsed, { signal }) => {
    const { destroyAttestation, listMade } = await import('../../../plan/attest.ts');
    const { describeThing } = await import('../../../plan/undo.ts');
    const file = one(parsed, 'plan') ?? '';
    const options = readPlanOptions(parsed, signal);
    const things = await listMade(file, options);
    const isDry = flag(parsed, 'dry-run');
    const text = flag(parsed, 'json')
      ? `${JSON.stringify({ schemaVersion: 1, done: !isDry, things }, null, 2)}\n`
      : things.map((thing) => `${escapeControls(describeThing(thing))}\n`).join('');
    if (!isDry && things.length > 0 && !flag(parsed, 'yes')) {
      await confirm(things.map(describeThing), signal);
    }
    if (!isDry) {
      const onRemove = flag(parsed, 'quiet')
        ? undefined
        : (thing: (typeof things)[number]): void => {
            process.stderr.write(`removing ${escapeControls(describeThing(thing))}\n`);
          };
      await destroyAttestation(file, things, { ...options, onRemove });
    }
    await writeOutput([Buffer.from(text)], parsed, signal);
    if (things.length === 0 && !flag(parsed, 'quiet')) {
      process.stderr.write('nothing to remove: the journal of the plan has nothing that is there\n');
    }
    return isDry && things.length > 0 ? exitCodes.findings : exitCodes.done;
  },
};

async function confirm(things: readonly string[], signal: AbortSignal): Promise<void> {
  const refused = (problem: string): UsageError =>
    new UsageError('ARGUMENT_INVALID', { problem, hint: '--yes removes them without asking' });
  if (!process.stdin.isTTY)
    throw refused(`${plural(things.length, 'thing')} would be removed, and nobody can be asked`);
  process.stderr.write(things.map((thing) => `  ${escapeControls(thing)}\n`).join(''));
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await asking.question(`Remove ${plural(things.length, 'thing')}? (yes/no) `, { signal });
    if (answer.trim() !== 'yes') throw refused('nothing was removed');
  } finally {
    asking.close();
  }
}
