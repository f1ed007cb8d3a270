// A stand-in for OpenStack's Networking service: as much of its API v2.0 as Ironic's flat networks, metalsmith and the
// ESI client use. Nothing is ever connected; there is no authentication.

import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';

type Row = Record<string, unknown> & { id: string };

/** Each kind in the plural, as in a path, with its singular, as in a body. */
const KINDS = {
  networks: 'network',
  subnets: 'subnet',
  ports: 'port',
  floatingips: 'floatingip',
  trunks: 'trunk',
  routers: 'router',
  'security-groups': 'security_group',
} as const;

type Kind = keyof typeof KINDS;

/** Query parameters that filter nothing. */
const NO_FILTERS = new Set(['fields', 'limit', 'marker', 'sort_key', 'sort_dir', 'page_reverse']);

class Refusal extends Error {
  readonly status: number;
  readonly type: string;

  constructor(status: number, type: string, message: string) {
    super(message);
    this.status = status;
    this.type = type;
  }
}

/** Networks by name; the n-th has the addresses 192.0.2.0/28, 192.0.2.16/28, … */
export class Networking {
  readonly #tables = new Map<Kind, Map<string, Row>>(
    (['networks', 'subnets', 'ports', 'floatingips', 'trunks', 'routers', 'security-groups'] as const).map(
      (kind) => [kind, new Map()],
    ),
  );
  readonly server: Server = createServer((request, response) => void this.#serve(request, response));

  constructor(names: readonly string[]) {
    for (const [index, name] of names.entries()) this.#addNetwork(name, index);
  }

  #table(kind: Kind): Map<string, Row> {
    return this.#tables.get(kind) ?? new Map();
  }

  #addNetwork(name: string, index: number): void {
    const [network, subnet] = [randomUUID(), randomUUID()];
    const base = '192.0.2.';
    const first = index * 16;
    this.#table('networks').set(network, {
      id: network,
      name,
      status: 'ACTIVE',
      admin_state_up: true,
      shared: true,
      mtu: 1500,
      tags: [],
      subnets: [subnet],
      project_id: '',
      tenant_id: '',
      'router:external': false,
      'provider:network_type': 'vlan',
      'provider:segmentation_id': 100 + index,
      'provider:physical_network': 'datacentre',
    });
    this.#table('subnets').set(subnet, {
      id: subnet,
      name: `${name}-subnet`,
      network_id: network,
      ip_version: 4,
      enable_dhcp: true,
      tags: [],
      cidr: `${base}${first}/28`,
      gateway_ip: `${base}${first + 1}`,
      dns_nameservers: [],
      host_routes: [],
      allocation_pools: [{ start: `${base}${first + 2}`, end: `${base}${first + 14}` }],
      project_id: '',
      tenant_id: '',
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let [status, answer]: [number, unknown] = [500, {}];
    try {
      [status, answer] = await this.#answer(request);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      status = error.status;
      answer = { NeutronError: { type: error.type, message: error.message, detail: '' } };
    }
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(status === 204 ? undefined : JSON.stringify(answer));
  }

  async #answer(request: IncomingMessage): Promise<[number, unknown]> {
    const { method = 'GET', url = '/' } = request;
    const { pathname, searchParams } = new URL(url, 'http://127.0.0.1');
    const [version, collection, id] = pathname
      .replace(/\.json$/, '')
      .split('/')
      .filter(Boolean);
    if (version === undefined) {
      const href = `http://${request.headers.host}/v2.0/`;
      return [200, { versions: [{ id: 'v2.0', status: 'CURRENT', links: [{ rel: 'self', href }] }] }];
    }
    if (collection === undefined) return [200, { resources: [] }];
    if (collection === 'extensions' && id === undefined) return [200, { extensions: [] }];
    const kind = Object.keys(KINDS).find((known): known is Kind => known === collection);
    if (kind === undefined) throw new Refusal(404, 'HTTPNotFound', 'The resource could not be found.');
    const singular = KINDS[kind];
    if (id === undefined && method === 'GET')
      return [200, { [kind.replace('-', '_')]: this.#list(kind, searchParams) }];
    if (id === undefined && method === 'POST' && kind === 'ports') {
      return [201, { port: this.#addPort(await bodyOf(request, 'port')) }];
    }
    const row = this.#table(kind).get(id ?? '');
    if (row === undefined)
      throw new Refusal(404, `${singular}NotFound`, `${singular} ${id} could not be found.`);
    if (method === 'PUT') update(row, await bodyOf(request, singular));
    if (method === 'DELETE') this.#table(kind).delete(row.id);
    return method === 'DELETE' ? [204, undefined] : [200, { [singular]: row }];
  }

  #list(kind: Kind, filters: URLSearchParams): readonly Row[] {
    const wanted = [...filters].filter(([key]) => !NO_FILTERS.has(key));
    return [...this.#table(kind).values()].filter((row) =>
      wanted.every(([key, value]) =>
        key === 'fixed_ips'
          ? JSON.stringify(row[key]).includes(`"${value.replace('ip_address=', '')}"`)
          : String(row[key]) === value,
      ),
    );
  }

  #addPort(asked: Record<string, unknown>): Row {
    const network = this.#table('networks').get(String(asked['network_id']));
    const subnet = [...this.#table('subnets').values()].find(({ network_id: of }) => of === network?.id);
    if (network === undefined || subnet === undefined) {
      throw new Refusal(404, 'NetworkNotFound', `Network ${String(asked['network_id'])} could not be found.`);
    }
    const used = JSON.stringify([...this.#table('ports').values()].map(({ fixed_ips: ips }) => ips));
    const first = Number(/\.(\d+)\/28$/.exec(String(subnet['cidr']))?.[1]) + 2;
    const address = Array.from({ length: 13 }, (_, index) => `192.0.2.${first + index}`).find(
      (each) => !used.includes(`"${each}"`),
    );
    if (address === undefined) {
      throw new Refusal(
        409,
        'IpAddressGenerationFailure',
        `No more IP addresses available on network ${network.id}.`,
      );
    }
    const port: Row = {
      id: randomUUID(),
      name: '',
      status: 'DOWN',
      admin_state_up: true,
      device_id: '',
      device_owner: '',
      mac_address: '',
      'binding:host_id': '',
      'binding:vnic_type': 'normal',
      'binding:profile': {},
      'binding:vif_type': 'unbound',
      'binding:vif_details': {},
      security_groups: [],
      extra_dhcp_opts: [],
      allowed_address_pairs: [],
      project_id: '',
      tenant_id: '',
      tags: [],
      ...asked,
      fixed_ips: [{ subnet_id: subnet.id, ip_address: address }],
    };
    update(port, {});
    this.#table('ports').set(port.id, port);
    return port;
  }
}

/** Takes the changes; a port without an address gets a new one, and is up once it is bound. */
function update(row: Row, changes: Record<string, unknown>): void {
  Object.assign(row, changes);
  if (!('fixed_ips' in row) && !('mac_address' in row)) return;
  row['mac_address'] ||= `fa:16:3e:${row.id.slice(0, 2)}:${row.id.slice(2, 4)}:${row.id.slice(4, 6)}`;
  row['status'] = row['binding:host_id'] ? 'ACTIVE' : 'DOWN';
}

async function bodyOf(request: IncomingMessage, name: string): Promise<Record<string, unknown>> {
  const body: unknown = await json(request);
  const part: unknown =
    typeof body === 'object' && body !== null ? Object.entries(body).find(([key]) => key === name)?.[1] : {};
  return typeof part === 'object' && part !== null ? { ...part } : {};
}
