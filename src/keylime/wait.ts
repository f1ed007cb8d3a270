import { setTimeout as sleep } from 'node:timers/promises';
import { RemoteError } from '../remote/error.ts';
import { describeState, judge } from './attestation.ts';
import type { AttestedAgent, Verifier } from './verifier.ts';

/** What is waited for, and how long. */
export interface WaitOptions {
  /** Default 120 s. */
  readonly timeoutMs?: number | undefined;
  /** Between two looks. Default 1 s. */
  readonly intervalMs?: number | undefined;
  /** Called with each look that shows something new. */
  readonly onChange?: ((agent: AttestedAgent) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Waits until an agent's attestations pass, seen by their number rising while it is looked at, or until they fail.
 * @returns the agent: `judge` tells which of both it is
 * @throws RemoteError `NOT_FOUND` if the verifier does not attest it; `TIMED_OUT` if neither happens
 */
export async function waitForAttestation(
  verifier: Verifier,
  id: string,
  { timeoutMs = 120_000, intervalMs = 1_000, onChange, signal }: WaitOptions = {},
): Promise<AttestedAgent> {
  const end = Date.now() + timeoutMs;
  let first: AttestedAgent | undefined;
  let last: AttestedAgent | undefined;
  for (;;) {
    const agent = await verifier.findAgent(id);
    if (agent === undefined) throw notAttested(verifier, id);
    // An agent that is added again begins to count again.
    if (first === undefined || agent.attestations < first.attestations) first = agent;
    if (agent.state !== last?.state || agent.attestations !== last?.attestations) onChange?.(agent);
    last = agent;
    const standing = judge(agent);
    const isRising = agent.attestations > first.attestations;
    if (standing === 'failed' || standing === 'stopped' || (standing === 'attested' && isRising))
      return agent;
    const leftMs = end - Date.now();
    if (leftMs <= 0) {
      throw new RemoteError('TIMED_OUT', {
        problem: `agent ${id} did not pass another attestation within ${Math.round(timeoutMs / 1000)} s: ${describeState(agent.state)}, ${agent.attestations} passed so far`,
        hint: 'a verifier asks at its quote_interval (2 s unless set): is the agent reachable from the verifier?',
      });
    }
    await sleep(Math.min(intervalMs, leftMs), undefined, { signal });
  }
}

/** The error for an agent that nobody added. */
export function notAttested(verifier: Verifier, id: string): RemoteError {
  return new RemoteError('NOT_FOUND', {
    problem: `${verifier.connection.name} does not attest agent ${id}`,
    hint: '`ima-assay tenant add` lets it; `ima-assay tenant list` shows which agents are registered',
  });
}

/**
 * Ends an agent's attestation and waits until it is over.
 * @returns whether there was one
 * @throws RemoteError `TIMED_OUT`
 */
export async function stopAttestation(
  verifier: Verifier,
  id: string,
  { timeoutMs = 60_000, intervalMs = 500, signal }: WaitOptions = {},
): Promise<boolean> {
  if (!(await verifier.deleteAgent(id))) return false;
  const end = Date.now() + timeoutMs;
  while ((await verifier.findAgent(id)) !== undefined) {
    const leftMs = end - Date.now();
    if (leftMs <= 0) {
      throw new RemoteError('TIMED_OUT', {
        problem: `agent ${id} is still attested ${Math.round(timeoutMs / 1000)} s after it was deleted`,
        hint: 'the verifier lets a quote that is under way end first: look at its log if that does not',
      });
    }
    await sleep(Math.min(intervalMs, leftMs), undefined, { signal });
  }
  return true;
}
