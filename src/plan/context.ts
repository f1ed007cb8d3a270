import { readCertificates, checkCertificates } from '../keylime/certificates.ts';
import { type Endpoint, keylimePorts, parseEndpoint } from '../keylime/endpoint.ts';
import { Registrar } from '../keylime/registrar.ts';
import { Tenant } from '../keylime/tenant-program.ts';
import { Verifier } from '../keylime/verifier.ts';
import type { CloudOptions } from '../openstack/client.ts';
import { runProgram, type RunProgram } from '../process/program.ts';
import { PlanError } from './error.ts';
import type { Plan } from './schema.ts';

/** Keylime, as a plan names it. Holds connections open. */
export interface Keylime {
  readonly verifier: Verifier;
  readonly registrar: Registrar;
  /** The tenant program, started when it is first needed. */
  readonly tenant: (signal: AbortSignal | undefined) => Promise<Tenant>;
}

/** Whom the steps of a plan ask, and where they keep files. */
export interface PlanContext {
  readonly plan: Plan;
  readonly cloud: CloudOptions;
  /** @throws PlanError if the plan names no servers */
  readonly keylime: () => Keylime;
  /** Beside the plan: its journal, and the policies as they were uploaded. */
  readonly stateDirectory: string;
  readonly close: () => void;
}

/** How a plan's steps are done. */
export interface ContextOptions {
  readonly stateDirectory: string;
  /** Runs other programs. Default {@link runProgram}. */
  readonly run?: RunProgram | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Opens all that a plan needs. Nothing is asked yet. */
export async function openContext(
  plan: Plan,
  { stateDirectory, run = runProgram, signal }: ContextOptions,
): Promise<PlanContext> {
  const keylime = plan.keylime === undefined ? undefined : await openKeylime(plan.keylime, { run, signal });
  return {
    plan,
    cloud: { cloud: plan.cloud, run, signal },
    keylime: () => {
      if (keylime !== undefined) return keylime;
      throw new PlanError('PLAN_INVALID', { problem: 'the plan names no Keylime servers' });
    },
    stateDirectory,
    close: () => {
      keylime?.verifier.close();
      keylime?.registrar.close();
    },
  };
}

async function openKeylime(
  named: NonNullable<Plan['keylime']>,
  { run, signal }: { readonly run: RunProgram; readonly signal: AbortSignal | undefined },
): Promise<Keylime> {
  const verifierAt = parseEndpoint(named.verifier, keylimePorts.verifier);
  const registrarAt: Endpoint =
    named.registrar === undefined
      ? { host: verifierAt.host, port: keylimePorts.registrar }
      : parseEndpoint(named.registrar, keylimePorts.registrar);
  const certificates = await readCertificates(named.certificates);
  checkCertificates(certificates, new Date());
  let tenant: Promise<Tenant> | undefined;
  return {
    verifier: new Verifier({ endpoint: verifierAt, certificates, signal }),
    registrar: new Registrar({ endpoint: registrarAt, certificates, signal }),
    tenant: (own) =>
      (tenant ??= Tenant.open({
        verifier: verifierAt,
        registrar: registrarAt,
        certificates: named.certificates,
        run,
        signal: own,
      })),
  };
}
