import type { Argv } from 'yargs';
import type { AttestOptions, PlanDifferences } from '../plan/attest.ts';
import type { Inspection } from '../plan/step.ts';
import { UsageError } from '../usage.ts';
import { flag, one, wholeNumber } from './arguments.ts';
import type { ParsedArguments } from './command.ts';
import { writeOutput } from './output.ts';
import { escapeControls } from './terminal.ts';

/** Declares what all commands of a plan have. */
export function declarePlan(yargs: Argv): Argv {
  return yargs
    .positional('plan', { type: 'string', demandOption: true, describe: 'The plan, a YAML file' })
    .option('state', {
      type: 'string',
      requiresArg: true,
      describe: 'Directory of the journal and the policies (default: NAME.state beside NAME.yaml)',
    })
    .option('concurrency', {
      type: 'string',
      requiresArg: true,
      describe: 'Steps at the same time (default: 4)',
    })
    .option('output', {
      alias: 'o',
      type: 'string',
      requiresArg: true,
      describe: 'Write to FILE, and its checksum to FILE.sha256',
    })
    .option('quiet', { alias: 'q', type: 'boolean', describe: 'Nothing on standard error but errors' });
}

/** The options as the library takes them. */
export function readPlanOptions(parsed: ParsedArguments, signal: AbortSignal): AttestOptions {
  const concurrency = one(parsed, 'concurrency');
  return {
    signal,
    stateDirectory: one(parsed, 'state'),
    concurrency: concurrency === undefined ? undefined : requirePositive(concurrency),
  };
}

function requirePositive(text: string): number {
  const value = wholeNumber(text, '--concurrency');
  if (value > 0) return value;
  throw new UsageError('ARGUMENT_INVALID', { problem: '--concurrency must be 1 or more' });
}

/** Looks what differs from a plan, and writes it: each step with the mark that it gets. */
export async function writeDifferences(
  parsed: ParsedArguments,
  signal: AbortSignal,
  markOf: (found: Inspection) => string,
): Promise<PlanDifferences> {
  const { planAttestation } = await import('../plan/attest.ts');
  const differences = await planAttestation(one(parsed, 'plan') ?? '', readPlanOptions(parsed, signal));
  const text = flag(parsed, 'json')
    ? toJson(differences)
    : [...differences.steps].map(([step, found]) => drawStep(step, markOf(found), found)).join('');
  await writeOutput([Buffer.from(text)], parsed, signal);
  return differences;
}

/** Differences as JSON. */
function toJson({ steps, isDone, hasFailed }: PlanDifferences): string {
  const all = [...steps].map(([step, { actions, warnings = [], hasFailed: failed = false, output = {} }]) => {
    return { step, actions, warnings, hasFailed: failed, found: output };
  });
  return `${JSON.stringify({ schemaVersion: 1, isDone, hasFailed, steps: all }, null, 2)}\n`;
}

/** One step and what is to be said of it. */
function drawStep(step: string, mark: string, { actions, warnings = [] }: Inspection): string {
  const lines = [
    ...actions.map((action) => `    ${escapeControls(action)}`),
    ...warnings.map((warning) => `    warning: ${escapeControls(warning)}`),
  ];
  return [`${mark}  ${escapeControls(step)}`, ...lines].map((line) => `${line}\n`).join('');
}
