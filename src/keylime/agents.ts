import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { RemoteError } from '../remote/error.ts';
import { DEFAULT_AGENT_ID, requireAgentId } from './names.ts';
import type { RegisteredAgent, Registrar } from './registrar.ts';

/** How an agent is told from the others. */
export type AgentSelector =
  | { readonly by: 'id'; readonly id: string }
  /** The address that it registered with: the node's fixed IP. */
  | { readonly by: 'address'; readonly address: string }
  /** SHA-256 of the endorsement key in PEM, in hex. */
  | { readonly by: 'ek'; readonly hash: string }
  /** Whatever was not among these ids before. */
  | { readonly by: 'new'; readonly known: readonly string[] };

/** How long an agent is waited for. */
export interface FindOptions {
  /** Default 0: it has to be there already. */
  readonly waitMs?: number | undefined;
  /** Between two looks. Default 2 s. */
  readonly intervalMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The one agent that fits.
 * @throws RemoteError `NOT_FOUND`, `TIMED_OUT` when it was waited for; `NAME_AMBIGUOUS` if several fit; `CONFLICT` if
 *   several TPMs share the id that agents have by default
 */
export async function findAgent(
  registrar: Registrar,
  selector: AgentSelector,
  { waitMs = 0, intervalMs = 2_000, signal }: FindOptions = {},
): Promise<RegisteredAgent> {
  const end = Date.now() + waitMs;
  for (;;) {
    const look = await lookFor(registrar, selector);
    const [agent, ...others] = look.found;
    if (agent !== undefined) return requireOne(selector, agent, others);
    const leftMs = end - Date.now();
    if (leftMs <= 0) throw notFound(registrar, selector, look, waitMs);
    await sleep(Math.min(intervalMs, leftMs), undefined, { signal });
  }
}

interface Look {
  readonly found: readonly RegisteredAgent[];
  /** Ids that are listed, but never finished their registration. */
  readonly unfinished: readonly string[];
  readonly looked: number;
}

/** Agents asked for at the same time; the connection limits them further. */
const BATCH = 16;

async function lookFor(registrar: Registrar, selector: AgentSelector): Promise<Look> {
  const ids = selector.by === 'id' ? [requireAgentId(selector.id)] : await candidates(registrar, selector);
  const found: RegisteredAgent[] = [];
  const unfinished: string[] = [];
  for (let start = 0; start < ids.length; start += BATCH) {
    const batch = ids.slice(start, start + BATCH);
    const agents = await Promise.all(batch.map((id) => registrar.findAgent(id)));
    for (const [index, agent] of agents.entries()) {
      if (agent === undefined) unfinished.push(batch[index] ?? '');
      else if (fits(agent, selector)) found.push(agent);
    }
  }
  return { found, unfinished, looked: ids.length };
}

/** Ids that cannot be asked for are nobody's that we could add. */
async function candidates(registrar: Registrar, selector: AgentSelector): Promise<readonly string[]> {
  const ids = (await registrar.listAgents()).filter((id) => /^[\w.-]+$/.test(id));
  return selector.by === 'new' ? ids.filter((id) => !selector.known.includes(id)) : ids;
}

function fits({ id, ip, ekHash }: RegisteredAgent, selector: AgentSelector): boolean {
  switch (selector.by) {
    case 'id':
      return id === selector.id;
    case 'address':
      return ip !== undefined && sameAddress(ip, selector.address);
    case 'ek':
      return ekHash !== undefined && ekHash === selector.hash.toLowerCase();
    case 'new':
      return true;
  }
}

function sameAddress(one: string, other: string): boolean {
  return normalise(one) === normalise(other);
}

/** IPv6 has many spellings: a URL has one. */
function normalise(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address}]`).hostname : address;
}

function requireOne(
  selector: AgentSelector,
  agent: RegisteredAgent,
  others: readonly RegisteredAgent[],
): RegisteredAgent {
  if (others.length > 0) {
    const ids = [agent, ...others].map(({ id }) => id);
    throw new RemoteError('NAME_AMBIGUOUS', {
      problem: `${ids.length} agents ${describe(selector)}: ${ids.slice(0, 5).join(', ')}`,
      hint: 'name the one by --uuid, and remove registrations that are out of date (`ima-assay tenant delete --registration`)',
    });
  }
  if (agent.id === DEFAULT_AGENT_ID && agent.registrations > 1) {
    throw new RemoteError('CONFLICT', {
      problem: `${agent.registrations} TPMs registered under the id that agents have by default, ${agent.id}: whose it is cannot be told`,
      hint: 'set `uuid = "hash_ek"` in agent.conf of every node, remove this registration and restart the agents',
    });
  }
  return agent;
}

function describe(selector: AgentSelector): string {
  switch (selector.by) {
    case 'id':
      return `have the id ${selector.id}`;
    case 'address':
      return `registered from ${selector.address}`;
    case 'ek':
      return `have the endorsement key ${selector.hash}`;
    case 'new':
      return 'are new';
  }
}

function notFound(
  registrar: Registrar,
  selector: AgentSelector,
  { unfinished, looked }: Look,
  waitMs: number,
): RemoteError {
  const half = unfinished.filter((id) => selector.by !== 'id' || id !== selector.id);
  const others =
    half.length === 0
      ? ''
      : `; ${half.length} of ${looked} never finished their registration: ${half.slice(0, 3).join(', ')}`;
  const waited = waitMs > 0 ? ` within ${Math.round(waitMs / 1000)} s` : '';
  return new RemoteError(waitMs > 0 ? 'TIMED_OUT' : 'NOT_FOUND', {
    problem: `${registrar.connection.name}: no agents that ${describe(selector)} are registered${waited}${others}`,
    hint: "is the node up, and the agent running? It registers at the registrar's plain port (8890), and its log has a line `Agent UUID`",
  });
}

/** What makes an agent's identity doubtful, in words. */
export function warnOfAgent({ id, registrations, hasEkCertificate }: RegisteredAgent): readonly string[] {
  return [
    ...(id === DEFAULT_AGENT_ID
      ? [
          'the agent has the id that agents have by default: a second one collides with it; set `uuid = "hash_ek"`',
        ]
      : []),
    ...(registrations > 1
      ? [`${registrations} registrations under ${id}: another TPM may have had this id before`]
      : []),
    ...(hasEkCertificate ? [] : ["the agent's TPM shows no certificate of its manufacturer"]),
  ];
}
