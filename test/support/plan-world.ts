// A cloud and a Keylime that remember, both fake, and a plan for them: what applying it changes can be seen.

import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createPlainServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { onTestFinished } from 'vitest';

import { type CliResult, runCli } from './cli.ts';
import { type FakeCloud, NODE, openFakeCloud } from './fake-cloud.ts';
import { makeCa } from './keylime-ca.ts';
import { startWorld, type World } from './keylime-world.ts';

const HELP = fileURLToPath(new URL('../../fixtures/keylime-tenant/7.14.3.txt', import.meta.url));

export const AGENT: string = 'a'.repeat(64);

/** Ends the caller at a command of the tenant. */
export interface TenantKill {
  readonly command: string;
  readonly when: 'before' | 'after';
}

export interface PlanWorld {
  readonly cloud: FakeCloud;
  readonly keylime: World;
  /** Where the plan lies. */
  readonly directory: string;
  /** Commands of the tenant, in order. */
  readonly tenantCalls: string[];
  /** What the next attestations give; default 3, `Get Quote`. */
  readonly attestation: { state: number; event: string | null };
  kill: TenantKill | undefined;
  /** `ima-assay attest …`, one step at a time: the fake cloud is a file. */
  readonly run: (...args: readonly string[]) => Promise<CliResult>;
}

const LIST = `${'1'.repeat(64)}  /usr/bin/one\n`;

/** Starts all of it. The plan has an image, a policy and a node whose agent is registered. */
export async function startPlanWorld(): Promise<PlanWorld> {
  const cloud = await openFakeCloud({ nodes: [{ ...NODE, ports: [{ mac: '1' }, { mac: '2' }] }] });
  const { directory } = cloud;
  const ca = join(directory, 'certs');
  await mkdir(ca);
  await makeCa(ca);
  const attestation: PlanWorld['attestation'] = { state: 3, event: null };
  const keylime = await startWorld(ca, {
    onAsk: ({ method, path }, { attested }) => {
      const id = /^\/agents\/(.+)$/.exec(path)?.[1];
      const agent = id === undefined ? undefined : attested.get(id);
      if (id === undefined || agent === undefined || method !== 'GET') return;
      const count = Number(agent['attestation_count']) + (attestation.state === 3 ? 1 : 0);
      const { state, event } = attestation;
      attested.set(id, {
        ...agent,
        operational_state: state,
        last_event_id: event,
        attestation_count: count,
      });
    },
  });
  const agentPort = await listen();
  keylime.registered.set(AGENT, { ip: '127.0.0.1', port: agentPort });
  const tenantCalls: string[] = [];
  const world: PlanWorld = {
    cloud,
    keylime,
    directory,
    tenantCalls,
    attestation,
    kill: undefined,
    run: async (command, plan, ...args) =>
      runCli(['attest', command ?? '', plan ?? 'plan.yaml', '--concurrency', '1', ...args], {
        cwd: directory,
        env: { ...cloud.env, PATH: `${bin}${delimiter}${cloud.env['PATH'] ?? ''}` },
      }),
  };
  const bin = await makeTenant(world);
  for (const name of ['kernel', 'ramdisk', 'disk']) await writeFile(join(directory, name), `a ${name}`);
  await writeFile(join(directory, 'list'), LIST);
  await writePlan(world);
  return world;
}

/** Writes the plan, with `allowlists` for its policy. */
export async function writePlan(
  { directory, keylime }: PlanWorld,
  { policies = ['list'], more = '' }: { readonly policies?: readonly string[]; readonly more?: string } = {},
): Promise<void> {
  const [, verifier = '', , registrar = ''] = keylime.servers;
  const plan = `version: 1
cloud: fake
keylime: {verifier: '${verifier}', registrar: '${registrar}', certificates: certs}
images:
  small: {kernel: kernel, ramdisk: ramdisk, disk: disk}
policies:
  workers: {policies: [${policies.join(', ')}]}
nodes:
  w-1:
    image: small
    networks: [attestation]
    attach: [public]
    policy: workers
    agent: {address: 127.0.0.1}
${more}`;
  await writeFile(join(directory, 'plan.yaml'), plan);
}

async function listen(): Promise<number> {
  const server = createPlainServer((socket) => socket.end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** A `keylime_tenant` that does what the real one has the verifier do. */
async function makeTenant(world: PlanWorld): Promise<string> {
  const server = createServer((request, response) => {
    void handle(world, request).then((answer) => response.end(JSON.stringify(answer)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const bin = join(world.directory, 'tenant-bin');
  await mkdir(bin);
  const script = `#!${process.execPath}
const args = process.argv.slice(2);
if (args[0] === '--help') process.stdout.write(require('node:fs').readFileSync(${JSON.stringify(HELP)}));
else fetch('http://127.0.0.1:${address.port}/', { method: 'POST', body: JSON.stringify(args) })
  .then((answer) => answer.json())
  .then(({ kill }) => { if (kill) process.kill(process.ppid, 'SIGKILL'); });
`;
  await writeFile(join(bin, 'keylime_tenant'), script, { mode: 0o755 });
  return bin;
}

async function handle(world: PlanWorld, request: IncomingMessage): Promise<{ readonly kill: boolean }> {
  const args: readonly string[] = toWords(await json(request));
  const valueOf = (option: string): string => args[args.indexOf(option) + 1] ?? '';
  const command = valueOf('-c');
  const { keylime, tenantCalls, kill } = world;
  const isKilled = kill?.command === command;
  if (isKilled) world.kill = undefined;
  if (isKilled && kill.when === 'before') return { kill: true };
  tenantCalls.push(command);
  if (command === 'addruntimepolicy' || command === 'updateruntimepolicy') {
    const text = await readFile(valueOf('--runtime-policy'), 'utf8');
    keylime.policies.set(valueOf('--runtime-policy-name'), text);
  }
  if (command === 'add' || command === 'update') {
    keylime.attested.set(valueOf('-u'), { operational_state: 3, attestation_count: 0 });
  }
  return { kill: isKilled };
}

function toWords(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
