import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { RemoteError } from '../remote/error.ts';
import { UsageError } from '../usage.ts';
import { judge } from './attestation.ts';
import { isSamePolicy } from './canonical.ts';
import { type Endpoint, formatEndpoint } from './endpoint.ts';
import type { RegisteredAgent } from './registrar.ts';
import type { PolicyFile, Tenant } from './tenant-program.ts';
import type { AttestedAgent, StoredPolicy, Verifier } from './verifier.ts';
import { stopAttestation } from './wait.ts';

/** How an agent is to be attested. */
export interface WantedAttestation {
  readonly agent: RegisteredAgent;
  /** By this policy. Without a file it has to be on the verifier already. */
  readonly policy: { readonly name: string; readonly file?: PolicyFile | undefined };
  /** Where the agent is reached. Default: what it registered. */
  readonly endpoint?: Endpoint | undefined;
  readonly payload?: string | undefined;
  /** Delete and add an agent that is well attested, too. Keylime does not tell by which policy it is. Default false. */
  readonly renew?: boolean | undefined;
}

/** What a verifier has of that. */
export interface FoundAttestation {
  readonly agent: AttestedAgent | undefined;
  readonly policy: StoredPolicy | undefined;
}

/** What has to be done, in this order. */
export type AttestationStep =
  'delete-agent' | 'upload-policy' | 'update-policy' | 'add-agent' | 'update-agent';

/** Looks at what is there. Changes nothing. */
export async function inspectAttestation(
  verifier: Verifier,
  { agent, policy }: WantedAttestation,
): Promise<FoundAttestation> {
  return { agent: await verifier.findAgent(agent.id), policy: await verifier.findPolicy(policy.name) };
}

/**
 * What has to be done. Nothing where a second run finds what the first one left.
 * @throws RemoteError `NOT_FOUND`: the policy is on the verifier under no such name, and no file is given
 */
export async function diffAttestation(
  wanted: WantedAttestation,
  found: FoundAttestation,
): Promise<readonly AttestationStep[]> {
  const policyStep = await diffPolicy(wanted.policy, found.policy);
  // The verifier goes on from where it was with the new policy, which is not what was asked for where it used another
  // one: an agent is added anew whenever its policy had to be brought.
  const isWell = found.agent !== undefined && !['failed', 'stopped'].includes(judge(found.agent));
  if (isWell && policyStep === undefined && wanted.renew !== true) return [];
  if (found.agent === undefined) return [...(policyStep === undefined ? [] : [policyStep]), 'add-agent'];
  // A failed agent loses nothing by it, and a verifier can be held up by one: 7.10 does not answer the replacement of its
  // policy, and releases before 6.6 replace none that is in use.
  if (!isWell && policyStep === 'update-policy') return ['delete-agent', policyStep, 'add-agent'];
  return [...(policyStep === undefined ? [] : [policyStep]), 'update-agent'];
}

async function diffPolicy(
  { name, file }: WantedAttestation['policy'],
  stored: StoredPolicy | undefined,
): Promise<'upload-policy' | 'update-policy' | undefined> {
  if (file === undefined) {
    if (stored !== undefined) return undefined;
    throw new RemoteError('NOT_FOUND', {
      problem: `the verifier has no policy named ${name}`,
      hint: 'give the policy itself with --policy FILE',
    });
  }
  const text = await readPolicy(file.path);
  if (stored === undefined) return 'upload-policy';
  return stored.text !== undefined && isSamePolicy(text, stored.text) ? undefined : 'update-policy';
}

async function readPolicy(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new UsageError('INPUT_UNREADABLE', {
      problem: `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      at: { input: path },
      hint: 'give the path of a runtime policy; keylime_tenant reads it too, so that it must be a file',
      cause,
    });
  });
}

/** How steps are done. */
export interface AttestationOptions {
  /** Called before each step. */
  readonly onStep?: ((step: AttestationStep) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Does what {@link diffAttestation} found. What happened meanwhile is no failure: an addition becomes an update. */
export async function applyAttestation(
  { tenant, verifier }: { readonly tenant: Tenant; readonly verifier: Verifier },
  wanted: WantedAttestation,
  steps: readonly AttestationStep[],
  { onStep, signal }: AttestationOptions = {},
): Promise<void> {
  const { agent, policy, payload } = wanted;
  const added = { id: agent.id, policyName: policy.name, agent: wanted.endpoint, payload };
  const { file } = policy;
  for (const step of steps) {
    onStep?.(step);
    switch (step) {
      case 'delete-agent':
        // An agent that cannot be reached would stay deleted.
        await requireReachable(wanted, signal);
        await stopAttestation(verifier, agent.id, { signal });
        break;
      case 'upload-policy':
        if (file !== undefined)
          await insist(
            () => tenant.addPolicy(file),
            () => tenant.updatePolicy(file),
          );
        break;
      case 'update-policy':
        if (file !== undefined) await tenant.updatePolicy(file);
        break;
      case 'add-agent':
        await requireReachable(wanted, signal);
        await insist(
          () => tenant.add(added),
          () => tenant.update(added),
        );
        break;
      case 'update-agent':
        await requireReachable(wanted, signal);
        await tenant.update(added).catch((error: unknown) => tellLoss(error, verifier, agent.id));
        break;
    }
  }
}

/** An update deletes and adds: where it fails in between, whoever reads the error has to know that nobody watches the node. */
async function tellLoss(error: unknown, verifier: Verifier, id: string): Promise<never> {
  if (!(error instanceof RemoteError)) throw error;
  const isThere = await verifier.findAgent(id).then(
    (found) => found !== undefined,
    () => true,
  );
  if (isThere) throw error;
  throw new RemoteError(error.code, {
    problem: `${error.problem}; agent ${id} is deleted and not added again: it is NOT attested now`,
    hint: error.hint,
    cause: error,
  });
}

async function insist(add: () => Promise<void>, update: () => Promise<void>): Promise<void> {
  try {
    await add();
  } catch (error) {
    if (!(error instanceof RemoteError) || error.code !== 'CONFLICT') throw error;
    await update();
  }
}

const REACH_LIMIT_MS = 5_000;

/** Whether the agent's port takes connections: the tenant would try for minutes. */
async function requireReachable(
  { agent, endpoint }: WantedAttestation,
  signal: AbortSignal | undefined,
): Promise<void> {
  const at =
    endpoint ??
    (agent.ip === undefined || agent.port === undefined ? undefined : { host: agent.ip, port: agent.port });
  if (at === undefined) {
    throw new RemoteError('UNREACHABLE', {
      problem: `agent ${agent.id} did not register where it is`,
      hint: 'give its address with --agent HOST:PORT; the port of agents is 9002',
    });
  }
  const failure = await tryConnect(at, signal);
  if (failure === undefined) return;
  throw new RemoteError('UNREACHABLE', {
    problem: `agent ${agent.id} cannot be reached at ${formatEndpoint(at)}: ${failure}`,
    hint: 'is it running, and its port open to this machine? --agent HOST:PORT names another address',
  });
}

/** Why no connection comes about, or nothing. */
function tryConnect({ host, port }: Endpoint, signal: AbortSignal | undefined): Promise<string | undefined> {
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: REACH_LIMIT_MS });
    const end = (result: string | undefined): void => {
      socket.destroy();
      signal?.removeEventListener('abort', interrupt);
      resolve(result);
    };
    const interrupt = (): void => {
      socket.destroy();
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', interrupt, { once: true });
    socket.once('connect', () => end(undefined));
    socket.once('timeout', () => end(`no answer within ${REACH_LIMIT_MS / 1000} s`));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}
