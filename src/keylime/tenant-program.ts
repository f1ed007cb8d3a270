import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ProgramError, type ProgramResult, type RunProgram, runProgram } from '../process/program.ts';
import { RemoteError } from '../remote/error.ts';
import type { Endpoint } from './endpoint.ts';
import { requireAgentId, requirePolicyName } from './names.ts';
import { explainTenantFailure } from './tenant-failure.ts';

/** What an installed `keylime_tenant` can do; it does not tell its version, but its help differs. */
export interface TenantAbilities {
  /** `allowlists`: up to 6.5. `runtime-policies`: from 6.6 on. */
  readonly policies: 'allowlists' | 'runtime-policies';
  /** Up to 7.11 it adds no node without a file to deliver to it. */
  readonly needsPayload: boolean;
  /** The releases whose help looks like this. */
  readonly releases: string;
}

/** Tells by its help what a tenant can do. */
export function readTenantHelp(help: string): TenantAbilities {
  // The help breaks its lines within words.
  const text = help.replace(/\s+/g, '');
  if (!text.includes('addallowlist') && !text.includes('addruntimepolicy')) {
    throw new RemoteError('VERSION_UNSUPPORTED', {
      problem: 'keylime_tenant has neither runtime policies nor named allowlists',
      hint: 'Keylime 6.2 and newer have; is this another program of that name?',
    });
  }
  if (!text.includes('addruntimepolicy')) {
    return { policies: 'allowlists', needsPayload: true, releases: '6.2 to 6.5' };
  }
  const needsPayload = !text.includes('listruntimepolicy');
  if (needsPayload) return { policies: 'runtime-policies', needsPayload, releases: '6.6 to 7.11' };
  const releases = text.includes('--agent-api-version')
    ? '7.14 or newer'
    : text.includes('--push-model')
      ? '7.13'
      : '7.12';
  return { policies: 'runtime-policies', needsPayload, releases };
}

/** How to run the tenant. */
export interface TenantOptions {
  readonly verifier: Endpoint;
  readonly registrar: Endpoint;
  /** Where its certificates are. None: where its own settings say. Releases up to 6.4 know no other way. */
  readonly certificates?: string | undefined;
  /** Of one call. Default 120 s: it asks servers and agent several times. */
  readonly timeoutMs?: number | undefined;
  readonly run?: RunProgram | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A policy in a file. */
export interface PolicyFile {
  readonly name: string;
  readonly path: string;
  /** A key that must have signed it. */
  readonly key?: string | undefined;
  /** An exclude list, for releases that know allowlists alone. */
  readonly excludeList?: string | undefined;
}

/** An agent that is to be attested. */
export interface AgentToAdd {
  readonly id: string;
  readonly policyName: string;
  /** Where the tenant and the verifier reach the agent. Default: what it registered. */
  readonly agent?: Endpoint | undefined;
  /** A file that is delivered to the node. None: nothing, or an empty one where the release demands one. */
  readonly payload?: string | undefined;
}

const HELP_LIMIT_MS = 30_000;
const CALL_LIMIT_MS = 120_000;

/** Drives `keylime_tenant`, which checks a node's quote and endorsement key before the verifier hears of it. */
export class Tenant {
  readonly #options: TenantOptions;
  readonly abilities: TenantAbilities;

  private constructor(options: TenantOptions, abilities: TenantAbilities) {
    this.#options = options;
    this.abilities = abilities;
  }

  /** Finds out what the installed one can do. */
  static async open(options: TenantOptions): Promise<Tenant> {
    const { run = runProgram, env, signal } = options;
    const call = { program: 'keylime_tenant', args: ['--help'], timeoutMs: HELP_LIMIT_MS, env, signal };
    const result = await run(call);
    if (result.exitCode !== 0) throw explainTenantFailure('say what it can do', result);
    return new Tenant(options, readTenantHelp(result.stdout));
  }

  /** Adds an agent. */
  async add(agent: AgentToAdd): Promise<void> {
    await this.#withPayload(agent, (args) => this.#call('add the agent', 'add', args));
  }

  /** Deletes and adds an agent. In between it is not attested: where that fails it stays deleted. */
  async update(agent: AgentToAdd): Promise<void> {
    await this.#withPayload(agent, (args) => this.#call('update the agent', 'update', args));
  }

  /** Uploads a policy under a new name. */
  async addPolicy(policy: PolicyFile): Promise<void> {
    const command = this.#hasRuntimePolicies ? 'addruntimepolicy' : 'addallowlist';
    await this.#call(`upload policy ${policy.name}`, command, this.#policyArguments(policy));
  }

  /** Replaces a policy. */
  async updatePolicy(policy: PolicyFile): Promise<void> {
    const args = this.#policyArguments(policy);
    if (this.#hasRuntimePolicies) {
      await this.#call(`update policy ${policy.name}`, 'updateruntimepolicy', args);
      return;
    }
    // Before 6.6 there is no replacing: agents that use it have to go first.
    const name = ['--allowlist-name', requirePolicyName(policy.name)];
    await this.#call(`replace policy ${policy.name}`, 'deleteallowlist', name);
    await this.#call(`replace policy ${policy.name}`, 'addallowlist', args);
  }

  get #hasRuntimePolicies(): boolean {
    return this.abilities.policies === 'runtime-policies';
  }

  #policyArguments({ name, path, key, excludeList }: PolicyFile): readonly string[] {
    const kind = this.#hasRuntimePolicies ? 'runtime-policy' : 'allowlist';
    const args = [`--${kind}-name`, requirePolicyName(name), `--${kind}`, resolve(path)];
    if (key !== undefined && !this.#hasRuntimePolicies) {
      throw new RemoteError('VERSION_UNSUPPORTED', {
        problem: `signed policies came with Keylime 6.6, and keylime_tenant is of ${this.abilities.releases}`,
        hint: 'give the allowlist without a key, or update Keylime',
      });
    }
    if (key !== undefined) args.push(`--${kind}-sig-key`, resolve(key));
    if (excludeList !== undefined && !this.#hasRuntimePolicies) args.push('--exclude', resolve(excludeList));
    return args;
  }

  async #withPayload(
    { id, policyName, agent, payload }: AgentToAdd,
    call: (args: readonly string[]) => Promise<unknown>,
  ): Promise<void> {
    const name = this.#hasRuntimePolicies ? '--runtime-policy-name' : '--allowlist-name';
    const args = ['-u', requireAgentId(id), name, requirePolicyName(policyName)];
    if (agent !== undefined) args.push('-t', agent.host, '-tp', String(agent.port));
    if (payload !== undefined || !this.abilities.needsPayload) {
      await call(payload === undefined ? args : [...args, '-f', resolve(payload)]);
      return;
    }
    const directory = await mkdtemp(join(tmpdir(), 'ima-assay-'));
    try {
      const file = join(directory, 'payload');
      await writeFile(file, 'This release of Keylime adds no node without a file to deliver: this one.\n');
      await call([...args, '-f', file]);
    } finally {
      await rm(directory, { recursive: true });
    }
  }

  async #call(what: string, command: string, args: readonly string[]): Promise<ProgramResult> {
    const { run = runProgram, env, verifier, registrar, certificates, signal } = this.#options;
    const servers = ['-v', verifier.host, '-vp', String(verifier.port), '-r', registrar.host];
    const result = await run({
      program: 'keylime_tenant',
      args: ['-c', command, ...servers, '-rp', String(registrar.port), ...args],
      timeoutMs: this.#options.timeoutMs ?? CALL_LIMIT_MS,
      env: {
        ...env,
        ...(certificates === undefined ? {} : { KEYLIME_TENANT_TLS_DIR: resolve(certificates) }),
      },
      signal,
    }).catch((error: unknown) => {
      if (!(error instanceof ProgramError) || error.code !== 'PROGRAM_TIMED_OUT') throw error;
      // It waits for servers and for the agent, and for nothing else.
      throw new RemoteError('TIMED_OUT', {
        problem: `keylime_tenant could not ${what}: ${error.problem}`,
        hint: 'it may be done all the same: `ima-assay tenant status` tells',
        cause: error,
      });
    });
    if (result.exitCode !== 0) throw explainTenantFailure(what, result);
    return result;
  }
}
