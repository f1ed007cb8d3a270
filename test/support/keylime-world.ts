// A fake verifier and a fake registrar that remember: what a tenant adds is there afterwards.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { runCli, type CliResult } from './cli.ts';
import { freshDirectory } from './directory.ts';
import { type Reply, type Seen, startFake } from './fake-keylime.ts';
import { type FakeTenant, makeFakeTenant, type TenantAnswer } from './fake-tenant.ts';

/** What the registrar holds of an agent; the rest has a default. */
export interface FakeRegistration {
  readonly ip?: string | null;
  readonly port?: number | null;
  readonly regcount?: number;
  readonly ek_tpm?: string;
  /** Default true. */
  readonly active?: boolean;
}

export interface World {
  /** May be changed by the test at any time. */
  readonly registered: Map<string, FakeRegistration>;
  /** What the verifier answers for an agent. */
  readonly attested: Map<string, Record<string, unknown>>;
  readonly policies: Map<string, string>;
  readonly tenant: FakeTenant;
  readonly seen: { readonly verifier: readonly Seen[]; readonly registrar: readonly Seen[] };
  readonly directory: string;
  /** Options that name the servers. */
  readonly servers: readonly string[];
  /** `ima-assay tenant …` against them. */
  readonly run: (...args: readonly string[]) => Promise<CliResult>;
}

export interface WorldOptions {
  readonly release?: string;
  readonly answers?: readonly TenantAnswer[];
  /** Called before the verifier answers: a test can let the world go on. */
  readonly onAsk?: (seen: Seen, world: World) => void;
}

const missing = (status: string): Reply => ({ code: 404, status });

/** Starts both, with certificates of a CA. */
export async function startWorld(ca: string, options: WorldOptions = {}): Promise<World> {
  const registered = new Map<string, FakeRegistration>();
  const attested = new Map<string, Record<string, unknown>>();
  const policies = new Map<string, string>();
  const verifier = await startFake(ca, {
    answer: (seen) => {
      options.onAsk?.(seen, world);
      const [, kind, name = ''] = seen.path.split('/');
      if (kind === 'allowlists' && name === '') {
        return { code: 200, results: { 'runtimepolicy names': [...policies.keys()] } };
      }
      if (kind === 'allowlists') {
        const text = policies.get(name);
        if (text === undefined) return missing(`Runtime policy ${name} not found`);
        if (seen.method !== 'DELETE')
          return { code: 200, results: { name, tpm_policy: null, runtime_policy: text } };
        policies.delete(name);
        return { code: 204, raw: '' };
      }
      if (name === '') return { code: 200, results: { uuids: [...attested.keys()].map((id) => [id]) } };
      const agent = attested.get(name);
      if (agent === undefined) return missing('agent id not found');
      if (seen.method !== 'DELETE') return { code: 200, results: agent };
      attested.delete(name);
      return { code: 200 };
    },
  });
  const registrar = await startFake(ca, {
    answer: ({ path, method }) => {
      const [, , id = ''] = path.split('/');
      if (id === '') return { code: 200, results: { uuids: [...registered.keys()] } };
      const agent = registered.get(id);
      if (agent === undefined || agent.active === false) return missing(`Agent with ID '${id}' not found`);
      if (method === 'DELETE') {
        registered.delete(id);
        return { code: 200 };
      }
      const { active: _active, ...told } = agent;
      const defaults = { ip: '127.0.0.1', port: 9002, regcount: 1, ek_tpm: 'AAAA', aik_tpm: 'AAAA' };
      return { code: 200, results: { ...defaults, ekcert: null, mtls_cert: null, ...told } };
    },
  });
  const directory = await freshDirectory();
  await mkdir(join(directory, 'bin'));
  const tenant = await makeFakeTenant(join(directory, 'bin'), options.release ?? '7.14.3', options.answers);
  const servers = ['--verifier', verifier.address, '--registrar', registrar.address, '--certs', ca];
  const world: World = {
    registered,
    attested,
    policies,
    tenant,
    seen: { verifier: verifier.seen, registrar: registrar.seen },
    directory,
    servers,
    run: (...args) => runCli(['tenant', ...args, ...servers], { cwd: directory, env: tenant.env }),
  };
  return world;
}
