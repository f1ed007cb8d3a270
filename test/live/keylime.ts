// A real verifier, registrar and tenant on loopback, of the virtual environment of .ci/setup-keylime, and a node with a
// software TPM. Each test starts its own and ends only these.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { readCertificates } from '../../src/keylime/certificates.ts';
import { Registrar } from '../../src/keylime/registrar.ts';
import { Verifier } from '../../src/keylime/verifier.ts';
import { liveSettings } from './settings.ts';

const NODE_SCRIPT = fileURLToPath(new URL('node.py', import.meta.url));
/** Debian's: another one in PATH need not have what the script needs. */
const PYTHON = '/usr/bin/python3';
const START_LIMIT_MS = 90_000;

export interface LiveKeylime {
  /** The verifier's CA, with the client's certificate. */
  readonly ca: string;
  readonly verifierPort: number;
  /** With TLS. */
  readonly registrarPort: number;
  /** Where agents register, without TLS. */
  readonly plainPort: number;
  /** For whatever runs Keylime's programs: where they are, and their settings. */
  readonly env: Readonly<Record<string, string>>;
  readonly stop: () => Promise<void>;
}

/** Starts a verifier and then a registrar, and waits for both. */
export async function startKeylime(environment: string, directory: string): Promise<LiveKeylime> {
  const [verifierPort = 0, plainPort = 0, registrarPort = 0, revocation = 0] = await freePorts(4);
  const work = join(directory, 'var');
  await mkdir(join(work, 'tpm_cert_store'), { recursive: true });
  const env: Record<string, string> = {
    KEYLIME_DIR: work,
    PATH: `${join(environment, 'bin')}:${process.env['PATH'] ?? ''}`,
  };
  const ports = { verifier: verifierPort, registrar: registrarPort, plain: plainPort, revocation };
  for (const [component, text] of Object.entries(liveSettings(ports, work))) {
    const file = join(directory, `${component}.conf`);
    await writeFile(file, text);
    env[`KEYLIME_${component.toUpperCase()}_CONFIG`] = file;
  }
  const ca = join(work, 'cv_ca');
  const verifier = await launch(join(environment, 'bin/keylime_verifier'), [], { directory, env });
  const endpoint = (port: number): { host: string; port: number } => ({ host: '127.0.0.1', port });
  await until(verifier, async () => {
    using client = new Verifier({
      endpoint: endpoint(verifierPort),
      certificates: await readCertificates(ca),
    });
    await client.listAgents();
  });
  const registrar = await launch(join(environment, 'bin/keylime_registrar'), [], { directory, env });
  await until(registrar, async () => {
    using client = new Registrar({
      endpoint: endpoint(registrarPort),
      certificates: await readCertificates(ca),
    });
    await client.listAgents();
  }).catch(async (error: unknown) => {
    await verifier.stop();
    throw error;
  });
  return {
    ca,
    verifierPort,
    registrarPort,
    plainPort,
    env,
    stop: async () => void (await Promise.all([registrar, verifier].map((one) => one.stop()))),
  };
}

export interface LiveNode {
  readonly id: string;
  readonly port: number;
  /** Its measurement list: append to it what it "ran". */
  readonly list: string;
  readonly stop: () => Promise<void>;
}

/** Starts a node whose measurement list begins as given, and waits until it is registered. */
export async function startNode(directory: string, keylime: LiveKeylime, list: string): Promise<LiveNode> {
  const [port = 0] = await freePorts(1);
  const tpmPort = await freePair();
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'list'), list);
  const ports = ['--port', `${port}`, '--tpm-port', `${tpmPort}`, '--registrar-port', `${keylime.plainPort}`];
  const args = [NODE_SCRIPT, directory, ...ports, '--ca', join(keylime.ca, 'cacert.crt')];
  const node = await launch(PYTHON, args, { directory, env: {} });
  let id = '';
  await until(node, async () => {
    const [, found] = /^ready ([\da-f]{64})$/m.exec(await readFile(node.log, 'utf8')) ?? [];
    if (found === undefined) throw new Error('not registered yet');
    id = found;
  });
  return { id, port, list: join(directory, 'list'), stop: node.stop };
}

interface Launched {
  readonly process: ChildProcess;
  readonly log: string;
  readonly stop: () => Promise<void>;
}

async function launch(
  program: string,
  args: readonly string[],
  { directory, env }: { readonly directory: string; readonly env: Readonly<Record<string, string>> },
): Promise<Launched> {
  const log = join(directory, `${program.split('/').at(-1)}.log`);
  const file = await open(log, 'w');
  // A group of its own: Keylime's servers start workers.
  const child = spawn(program, [...args], {
    cwd: directory,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', file.fd, file.fd],
  });
  await file.close();
  const ended = once(child, 'exit');
  let isStopped = false;
  const stop = async (): Promise<void> => {
    // Once only: afterwards the group's number may be another's.
    if (isStopped) return;
    isStopped = true;
    const send = (signal: 'SIGTERM' | 'SIGKILL'): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, signal);
      } catch {
        // Nobody is left.
      }
    };
    if (child.exitCode === null && child.signalCode === null) {
      send('SIGTERM');
      await Promise.race([ended, sleep(5_000)]);
    }
    send('SIGKILL');
  };
  return { process: child, log, stop };
}

/** Tries until it works; fails with the program's own words if that ends, or takes too long. */
async function until(launched: Launched, attempt: () => Promise<void>): Promise<void> {
  const end = Date.now() + START_LIMIT_MS;
  for (;;) {
    const failure: unknown = await attempt().then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure === undefined) return;
    if (launched.process.exitCode !== null || Date.now() > end) {
      const words = await readFile(launched.log, 'utf8');
      await launched.stop();
      throw new Error(`did not start:\n${words.slice(-3000)}`, { cause: failure });
    }
    await sleep(300);
  }
}

/** Ports that are free now. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listen(0)));
  const ports = servers.map(portOf);
  await Promise.all(servers.map(close));
  return ports;
}

/** A port that is free now, as the one behind it is: a software TPM is controlled there. */
async function freePair(): Promise<number> {
  for (;;) {
    const first = await listen(0);
    const second = await listen(portOf(first) + 1).catch(() => undefined);
    const port = portOf(first);
    await close(first);
    if (second === undefined) continue;
    await close(second);
    return port;
  }
}

async function listen(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}

async function close(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}
