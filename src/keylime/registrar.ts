import { createHash } from 'node:crypto';
import { registrarAgent } from './answers.ts';
import { KeylimeConnection, type ConnectionOptions } from './connection.ts';
import { requireAgentId } from './names.ts';
import { readTpmPublicKey } from './tpm-public.ts';

/** What an agent registered. */
export interface RegisteredAgent {
  readonly id: string;
  /** Where the agent says it is; older agents do not say. */
  readonly ip: string | undefined;
  readonly port: number | undefined;
  /** SHA-256 of the endorsement key in PEM, in hex: the agent's id where it has `hash_ek`. None: a key of another kind. */
  readonly ekHash: string | undefined;
  /** The attestation key, TPM2B_PUBLIC. */
  readonly attestationKey: Buffer;
  /** Above 1: it registered again, perhaps with another TPM. */
  readonly registrations: number;
  readonly hasEkCertificate: boolean;
}

/** Asks a registrar. */
export class Registrar {
  readonly connection: KeylimeConnection;

  constructor(options: ConnectionOptions) {
    this.connection = new KeylimeConnection('registrar', options);
  }

  close(): void {
    this.connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** The ids of all agents, also of those that never finished their registration, in order. */
  async listAgents(): Promise<readonly string[]> {
    return this.connection.listAgents();
  }

  /**
   * One agent.
   * @returns nothing if it is unknown, or has not finished its registration
   */
  async findAgent(id: string): Promise<RegisteredAgent | undefined> {
    const path = `/agents/${requireAgentId(id)}`;
    const found = await this.connection.find(path, registrarAgent, `agent ${id}`);
    if (found === undefined) return undefined;
    const key = readTpmPublicKey(Buffer.from(found.ek_tpm, 'base64'));
    return {
      id,
      ip: found.ip ?? undefined,
      port: found.port ?? undefined,
      ekHash: key === undefined ? undefined : createHash('sha256').update(key).digest('hex'),
      attestationKey: Buffer.from(found.aik_tpm, 'base64'),
      registrations: found.regcount ?? 1,
      hasEkCertificate: Boolean(found.ekcert),
    };
  }

  /** Removes an agent's registration. Returns whether there was one. */
  async deleteAgent(id: string): Promise<boolean> {
    const { connection } = this;
    const answer = await connection.ask({ method: 'DELETE', path: `/agents/${requireAgentId(id)}` });
    if (answer.status === 404) return false;
    if (answer.status !== 200 && answer.status !== 204) {
      throw connection.refusal(`to remove agent ${id}`, answer);
    }
    return true;
  }
}
