import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AssayError } from '../error.ts';
import {
  CertificateError,
  checkCertificates,
  clientFiles,
  type ClientCertificates,
  readCertificates,
} from '../keylime/certificates.ts';
import { type Endpoint, formatEndpoint } from '../keylime/endpoint.ts';
import { Registrar } from '../keylime/registrar.ts';
import { Verifier } from '../keylime/verifier.ts';
import type { Check } from './check.ts';

const DAY_MS = 86_400_000;

/** Below this the end of validity is a finding. */
const SOON_DAYS = 14;

/** What to look at. */
export interface KeylimeChecks {
  /** The directory of a client's certificates. */
  readonly certificates: string;
  readonly verifier?: Endpoint | undefined;
  readonly registrar?: Endpoint | undefined;
  readonly now: Date;
  readonly signal?: AbortSignal | undefined;
}

/** Looks at certificates, and with them at the servers. */
export async function checkKeylime(options: KeylimeChecks): Promise<readonly Check[]> {
  const neededFor = 'tenant';
  let certificates: ClientCertificates;
  const checks: Check[] = [];
  try {
    certificates = await readCertificates(options.certificates);
    const { ca, certificate } = checkCertificates(certificates, options.now);
    const end = ca.notAfter < certificate.notAfter ? ca.notAfter : certificate.notAfter;
    const days = Math.floor((end.getTime() - options.now.getTime()) / DAY_MS);
    checks.push({
      name: 'certificates',
      status: days < SOON_DAYS ? 'wrong' : 'ok',
      found: `${options.certificates}: good until ${end.toISOString().slice(0, 10)}, ${days} days`,
      neededFor,
      fix: 'make new ones on the verifier (`keylime_ca -c create`), and copy them with `ima-assay server certs`',
    });
    checks.push(...(await checkKeyMode(options.certificates)));
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    // Nothing can be asked without them.
    return [{ name: 'certificates', status: 'wrong', found: error.message, neededFor, fix: error.hint }];
  }
  const { verifier, registrar, signal } = options;
  if (verifier !== undefined) {
    checks.push(await ask(new Verifier({ endpoint: verifier, certificates, signal }), 'attested'));
  }
  if (registrar !== undefined) {
    checks.push(await ask(new Registrar({ endpoint: registrar, certificates, signal }), 'registered'));
  }
  return checks;
}

/** Whoever has the key may delete any agent. Nothing is said of a key that is well kept. */
async function checkKeyMode(directory: string): Promise<readonly Check[]> {
  const path = join(directory, clientFiles.key);
  const { mode } = await stat(path);
  if ((mode & 0o077) === 0) return [];
  return [
    {
      name: 'private key',
      status: 'wrong',
      found: `${path}: others may read or write it (mode ${(mode & 0o777).toString(8)})`,
      neededFor: 'tenant',
      fix: `chmod 600 ${clientFiles.key}, and make a new one if others are not to be trusted`,
    },
  ];
}

async function ask(server: Verifier | Registrar, how: string): Promise<Check> {
  const { connection } = server;
  const common = { name: connection.what, neededFor: 'tenant' };
  try {
    const version = await connection.version();
    const agents = await server.listAgents();
    const found = `${formatEndpoint(connection.endpoint)} speaks ${version}, ${agents.length} agents ${how}`;
    return { ...common, status: 'ok', found };
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return { ...common, status: 'wrong', found: error.problem, fix: error.hint };
  } finally {
    server.close();
  }
}
