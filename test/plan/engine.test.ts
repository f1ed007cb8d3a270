import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { applySteps, inspectSteps, type PlanEvent } from '../../src/plan/engine.ts';
import type { Step } from '../../src/plan/step.ts';

/** Steps of a world that remembers what was done. */
function makeSteps(needs: Readonly<Record<string, readonly string[]>>, failing: readonly string[] = []) {
  const done = new Set<string>();
  const order: string[] = [];
  let running = 0;
  let most = 0;
  const steps = Object.entries(needs).map(([id, its]): Step => ({
    id,
    needs: its,
    inspect: async (outputs) => ({
      actions: done.has(id) ? [] : [`do ${id}`],
      output: done.has(id) ? { id, sees: [...outputs.keys()].join(' ') } : undefined,
      creates: done.has(id) ? [] : [{ kind: 'policy', name: id }],
    }),
    apply: async () => {
      running += 1;
      most = Math.max(most, running);
      await sleep(5);
      running -= 1;
      order.push(id);
      if (failing.includes(id)) throw new Error(`${id} does not want to`);
      done.add(id);
      return { id };
    },
  }));
  return { steps, order, done, most: () => most };
}

const DIAMOND = { image: [], one: ['image'], two: ['image'], last: ['one', 'two'] };

describe('applySteps', () => {
  test('does each step after those it needs, and nothing the second time', async () => {
    const world = makeSteps(DIAMOND);
    const first = await applySteps(world.steps);
    expect(first.map(({ state }) => state)).toEqual(['done', 'done', 'done', 'done']);
    expect(world.order[0]).toBe('image');
    expect(world.order.at(-1)).toBe('last');
    const second = await applySteps(world.steps);
    expect(second.map(({ state }) => state)).toEqual(['kept', 'kept', 'kept', 'kept']);
    expect(world.order).toHaveLength(4);
  });

  test('does not more at a time than it is told', async () => {
    const many = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`step ${at}`, []]));
    const world = makeSteps(many);
    await applySteps(world.steps, { concurrency: 3 });
    expect(world.most()).toBe(3);
  });

  test('goes on with what does not need a step that failed', async () => {
    const events: PlanEvent[] = [];
    const world = makeSteps({ ...DIAMOND, other: [] }, ['one']);
    const results = await applySteps(world.steps, { onEvent: (event) => events.push(event) });
    expect(Object.fromEntries(results.map(({ step, state }) => [step, state]))).toEqual({
      image: 'done',
      one: 'failed',
      two: 'done',
      last: 'skipped',
      other: 'done',
    });
    expect(events).toContainEqual({ event: 'skipped', step: 'last', because: 'one is not done' });
  });

  test('begins nothing after an abort', async () => {
    const world = makeSteps(DIAMOND);
    const interrupt = new AbortController();
    const results = await applySteps(world.steps, {
      signal: interrupt.signal,
      onEvent: ({ event, step }) => {
        if (event === 'done' && step === 'image') interrupt.abort();
      },
    });
    expect(results.map(({ state }) => state)).toEqual(['done', 'skipped', 'skipped', 'skipped']);
  });

  test('has what is made written down before it is made', async () => {
    const world = makeSteps(DIAMOND);
    const written: string[] = [];
    await applySteps(world.steps, {
      onCreates: async (step) => {
        expect(world.done).not.toContain(step);
        await sleep(1);
        written.push(step);
      },
    });
    expect(written.toSorted()).toEqual(['image', 'last', 'one', 'two']);
  });

  test('makes nothing that could not be written down', async () => {
    const world = makeSteps({ image: [] });
    const onCreates = async (): Promise<void> => {
      throw new Error('the disk is full');
    };
    const [result] = await applySteps(world.steps, { onCreates });
    expect(result).toMatchObject({ state: 'failed', error: { message: 'the disk is full' } });
    expect(world.done.size).toBe(0);
  });
});

describe('inspectSteps', () => {
  test('shows a step what those before it left, and only these', async () => {
    const world = makeSteps({ ...DIAMOND, other: [] });
    await applySteps(world.steps);
    const found = await inspectSteps(world.steps);
    expect([...found.keys()]).toEqual(['image', 'one', 'two', 'last', 'other']);
    expect(found.get('last')?.output).toEqual({ id: 'last', sees: 'one two' });
    expect(found.get('other')?.output).toEqual({ id: 'other', sees: '' });
  });

  test('throws what a step throws', async () => {
    const step: Step = {
      id: 'a',
      needs: [],
      inspect: async () => Promise.reject(new Error('nobody answers')),
      apply: async () => ({}),
    };
    await expect(inspectSteps([step])).rejects.toThrow('nobody answers');
  });
});
