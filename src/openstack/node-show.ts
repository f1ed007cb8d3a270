import { requireName } from '../process/name.ts';
import { ProgramError } from '../process/program.ts';
import { RemoteError } from '../remote/error.ts';
import { type Cloud, type CloudOptions, openCloud } from './client.ts';
import { findInstance, findInstanceOn, type Instance } from './instances.ts';
import { type BareMetalNode, listNodePorts, type NodePort, showNode } from './networks.ts';

/** A node and all that is known of it. */
export interface NodeReport {
  readonly node: BareMetalNode;
  /** None where metalsmith did not deploy it. */
  readonly instance: Instance | undefined;
  /** None where the ESI plugin is missing. */
  readonly ports: readonly NodePort[] | undefined;
  /** What could not be looked at, and why. */
  readonly unknown: readonly string[];
}

/**
 * Everything that the clients say of a node. Nothing is changed.
 * @param name - hostname, name or UUID
 */
export async function reportNode(name: string, options: CloudOptions = {}): Promise<NodeReport> {
  requireName('node', name);
  const cloud = openCloud(options);
  const node = await findNode(cloud, name);
  const unknown: string[] = [];
  const attempt = async <Result>(what: string, work: Promise<Result>): Promise<Result | undefined> =>
    work.catch((error: unknown) => {
      if (!(error instanceof ProgramError && error.code === 'PROGRAM_MISSING')) throw error;
      unknown.push(`${what}: ${error.hint ?? error.problem}`);
      return undefined;
    });
  const instance = await attempt('deployment', findInstanceOn(cloud, node.id));
  const ports = await attempt('networks', listNodePorts(cloud, node.id));
  return { node, instance, ports, unknown };
}

/**
 * A node by what people call it: its name or UUID, or the hostname it was deployed with.
 * @throws RemoteError `NOT_FOUND`
 */
export async function findNode(cloud: Cloud, name: string): Promise<BareMetalNode> {
  try {
    return await showNode(cloud, name);
  } catch (error) {
    if (!(error instanceof RemoteError && error.code === 'NOT_FOUND')) throw error;
    const instance = await findInstance(cloud, name).catch((other: unknown) => {
      // Without metalsmith there are no hostnames.
      if (other instanceof ProgramError && other.code === 'PROGRAM_MISSING') return undefined;
      throw other;
    });
    if (instance === undefined) throw error;
    return showNode(cloud, instance.nodeId);
  }
}
