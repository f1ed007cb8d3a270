import type { PlanEvent, StepResult } from '../../../plan/engine.ts';
import { AssayError } from '../../../error.ts';
import { flag, one } from '../../arguments.ts';
import type { Command } from '../../command.ts';
import { exitCodeOf, exitCodes, reportError } from '../../exit.ts';
import { writeOutput } from '../../output.ts';
import { declarePlan, readPlanOptions } from '../../plan-options.ts';
import { escapeControls } from '../../terminal.ts';

/** `attest apply`: makes a plan true. */
export const command: Command = {
  usage: 'apply <plan>',
  summary: 'Make a plan true, from whatever is there; does only what is missing',
  options: (yargs) =>
    declarePlan(yargs)
      .option('json', { type: 'boolean', describe: 'Write what happens as JSON lines, as it happens' })
      .example('$0 attest apply workers.yaml', 'images, machines, policies, attestation')
      .example('$0 attest apply workers.yaml --json', 'for another program'),
  run: async (parsed, { signal }) => {
    const { applyAttestationPlan } = await import('../../../plan/attest.ts');
    const isJson = flag(parsed, 'json');
    const isQuiet = flag(parsed, 'quiet');
    const onEvent = (event: PlanEvent): void => {
      if (isJson) process.stdout.write(`${JSON.stringify(toLine(event))}\n`);
      else if (!isQuiet) process.stderr.write(draw(event));
    };
    const results = await applyAttestationPlan(one(parsed, 'plan') ?? '', {
      ...readPlanOptions(parsed, signal),
      onEvent,
    });
    const failures = results.filter(({ state }) => state === 'failed');
    for (const { step, error } of failures) {
      process.stderr.write(`${escapeControls(step)}:\n`);
      reportError(error, signal);
    }
    const text = isJson
      ? `${JSON.stringify({ event: 'end', steps: results.map(({ step, state }) => ({ step, state })) })}\n`
      : results.map(drawResult).join('');
    // What was done is written even after an interrupt.
    await writeOutput([Buffer.from(text)], parsed, new AbortController().signal);
    if (signal.aborted) return exitCodes.interrupted;
    if (failures.length === 0) return exitCodes.done;
    const codes = failures.map(({ error }) => exitCodeOf(error, signal));
    return codes.includes(exitCodes.remote) ? exitCodes.remote : exitCodes.undecided;
  },
};

function drawResult({ step, state }: StepResult): string {
  return `${state.padEnd(7)}  ${escapeControls(step)}\n`;
}

function draw(event: PlanEvent): string {
  const step = escapeControls(event.step);
  switch (event.event) {
    case 'started':
      return event.actions.map((action) => `${step}: ${escapeControls(action)}\n`).join('');
    case 'progress':
      return `${step}: ${escapeControls(event.text)}\n`;
    case 'skipped':
      return `${step}: skipped, ${escapeControls(event.because)}\n`;
    case 'kept':
      return `${step}: is as it should be\n`;
    case 'done':
    case 'failed':
      return `${step}: ${event.event}\n`;
    case 'inspected':
      return '';
  }
}

function toLine(event: PlanEvent): object {
  if (event.event !== 'failed') return event;
  const { step, error } = event;
  const problem = error instanceof Error ? error.message : String(error);
  const explained = error instanceof AssayError ? { code: error.code, hint: error.hint } : {};
  return { event: 'failed', step, problem, ...explained };
}
