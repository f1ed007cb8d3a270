import { z } from 'zod';
import { type Cloud, readAnswer } from './client.ts';

/** A port of a node that is attached to something. */
export interface NodePort {
  readonly macAddress: string;
  /** Of Neutron. */
  readonly portId: string;
  readonly portName: string | null;
  readonly addresses: readonly string[];
  readonly network: { readonly id: string; readonly name: string } | undefined;
}

/** A bare metal node. */
export interface BareMetalNode {
  readonly id: string;
  readonly name: string | null;
  readonly provisionState: string;
  readonly powerState: string | null;
  readonly isInMaintenance: boolean;
  readonly lastError: string | null;
  readonly resourceClass: string | null;
  readonly imageId: string | null;
}

const network = z.object({ id: z.string(), name: z.string() });

/** A network by name or ID. */
export async function showNetwork(
  cloud: Cloud,
  name: string,
): Promise<{ readonly id: string; readonly name: string }> {
  const text = await cloud.openstack(['network', 'show', '--format=json', '--', name]);
  return readAnswer('`openstack network show`', text, network);
}

const ports = z
  .object({
    'Node Ports': z.array(
      z.object({
        mac_address: z.string(),
        network_port: z
          .object({
            uuid: z.string(),
            name: z.string().nullish(),
            fixed_ips: z.array(z.string()).nullish(),
          })
          .nullish(),
        network: z.object({ uuid: z.string(), name: z.string() }).nullish(),
      }),
    ),
  })
  .transform((node): readonly NodePort[] =>
    node['Node Ports'].flatMap((port) =>
      port.network_port
        ? [
            {
              macAddress: port.mac_address,
              portId: port.network_port.uuid,
              portName: port.network_port.name ?? null,
              addresses: port.network_port.fixed_ips ?? [],
              network: port.network ? { id: port.network.uuid, name: port.network.name } : undefined,
            },
          ]
        : [],
    ),
  );

/** Ports of a node that are attached to something. Networks of a trunk are not among them. */
export async function listNodePorts(cloud: Cloud, nodeId: string): Promise<readonly NodePort[]> {
  const text = await cloud.openstack(['esi', 'node', 'network', 'show', '--format=json', '--', nodeId]);
  return readAnswer('`openstack esi node network show`', text, ports);
}

/** Attaches a free port of a node to a network: each call takes one more. */
export async function attachPort(cloud: Cloud, nodeId: string, networkId: string): Promise<void> {
  await cloud.openstack([
    'esi',
    'node',
    'network',
    'attach',
    `--network=${networkId}`,
    '--format=json',
    '--',
    nodeId,
  ]);
}

/** Detaches a port from a node; one that is not attached is no error. */
export async function detachPort(cloud: Cloud, nodeId: string, portId: string): Promise<void> {
  await cloud.openstack(['esi', 'node', 'network', 'detach', `--port=${portId}`, '--', nodeId]);
}

const node = z
  .object({
    uuid: z.string(),
    name: z.string().nullish(),
    provision_state: z.string(),
    power_state: z.string().nullish(),
    maintenance: z.boolean(),
    last_error: z.string().nullish(),
    resource_class: z.string().nullish(),
    instance_info: z.object({ image_source: z.string().nullish() }).nullish(),
  })
  .transform((found): BareMetalNode => ({
    id: found.uuid,
    name: found.name ?? null,
    provisionState: found.provision_state,
    powerState: found.power_state ?? null,
    isInMaintenance: found.maintenance,
    lastError: found.last_error ?? null,
    resourceClass: found.resource_class ?? null,
    imageId: found.instance_info?.image_source ?? null,
  }));

/** A node by its name or UUID. */
export async function showNode(cloud: Cloud, name: string): Promise<BareMetalNode> {
  const text = await cloud.openstack(['baremetal', 'node', 'show', '--format=json', '--', name]);
  return readAnswer('`openstack baremetal node show`', text, node);
}
