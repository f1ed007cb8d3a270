import { setMaxListeners } from 'node:events';
import type { Inspection, Output, Outputs, Step, Thing } from './step.ts';

/** What happens to a step. */
export type PlanEvent =
  | { readonly event: 'inspected'; readonly step: string; readonly inspection: Inspection }
  | { readonly event: 'started'; readonly step: string; readonly actions: readonly string[] }
  | { readonly event: 'progress'; readonly step: string; readonly text: string }
  | { readonly event: 'kept'; readonly step: string }
  | { readonly event: 'done'; readonly step: string }
  | { readonly event: 'failed'; readonly step: string; readonly error: unknown }
  /** Not begun: something that it needs has failed, or the whole was aborted. */
  | { readonly event: 'skipped'; readonly step: string; readonly because: string };

/** What applying a plan is given. */
export interface EngineOptions {
  /** Steps at the same time. Default 4: a client of a cloud takes seconds of a core. */
  readonly concurrency?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: PlanEvent) => void) | undefined;
  /** Keeps what is about to be made. It returns once that is safe. */
  readonly onCreates?: ((step: string, things: readonly Thing[]) => Promise<void>) | undefined;
}

/** What became of a step. */
export interface StepResult {
  readonly step: string;
  readonly state: 'kept' | 'done' | 'failed' | 'skipped';
  readonly actions: readonly string[];
  readonly error?: unknown;
}

const CONCURRENCY = 4;

/** Looks at all steps, each with what those before it have left. Changes nothing. */
export async function inspectSteps(
  steps: readonly Step[],
  { concurrency = CONCURRENCY, signal, onEvent }: EngineOptions = {},
): Promise<ReadonlyMap<string, Inspection>> {
  const outputs = new Map<string, Output>();
  const found = new Map<string, Inspection>();
  let failure: { readonly error: unknown } | undefined;
  await visit(steps, concurrency, async (step) => {
    if (failure !== undefined || signal?.aborted === true) return;
    try {
      const inspection = await step.inspect(onlyNeeds(step, outputs), signal);
      if (inspection.output !== undefined) outputs.set(step.id, inspection.output);
      found.set(step.id, inspection);
      onEvent?.({ event: 'inspected', step: step.id, inspection });
    } catch (error) {
      failure ??= { error };
    }
  });
  signal?.throwIfAborted();
  if (failure !== undefined) throw failure.error;
  // In the plan's order, whichever answered first.
  return new Map(
    steps.flatMap(({ id }) => {
      const inspection = found.get(id);
      return inspection === undefined ? [] : [[id, inspection] as const];
    }),
  );
}

/** Does all steps, in the order of their needs. One that fails stops those that need it, and no others. */
export async function applySteps(
  steps: readonly Step[],
  options: EngineOptions = {},
): Promise<readonly StepResult[]> {
  const { concurrency = CONCURRENCY, signal } = options;
  if (signal !== undefined) setMaxListeners(0, signal);
  const outputs = new Map<string, Output>();
  const results = new Map<string, StepResult>();
  await visit(steps, concurrency, async (step) => {
    const because = whyNot(step, results, signal);
    const result =
      because === undefined ? await applyStep(step, outputs, options) : skip(step, because, options);
    results.set(step.id, result);
  });
  return steps.flatMap(({ id }) => results.get(id) ?? []);
}

function whyNot(
  { needs }: Step,
  results: ReadonlyMap<string, StepResult>,
  signal: AbortSignal | undefined,
): string | undefined {
  if (signal?.aborted === true) return 'interrupted';
  const missing = needs.find((need) => ['failed', 'skipped'].includes(results.get(need)?.state ?? ''));
  return missing === undefined ? undefined : `${missing} is not done`;
}

function skip({ id }: Step, because: string, { onEvent }: EngineOptions): StepResult {
  onEvent?.({ event: 'skipped', step: id, because });
  return { step: id, state: 'skipped', actions: [] };
}

async function applyStep(
  step: Step,
  outputs: Map<string, Output>,
  { signal, onEvent, onCreates }: EngineOptions,
): Promise<StepResult> {
  const { id } = step;
  let actions: readonly string[] = [];
  try {
    const known = onlyNeeds(step, outputs);
    const inspection = await step.inspect(known, signal);
    actions = inspection.actions;
    if (actions.length === 0) {
      if (inspection.output !== undefined) outputs.set(id, inspection.output);
      onEvent?.({ event: 'kept', step: id });
      return { step: id, state: 'kept', actions };
    }
    const creates = async (things: readonly Thing[]): Promise<void> => onCreates?.(id, things);
    await creates(inspection.creates);
    onEvent?.({ event: 'started', step: id, actions });
    const onProgress = (text: string): void => onEvent?.({ event: 'progress', step: id, text });
    outputs.set(id, await step.apply({ outputs: known, signal, onProgress, creates }));
    onEvent?.({ event: 'done', step: id });
    return { step: id, state: 'done', actions };
  } catch (error) {
    onEvent?.({ event: 'failed', step: id, error });
    return { step: id, state: 'failed', actions, error };
  }
}

/** A step sees no more than it says that it needs. */
function onlyNeeds({ needs }: Step, outputs: Outputs): Outputs {
  return new Map(
    needs.flatMap((need) => {
      const output = outputs.get(need);
      return output === undefined ? [] : [[need, output] as const];
    }),
  );
}

/** Calls `work` for each step after those that it needs, some at the same time. */
async function visit(
  steps: readonly Step[],
  concurrency: number,
  work: (step: Step) => Promise<void>,
): Promise<void> {
  const waiting = new Set(steps);
  const finished = new Set<string>();
  const running = new Map<string, Promise<void>>();
  while (waiting.size > 0 || running.size > 0) {
    for (const step of waiting) {
      if (running.size >= concurrency) break;
      if (!step.needs.every((need) => finished.has(need))) continue;
      waiting.delete(step);
      const ended = work(step).finally(() => {
        running.delete(step.id);
        finished.add(step.id);
      });
      running.set(step.id, ended);
    }
    if (running.size === 0) throw new Error('steps need one another in a circle');
    await Promise.race(running.values());
  }
}
