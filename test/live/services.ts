// Starts a real Glance and a real Ironic, each with a database and files of its own in a new directory, and a stand-in
// for Neutron; all on 127.0.0.1, on ports that were free. Nodes are of Ironic's fake hardware: deploying one takes
// seconds, and nothing is ever powered on. Nobody asks for credentials.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { Networking } from './networking.ts';

/** Debian's modules are seen by Debian's interpreter only. */
const PYTHON = '/usr/bin/python3';

const START_MS = 120_000;

export interface Services {
  /** For the clients: the cloud is called `live`. */
  readonly env: Readonly<Record<string, string>>;
  readonly glance: string;
  readonly ironic: string;
  readonly stop: () => Promise<void>;
}

/** Whether Debian's packages are there. */
export async function hasServices(): Promise<boolean> {
  return promisify(execFile)(PYTHON, ['-c', 'import glance, ironic']).then(
    () => true,
    () => false,
  );
}

/** @param clients the virtual environment of .ci/setup-openstack */
export async function startServices(clients: string): Promise<Services> {
  const directory = await mkdtemp(join(tmpdir(), 'ima-assay-live-'));
  const networking = new Networking(['attestation', 'public']);
  networking.server.listen(0, '127.0.0.1');
  await once(networking.server, 'listening');
  const address = networking.server.address();
  const network = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const children: ChildProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(children.map(end));
    networking.server.closeAllConnections();
    networking.server.close();
    await rm(directory, { recursive: true });
  };
  try {
    const glance = await startGlance(directory, children);
    const ironic = await startIronic(directory, { glance, network }, children);
    const file = join(directory, 'clouds.yaml');
    await writeFile(
      file,
      `clouds:
  live:
    auth_type: none
    auth: {endpoint: "${ironic}"}
    image_endpoint_override: "${glance}"
    image_api_version: "2"
    baremetal_endpoint_override: "${ironic}"
    baremetal_api_version: "1.80"
    network_endpoint_override: "${network}"
`,
    );
    const PATH = `${join(clients, 'bin')}${delimiter}${process.env['PATH'] ?? ''}`;
    return { env: { PATH, OS_CLIENT_CONFIG_FILE: file, OS_CLOUD: 'live' }, glance, ironic, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startGlance(parent: string, children: ChildProcess[]): Promise<string> {
  const directory = join(parent, 'glance');
  for (const name of ['images', 'staging', 'tasks', 'cache', 'locks']) {
    await mkdir(join(directory, name), { recursive: true });
  }
  const port = await freePort();
  const config = join(directory, 'glance-api.conf');
  await writeFile(
    config,
    `[DEFAULT]
bind_host = 127.0.0.1
bind_port = ${port}
workers = 0
enabled_backends = disk:file
enabled_import_methods = []
image_cache_dir = ${directory}/cache
[database]
connection = sqlite:///${directory}/glance.sqlite
[glance_store]
default_backend = disk
[disk]
filesystem_store_datadir = ${directory}/images
[os_glance_staging_store]
filesystem_store_datadir = ${directory}/staging
[os_glance_tasks_store]
filesystem_store_datadir = ${directory}/tasks
[oslo_concurrency]
lock_path = ${directory}/locks
[oslo_policy]
policy_file = ${directory}/policy.yaml
[paste_deploy]
config_file = ${directory}/paste.ini
`,
  );
  // Who asks without credentials has no role: each rule that is used is open.
  const rules =
    'default get_image get_images add_image modify_image delete_image publicize_image upload_image';
  const policy = `${rules} communitize_image download_image`.split(' ').map((rule) => `${rule}: "@"\n`);
  await writeFile(join(directory, 'policy.yaml'), policy.join(''));
  await writeFile(
    join(directory, 'paste.ini'),
    `[pipeline:glance-api]
pipeline = negotiation context root
[composite:root]
use = egg:Paste#urlmap
/ = versions
/v2 = v2
[app:versions]
paste.app_factory = glance.api.versions:create_resource
[app:v2]
paste.app_factory = glance.api.v2.router:API.factory
[filter:negotiation]
paste.filter_factory = glance.api.middleware.version_negotiation:VersionNegotiationFilter.factory
[filter:context]
paste.filter_factory = glance.api.middleware.context:UnauthenticatedContextMiddleware.factory
`,
  );
  await promisify(execFile)(PYTHON, ['-m', 'glance.cmd.manage', '--config-file', config, 'db', 'sync']);
  const child = await start(directory, ['-m', 'glance.cmd.api', '--config-file', config]);
  children.push(child);
  const url = `http://127.0.0.1:${port}`;
  await answers(`${url}/v2/images`, child, directory);
  return url;
}

async function startIronic(
  parent: string,
  { glance, network }: { readonly glance: string; readonly network: string },
  children: ChildProcess[],
): Promise<string> {
  const directory = join(parent, 'ironic');
  for (const name of ['state', 'http', 'locks']) await mkdir(join(directory, name), { recursive: true });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const config = join(directory, 'ironic.conf');
  const none = ['bios', 'console', 'inspect', 'raid', 'rescue', 'vendor'];
  const fake = ['boot', 'deploy', 'management', 'power'];
  await writeFile(
    config,
    `[DEFAULT]
auth_strategy = noauth
rpc_transport = none
host = live
my_ip = 127.0.0.1
state_path = ${directory}/state
enabled_hardware_types = fake-hardware
${none.map((name) => `enabled_${name}_interfaces = no-${name}`).join('\n')}
${fake.map((name) => `enabled_${name}_interfaces = fake`).join('\n')}
enabled_network_interfaces = flat,noop
default_network_interface = flat
enabled_storage_interfaces = noop
[api]
host_ip = 127.0.0.1
port = ${port}
api_workers = 1
[conductor]
automated_clean = false
sync_power_state_interval = 0
[database]
connection = sqlite:///${directory}/ironic.sqlite
[dhcp]
dhcp_provider = none
[oslo_concurrency]
lock_path = ${directory}/locks
[deploy]
http_root = ${directory}/http
[json_rpc]
auth_strategy = noauth
host_ip = 127.0.0.1
[service_catalog]
auth_type = none
endpoint_override = ${url}
[glance]
auth_type = none
endpoint_override = ${glance}
[neutron]
auth_type = none
endpoint_override = ${network}
cleaning_network = attestation
provisioning_network = attestation
fail_on_port_binding_failure = false
[inspector]
auth_type = none
`,
  );
  const create = 'from ironic.cmd.dbsync import main; main()';
  await promisify(execFile)(PYTHON, ['-c', create, '--config-file', config, 'create_schema']);
  const serve = 'from ironic.cmd.singleprocess import main; main()';
  const child = await start(directory, ['-c', serve, '--config-file', config]);
  children.push(child);
  await answers(`${url}/v1/nodes`, child, directory);
  return url;
}

/** Adds a node with so many ports, and brings it to where it can be deployed. */
export async function enrol(ironic: string, name: string, macs: readonly string[]): Promise<string> {
  const call = async (method: string, path: string, body?: object): Promise<Record<string, unknown>> => {
    const response = await fetch(`${ironic}/v1/${path}`, {
      method,
      headers: { 'content-type': 'application/json', 'x-openstack-ironic-api-version': '1.80' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? {} : JSON.parse(text);
  };
  const properties = { local_gb: 50 };
  const node = await call('POST', 'nodes', {
    driver: 'fake-hardware',
    name,
    resource_class: 'baremetal',
    properties,
  });
  for (const address of macs) await call('POST', 'ports', { node_uuid: node['uuid'], address });
  const until = async (field: string, value: string): Promise<void> => {
    const end = Date.now() + START_MS;
    while ((await call('GET', `nodes/${name}`))[field] !== value) {
      if (Date.now() > end) throw new Error(`${name} does not reach ${field} ${value}`);
      await sleep(300);
    }
  };
  await call('PUT', `nodes/${name}/states/provision`, { target: 'manage' });
  await until('provision_state', 'manageable');
  // Only a node whose power state is known is given to anybody.
  await call('PUT', `nodes/${name}/states/power`, { target: 'power off' });
  await until('power_state', 'power off');
  await call('PUT', `nodes/${name}/states/provision`, { target: 'provide' });
  await until('provision_state', 'available');
  return String(node['uuid']);
}

async function start(directory: string, args: readonly string[]): Promise<ChildProcess> {
  const log = await open(join(directory, 'log'), 'a');
  const child = spawn(PYTHON, args, { stdio: ['ignore', log.fd, log.fd] });
  await log.close();
  // Whatever becomes of the tests, it does not outlive them.
  process.once('exit', () => child.kill('SIGKILL'));
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(late);
}

async function answers(url: string, child: ChildProcess, directory: string): Promise<void> {
  const limit = Date.now() + START_MS;
  for (;;) {
    const isUp = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (isUp) return;
    if (child.exitCode !== null || Date.now() > limit) {
      throw new Error(
        `${url} does not answer:\n${(await readFile(join(directory, 'log'), 'utf8')).slice(-2000)}`,
      );
    }
    await sleep(300);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}
