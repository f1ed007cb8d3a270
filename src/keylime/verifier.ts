import { RemoteError } from '../remote/error.ts';
import { policyAnswer, policyList, verifierAgent } from './answers.ts';
import { KeylimeConnection, type ConnectionOptions } from './connection.ts';
import { requireAgentId, requirePolicyName } from './names.ts';

/** What a verifier knows of an agent. Times are those of its clock. */
export interface AttestedAgent {
  readonly id: string;
  /** 0 to 10: `describeState` says it in words. None: the agent pushes its attestations. */
  readonly state: number | undefined;
  /** `PASS`, `FAIL`, … from Keylime 7.14 on. */
  readonly status: string | undefined;
  readonly attestations: number;
  readonly lastSuccess: Date | undefined;
  readonly lastQuote: Date | undefined;
  /** `ima.validation.ima-ng.not_in_allowlist`: the failure that stopped it. */
  readonly lastEvent: string | undefined;
  readonly hasRuntimePolicy: boolean;
  readonly hashAlgorithm: string | undefined;
  readonly ip: string | undefined;
  readonly port: number | undefined;
}

/** A policy as a verifier keeps it. */
export interface StoredPolicy {
  readonly name: string;
  /** Its text; none where the release is too old to tell. */
  readonly text: string | undefined;
}

/** Asks a verifier. */
export class Verifier {
  readonly connection: KeylimeConnection;

  constructor(options: ConnectionOptions) {
    this.connection = new KeylimeConnection('verifier', options);
  }

  close(): void {
    this.connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** The ids of all agents that are attested, in order. */
  async listAgents(): Promise<readonly string[]> {
    return this.connection.listAgents();
  }

  /** One agent, or nothing if it is not attested. */
  async findAgent(id: string): Promise<AttestedAgent | undefined> {
    const path = `/agents/${requireAgentId(id)}`;
    const found = await this.connection.find(path, verifierAgent, `agent ${id}`);
    if (found === undefined) return undefined;
    return {
      id,
      state: found.operational_state ?? undefined,
      status: found.attestation_status ?? undefined,
      attestations: found.attestation_count ?? 0,
      lastSuccess: toDate(found.last_successful_attestation),
      lastQuote: toDate(found.last_received_quote),
      lastEvent: found.last_event_id ?? undefined,
      hasRuntimePolicy: (found.has_runtime_policy ?? 0) > 0,
      hashAlgorithm: found.hash_alg || undefined,
      ip: found.ip ?? undefined,
      port: found.port ?? undefined,
    };
  }

  /**
   * Ends an agent's attestation. It may go on for a moment: `findAgent` tells when it is over.
   * @returns whether there was one
   */
  async deleteAgent(id: string): Promise<boolean> {
    const { connection } = this;
    const answer = await connection.ask({ method: 'DELETE', path: `/agents/${requireAgentId(id)}` });
    if (answer.status === 404) return false;
    if (![200, 202, 204].includes(answer.status)) {
      throw connection.refusal(`to stop agent ${id}`, answer);
    }
    return true;
  }

  /** The names of its runtime policies, in order. */
  async listPolicies(): Promise<readonly string[]> {
    const { connection } = this;
    const answer = await connection.ask({ path: '/allowlists/' });
    if (answer.status === 400 || answer.status === 405) {
      throw new RemoteError('VERSION_UNSUPPORTED', {
        problem: `${connection.name} does not list its policies (${answer.status}): ${answer.text}`,
        hint: 'Keylime 7.12 and newer do; one can be asked for by its name',
      });
    }
    if (answer.status !== 200) throw connection.refusal('its list of policies', answer);
    const list = connection.parse(policyList, answer.results, 'a list of policies');
    return list['runtimepolicy names'].toSorted();
  }

  /** A runtime policy, or nothing if there is none of this name. */
  async findPolicy(name: string): Promise<StoredPolicy | undefined> {
    const path = `/allowlists/${requirePolicyName(name)}`;
    const found = await this.connection.find(path, policyAnswer, `policy ${name}`);
    if (found === undefined) return undefined;
    return { name, text: found.runtime_policy ?? undefined };
  }

  /**
   * Removes a runtime policy. Returns whether there was one.
   * @throws RemoteError `CONFLICT` while agents are attested by it
   */
  async deletePolicy(name: string): Promise<boolean> {
    const { connection } = this;
    const answer = await connection.ask({ method: 'DELETE', path: `/allowlists/${requirePolicyName(name)}` });
    if (answer.status === 404) return false;
    if (answer.status === 200 || answer.status === 204) return true;
    // Keylime fails with 500 where it is more than one agent.
    if (answer.status !== 409 && answer.status !== 500) {
      throw connection.refusal(`to remove policy ${name}`, answer);
    }
    throw new RemoteError('CONFLICT', {
      problem: `${connection.name} does not remove policy ${name} (${answer.status}): ${answer.text}`,
      hint: 'agents are attested by it: delete these first',
    });
  }
}

function toDate(seconds: number | null | undefined): Date | undefined {
  return seconds === null || seconds === undefined || seconds === 0 ? undefined : new Date(seconds * 1000);
}
