import type { Argv } from 'yargs';
import type { AgentSelector } from '../keylime/agents.ts';
import type { Endpoint } from '../keylime/endpoint.ts';
import type { Registrar } from '../keylime/registrar.ts';
import type { Verifier } from '../keylime/verifier.ts';
import { UsageError } from '../usage.ts';
import { one } from './arguments.ts';
import type { ParsedArguments } from './command.ts';
import { readInput } from './input.ts';

const valued = { type: 'string', requiresArg: true } as const;

/** Declares where the servers are, and with what they are asked. */
export function declareServers(yargs: Argv): Argv {
  return yargs
    .option('verifier', { ...valued, describe: 'Verifier, HOST or HOST:PORT (default: 127.0.0.1:8881)' })
    .option('registrar', {
      ...valued,
      describe: 'Registrar, HOST or HOST:PORT of its port with TLS (default: that of the verifier, 8891)',
    })
    .option('certs', {
      ...valued,
      describe:
        'Directory with cacert.crt, client-cert.crt and client-private.pem (default: /var/lib/keylime/cv_ca)',
    })
    .option('json', { type: 'boolean', describe: 'Write JSON' })
    .option('output', { ...valued, alias: 'o', describe: 'Write to FILE, and its checksum to FILE.sha256' })
    .option('quiet', { alias: 'q', type: 'boolean', describe: 'Nothing on standard error but errors' });
}

/** Declares how the agent is told. */
export function declareAgent(yargs: Argv): Argv {
  return yargs
    .option('uuid', { ...valued, describe: 'The agent, by its id' })
    .option('address', { ...valued, describe: "The agent, by the address it registered: the node's" })
    .option('ek', { ...valued, describe: 'The agent, by SHA-256 of its endorsement key in PEM' })
    .option('since', {
      ...valued,
      describe: 'The agent that is not in FILE, which tenant list --json wrote before',
    });
}

/** Servers that can be asked. */
export interface Servers {
  readonly verifier: Verifier;
  readonly registrar: Registrar;
  readonly endpoints: { readonly verifier: Endpoint; readonly registrar: Endpoint };
  /** As given. */
  readonly certificates: string | undefined;
  readonly close: () => void;
}

/** Opens both, after a look at the certificates. Nothing is sent yet. */
export async function openServers(parsed: ParsedArguments, signal: AbortSignal): Promise<Servers> {
  const { CA_DIRECTORY, checkCertificates, readCertificates } = await import('../keylime/certificates.ts');
  const { keylimePorts, parseEndpoint } = await import('../keylime/endpoint.ts');
  const { Registrar } = await import('../keylime/registrar.ts');
  const { Verifier } = await import('../keylime/verifier.ts');
  const at = parseEndpoint(one(parsed, 'verifier') ?? '127.0.0.1', keylimePorts.verifier);
  const registrarName = one(parsed, 'registrar');
  const registrarAt =
    registrarName === undefined
      ? { host: at.host, port: keylimePorts.registrar }
      : parseEndpoint(registrarName, keylimePorts.registrar);
  const directory = one(parsed, 'certs');
  const certificates = await readCertificates(directory ?? CA_DIRECTORY);
  checkCertificates(certificates, new Date());
  const verifier = new Verifier({ endpoint: at, certificates, signal });
  const registrar = new Registrar({ endpoint: registrarAt, certificates, signal });
  return {
    verifier,
    registrar,
    certificates: directory,
    endpoints: { verifier: at, registrar: registrarAt },
    close: () => {
      verifier.close();
      registrar.close();
    },
  };
}

/** The agent that is meant. */
export async function readSelector(parsed: ParsedArguments): Promise<AgentSelector> {
  const id = one(parsed, 'uuid');
  const address = one(parsed, 'address');
  const hash = one(parsed, 'ek');
  const since = one(parsed, 'since');
  const given: readonly AgentSelector[] = [
    ...(id === undefined ? [] : [{ by: 'id' as const, id }]),
    ...(address === undefined ? [] : [{ by: 'address' as const, address }]),
    ...(hash === undefined ? [] : [{ by: 'ek' as const, hash: requireHash(hash) }]),
    ...(since === undefined ? [] : [{ by: 'new' as const, known: await readKnown(since) }]),
  ];
  const [selector, second] = given;
  if (selector === undefined || second !== undefined) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: 'give one of --uuid, --address, --ek and --since',
      hint: '`ima-assay tenant list` shows the agents that are registered',
    });
  }
  return selector;
}

function requireHash(text: string): string {
  if (/^[\da-f]{64}$/i.test(text)) return text;
  throw new UsageError('ARGUMENT_INVALID', {
    problem: `--ek must be 64 hex digits, not ${JSON.stringify(text.slice(0, 80))}`,
    hint: 'on the node: `tpm2_readpublic -c EK -f pem -o ek.pem && sha256sum ek.pem`',
  });
}

/** The ids in what `tenant list --json` wrote. */
async function readKnown(file: string): Promise<readonly string[]> {
  const { z } = await import('zod');
  const schema = z.object({ agents: z.array(z.object({ id: z.string() })) });
  const text = (await readInput(file)).toString();
  try {
    return schema.parse(JSON.parse(text)).agents.map(({ id }) => id);
  } catch (cause) {
    throw new UsageError('INPUT_UNREADABLE', {
      problem: 'is not what `tenant list --json` writes',
      at: { input: file },
      cause,
    });
  }
}

/** A number of seconds, as milliseconds. */
export function readSeconds(parsed: ParsedArguments, name: string, defaultSeconds: number): number {
  const text = one(parsed, name) ?? String(defaultSeconds);
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(seconds)) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `--${name} must be a number of seconds, not ${JSON.stringify(text.slice(0, 40))}`,
    });
  }
  return seconds * 1000;
}
