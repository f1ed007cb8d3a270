import { type AgentSelector, findAgent, warnOfAgent } from '../../keylime/agents.ts';
import {
  applyAttestation,
  type AttestationStep,
  diffAttestation,
  inspectAttestation,
  type WantedAttestation,
} from '../../keylime/attest.ts';
import { explainEvent, judge } from '../../keylime/attestation.ts';
import { AGENT_PORT, parseEndpoint } from '../../keylime/endpoint.ts';
import type { RegisteredAgent } from '../../keylime/registrar.ts';
import type { AttestedAgent } from '../../keylime/verifier.ts';
import { waitForAttestation } from '../../keylime/wait.ts';
import { RemoteError } from '../../remote/error.ts';
import type { PlanContext } from '../context.ts';
import type { PlannedNode } from '../schema.ts';
import type { Inspection, Outputs, Step } from '../step.ts';
import { nodeStepId } from './node.ts';
import { policyStepId } from './policy.ts';

/** The id of the step that has a node attested. */
export function attestationStepId(hostname: string): string {
  return `attestation of ${hostname}`;
}

/** A node boots and its agent registers within this time. */
const REGISTRATION_LIMIT_MS = 900_000;

/** Until the first attestation that passes. */
const ATTESTATION_LIMIT_MS = 180_000;

const WORDS: Readonly<Record<AttestationStep, string>> = {
  'delete-agent': 'end its failed attestation',
  'upload-policy': 'upload its policy',
  'update-policy': 'replace its policy',
  'add-agent': 'have it attested',
  'update-agent': 'have it attested anew',
};

/** A node that is attested by a policy, and has passed. Leaves `agentId`. */
export function attestationStep(
  { keylime }: PlanContext,
  hostname: string,
  node: PlannedNode & { readonly policy: string },
): Step {
  const { policy } = node;
  const find = async (
    outputs: Outputs,
    options: { readonly waitMs: number; readonly signal: AbortSignal | undefined },
  ): Promise<RegisteredAgent> => findAgent(keylime().registrar, selectorOf(outputs, hostname, node), options);
  const want = (agent: RegisteredAgent): WantedAttestation => {
    const at = node.agent?.endpoint;
    return {
      agent,
      policy: { name: policy },
      endpoint: at === undefined ? undefined : parseEndpoint(at, agent.port ?? AGENT_PORT),
    };
  };
  return {
    id: attestationStepId(hostname),
    needs: [nodeStepId(hostname), policyStepId(policy)],
    inspect: async (outputs, signal) => {
      const later = (what: string): Inspection => ({ actions: [what], output: undefined, creates: [] });
      if (outputs.get(nodeStepId(hostname)) === undefined) {
        return later(`have ${hostname} attested by policy ${policy}, once it is deployed`);
      }
      const agent = await find(outputs, { waitMs: 0, signal }).catch((error: unknown) => {
        if (error instanceof RemoteError && error.code === 'NOT_FOUND') return undefined;
        throw error;
      });
      if (agent === undefined) {
        return later(
          `wait until the agent of ${hostname} is registered, and have it attested by policy ${policy}`,
        );
      }
      const creates = [{ kind: 'agent', id: agent.id } as const];
      if (outputs.get(policyStepId(policy)) === undefined) {
        return { ...later(`have ${hostname} (agent ${agent.id}) attested by policy ${policy}`), creates };
      }
      const wanted = want(agent);
      const found = await inspectAttestation(keylime().verifier, wanted);
      const steps = await diffAttestation(wanted, found);
      const failure = found.agent === undefined ? undefined : describeFailure(found.agent);
      return {
        actions: steps.map((step) => `${hostname} (agent ${agent.id}): ${WORDS[step]} by policy ${policy}`),
        output: { agentId: agent.id },
        creates: found.agent === undefined ? creates : [],
        warnings: [...warnOfAgent(agent), ...(failure === undefined ? [] : [failure])],
        hasFailed: failure !== undefined,
      };
    },
    apply: async ({ outputs, signal, onProgress, creates }) => {
      onProgress('waiting for its agent');
      const agent = await find(outputs, { waitMs: REGISTRATION_LIMIT_MS, signal });
      const wanted = want(agent);
      const { verifier } = keylime();
      const found = await inspectAttestation(verifier, wanted);
      const steps = await diffAttestation(wanted, found);
      if (found.agent === undefined) await creates([{ kind: 'agent', id: agent.id }]);
      const tenant = await keylime().tenant(signal);
      await applyAttestation({ tenant, verifier }, wanted, steps, {
        signal,
        onStep: (step) => onProgress(WORDS[step]),
      });
      onProgress('waiting for its first attestation');
      const attested = await waitForAttestation(verifier, agent.id, {
        timeoutMs: ATTESTATION_LIMIT_MS,
        signal,
      });
      const failure = describeFailure(attested);
      if (failure !== undefined) {
        throw new RemoteError('ATTESTATION_FAILED', {
          problem: `${hostname}: ${failure}`,
          hint: attested.lastEvent === undefined ? undefined : explainEvent(attested.lastEvent).hint,
        });
      }
      return { agentId: agent.id };
    },
  };
}

function selectorOf(outputs: Outputs, hostname: string, { agent, networks }: PlannedNode): AgentSelector {
  if (agent?.uuid !== undefined) return { by: 'id', id: agent.uuid };
  if (agent?.ek !== undefined) return { by: 'ek', hash: agent.ek };
  const address = agent?.address ?? outputs.get(nodeStepId(hostname))?.['address'];
  if (address !== undefined) return { by: 'address', address };
  throw new RemoteError('NOT_FOUND', {
    problem: `${hostname} has no address on network ${networks[0] ?? ''}`,
    hint: 'name the network as the cloud shows it, or tell the agent by nodes.….agent.uuid, address or ek',
  });
}

/** What is wrong with an attestation; nothing if it passes, or may still. */
function describeFailure(agent: AttestedAgent): string | undefined {
  const standing = judge(agent);
  if (standing !== 'failed' && standing !== 'stopped') return undefined;
  const event = agent.lastEvent;
  return `agent ${agent.id} ${standing}${event === undefined ? '' : `: ${explainEvent(event).says} (${event})`}`;
}
