import { basename, dirname, extname, join, resolve } from 'node:path';
import type { RunProgram } from '../process/program.ts';
import { openContext, type PlanContext } from './context.ts';
import { applySteps, inspectSteps, type PlanEvent, type StepResult } from './engine.ts';
import { Journal, readMade } from './journal.ts';
import { readPlan } from './read.ts';
import type { Inspection, Thing } from './step.ts';
import { listSteps } from './steps/steps.ts';
import { isThere, removeThing } from './undo.ts';

/** How a plan is worked on. */
export interface AttestOptions {
  /** Steps at the same time. Default 4. */
  readonly concurrency?: number | undefined;
  /** Where the journal and the policies are kept. Default: `NAME.state` beside `NAME.yaml`. */
  readonly stateDirectory?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: PlanEvent) => void) | undefined;
  /** Runs other programs. Default `runProgram`. */
  readonly run?: RunProgram | undefined;
}

/** What differs between a plan and what is there. */
export interface PlanDifferences {
  /** By the ids of steps, in the plan's order. */
  readonly steps: ReadonlyMap<string, Inspection>;
  readonly isDone: boolean;
  /** Whether a node failed its attestation. */
  readonly hasFailed: boolean;
}

/**
 * Looks what applying a plan would do. Nothing is changed anywhere.
 * @throws PlanError; RemoteError, ProgramError; what images and lists throw
 */
export async function planAttestation(file: string, options: AttestOptions = {}): Promise<PlanDifferences> {
  return withContext(file, options, async (context) => {
    const steps = await inspectSteps(listSteps(context), options);
    const all = [...steps.values()];
    return {
      steps,
      isDone: all.every(({ actions }) => actions.length === 0),
      hasFailed: all.some(({ hasFailed }) => hasFailed === true),
    };
  });
}

/**
 * Makes a plan true, from whatever is there: a second run does nothing, and one that was killed is taken up.
 * @returns what became of each step; a step that failed has its error, and those that need it are skipped
 * @throws PlanError `PLAN_LOCKED` and others, before anything is done
 */
export async function applyAttestationPlan(
  file: string,
  options: AttestOptions = {},
): Promise<readonly StepResult[]> {
  return withContext(file, options, async (context) =>
    withJournal(context, async (journal) => {
      const results = await applySteps(listSteps(context), {
        ...options,
        onCreates: async (step, things) => {
          for (const thing of things) await journal.write({ event: 'creates', step, thing });
        },
      });
      for (const { step, state, error } of results) {
        if (state === 'done') await journal.write({ event: 'done', step });
        if (state === 'failed') await journal.write({ event: 'failed', step, problem: String(error) });
      }
      return results;
    }),
  );
}

/** What a plan has made and is still there, in the order in which it is to be removed. */
export async function listMade(file: string, options: AttestOptions = {}): Promise<readonly Thing[]> {
  return withContext(file, options, async (context) => {
    const there: Thing[] = [];
    for (const thing of (await readMade(context.stateDirectory)).toReversed()) {
      if (await isThere(context, thing, options.signal)) there.push(thing);
    }
    return there;
  });
}

/**
 * Removes what a plan has made, the last first, and nothing else.
 * @param things - of {@link listMade}
 */
export async function destroyAttestation(
  file: string,
  things: readonly Thing[],
  options: AttestOptions & { readonly onRemove?: ((thing: Thing) => void) | undefined } = {},
): Promise<void> {
  const { signal, onRemove } = options;
  await withContext(file, options, async (context) =>
    withJournal(context, async (journal) => {
      for (const thing of things) {
        signal?.throwIfAborted();
        onRemove?.(thing);
        await removeThing(context, thing, { signal });
        await journal.write({ event: 'removed', thing });
      }
    }),
  );
}

async function withContext<Result>(
  file: string,
  { stateDirectory = stateOf(file), run, signal }: AttestOptions,
  work: (context: PlanContext) => Promise<Result>,
): Promise<Result> {
  const context = await openContext(await readPlan(file), { stateDirectory, run, signal });
  try {
    return await work(context);
  } finally {
    context.close();
  }
}

async function withJournal<Result>(
  { stateDirectory }: PlanContext,
  work: (journal: Journal) => Promise<Result>,
): Promise<Result> {
  const journal = await Journal.open(stateDirectory);
  try {
    return await work(journal);
  } finally {
    await journal.close();
  }
}

/** `workers.state` beside `workers.yaml`. */
function stateOf(file: string): string {
  const path = resolve(file);
  return join(dirname(path), `${basename(path, extname(path))}.state`);
}
