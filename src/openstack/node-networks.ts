import { setTimeout as sleep } from 'node:timers/promises';
import { requireName } from '../process/name.ts';
import { RemoteError } from '../remote/error.ts';
import { type Cloud, type CloudOptions, openCloud } from './client.ts';
import {
  attachPort,
  type BareMetalNode,
  detachPort,
  listNodePorts,
  type NodePort,
  showNetwork,
} from './networks.ts';
import { findNode } from './node-show.ts';

/** How to change a node's networks. */
export interface NetworkOptions extends CloudOptions {
  readonly onStep?: ((step: string) => void) | undefined;
}

/** What attaching, or detaching, would do. */
export interface NetworkPlan {
  readonly node: BareMetalNode;
  readonly network: { readonly id: string; readonly name: string };
  /** Ports of the node that are attached to the network. */
  readonly attached: readonly NodePort[];
}

const POLL_MS = 2_000;

const POLLS = 30;

/**
 * Looks whether a node is attached to a network. Nothing is changed.
 * @param node - hostname, name or UUID
 * @param network - name or ID
 */
export async function planNodeNetwork(
  node: string,
  network: string,
  options: CloudOptions = {},
): Promise<NetworkPlan> {
  requireName('node', node);
  requireName('network', network);
  const cloud = openCloud(options);
  const found = await findNode(cloud, node);
  // Names of networks are not unique, and are shown with their VLAN to some users: only the ID decides.
  const { id, name } = await showNetwork(cloud, network);
  return { node: found, network: { id, name }, attached: await portsOn(cloud, found.id, id) };
}

/**
 * Attaches the node to the network, unless it is attached: the client would take one more port each time.
 * @returns the port
 * @throws RemoteError `NO_CAPACITY` without a free port, `TIMED_OUT` where the port does not show up
 */
export async function applyNodeAttach(plan: NetworkPlan, options: NetworkOptions = {}): Promise<NodePort> {
  const { node, network, attached } = plan;
  const [there] = attached;
  if (there !== undefined) return there;
  const cloud = openCloud(options);
  options.onStep?.(`attaching ${node.name ?? node.id} to ${network.name}`);
  await attachPort(cloud, node.id, network.id);
  for (let poll = 0; poll < POLLS; poll += 1) {
    const [port] = await portsOn(cloud, node.id, network.id);
    if (port !== undefined) return port;
    await sleep(POLL_MS, undefined, { signal: options.signal });
  }
  throw new RemoteError('TIMED_OUT', {
    problem: `node ${node.id} shows no port on network ${network.name} (${network.id}) after it was attached`,
    hint: 'look with `ima-assay node show`: attaching it again may take one more port',
  });
}

/**
 * Detaches every port of the node from the network. None is no error.
 * @returns the ports that were detached
 * @throws RemoteError `WRONG_STATE` where a port stays
 */
export async function applyNodeDetach(
  plan: NetworkPlan,
  options: NetworkOptions = {},
): Promise<readonly NodePort[]> {
  const { node, network, attached } = plan;
  const cloud = openCloud(options);
  for (const { portId } of attached) {
    options.onStep?.(`detaching ${node.name ?? node.id} from ${network.name}`);
    await detachPort(cloud, node.id, portId);
  }
  // The client says nothing, whether or not it did something.
  const [left] = attached.length === 0 ? [] : await portsOn(cloud, node.id, network.id);
  if (left !== undefined) {
    throw new RemoteError('WRONG_STATE', {
      problem: `port ${left.portId} of node ${node.id} is still attached to network ${network.name}`,
      hint: 'a network changes only while the node is active: `ima-assay node show`',
    });
  }
  return attached;
}

async function portsOn(cloud: Cloud, nodeId: string, networkId: string): Promise<readonly NodePort[]> {
  const ports = await listNodePorts(cloud, nodeId);
  return ports.filter(({ network }) => network?.id === networkId);
}
