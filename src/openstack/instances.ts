import { z } from 'zod';
import { RemoteError } from '../remote/error.ts';
import { type Cloud, readAnswer } from './client.ts';

/** A deployed node, as metalsmith sees it. */
export interface Instance {
  readonly hostname: string | null;
  readonly nodeId: string;
  readonly nodeName: string | null;
  /** `deploying`, `active`, `maintenance`, `error`, `unknown`. */
  readonly state: string;
  /** Ironic's own word, which says more. */
  readonly provisionState: string | null;
  readonly lastError: string | null;
  /** Addresses by the name of their network. */
  readonly addresses: Readonly<Record<string, readonly string[]>>;
  /** ID of the image that was, or is being, written to it. */
  readonly imageId: string | null;
}

const instance = z
  .object({
    uuid: z.string(),
    hostname: z.string().nullable(),
    state: z.string(),
    ip_addresses: z.record(z.string(), z.array(z.string())).nullish(),
    node: z.object({
      name: z.string().nullish(),
      provision_state: z.string().nullish(),
      last_error: z.string().nullish(),
      instance_info: z.object({ image_source: z.string().nullish() }).nullish(),
    }),
  })
  .transform((found): Instance => ({
    hostname: found.hostname,
    nodeId: found.uuid,
    nodeName: found.node.name ?? null,
    state: found.state,
    provisionState: found.node.provision_state ?? null,
    lastError: found.node.last_error ?? null,
    addresses: found.ip_addresses ?? {},
    imageId: found.node.instance_info?.image_source ?? null,
  }));

/** `show` and `wait` print the instances by their hostnames. */
const byHostname = z.record(z.string(), instance);

/** The instance with a hostname, or nothing. metalsmith also takes names and UUIDs of nodes: such a match is none. */
export async function findInstance(cloud: Cloud, hostname: string): Promise<Instance | undefined> {
  const found = await showInstance(cloud, hostname);
  return found?.hostname === hostname ? found : undefined;
}

/** The instance on a node, or nothing. */
export async function findInstanceOn(cloud: Cloud, nodeId: string): Promise<Instance | undefined> {
  const found = await showInstance(cloud, nodeId);
  return found?.nodeId === nodeId ? found : undefined;
}

async function showInstance(cloud: Cloud, name: string): Promise<Instance | undefined> {
  try {
    const text = await cloud.metalsmith(['show', '--', name]);
    return Object.values(readAnswer('`metalsmith show`', text, byHostname))[0];
  } catch (error) {
    if (error instanceof RemoteError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}

/** What to deploy, and where. */
export interface DeployRequest {
  /** Unique in the cloud: it is how the deployment is found again. */
  readonly hostname: string;
  /** Name or ID. */
  readonly image: string;
  readonly resourceClass: string;
  /** Names or IDs; at least one. */
  readonly networks: readonly string[];
  /** Nodes to choose from, by name or UUID. Default: all of the resource class. */
  readonly candidates?: readonly string[] | undefined;
  /** Files. */
  readonly sshPublicKeys?: readonly string[] | undefined;
  /** Size of the root partition in GiB, for images with a kernel and a ramdisk. Default: what the node has. */
  readonly rootSizeGib?: number | undefined;
  /** In MiB. */
  readonly swapSizeMib?: number | undefined;
  /** A user to make, with the SSH keys. */
  readonly userName?: string | undefined;
  readonly passwordlessSudo?: boolean | undefined;
  readonly traits?: readonly string[] | undefined;
  /** `KEY=VALUE`. */
  readonly capabilities?: readonly string[] | undefined;
  readonly conductorGroup?: string | undefined;
  readonly netboot?: boolean | undefined;
}

/** Between metalsmith's own time limit and ours: it tidies up when it gives up. */
const GRACE_SECONDS = 120;

/** Deploys and waits until the node is active. */
export async function deploy(
  cloud: Cloud,
  imageId: string,
  request: DeployRequest,
  waitSeconds: number,
): Promise<Instance> {
  const each = (option: string, values: readonly string[] = []): string[] =>
    values.map((value) => `--${option}=${value}`);
  const optional = (option: string, value: string | number | undefined): string[] =>
    value === undefined ? [] : [`--${option}=${value}`];
  const args = [
    'deploy',
    `--image=${imageId}`,
    `--resource-class=${request.resourceClass}`,
    ...each('network', request.networks),
    ...each('candidate', request.candidates),
    `--hostname=${request.hostname}`,
    ...each('ssh-public-key', request.sshPublicKeys),
    ...optional('root-size', request.rootSizeGib),
    ...optional('swap-size', request.swapSizeMib),
    ...optional('user-name', request.userName),
    ...(request.passwordlessSudo === true ? ['--passwordless-sudo'] : []),
    ...each('trait', request.traits),
    ...each('capability', request.capabilities),
    ...optional('conductor-group', request.conductorGroup),
    ...(request.netboot === true ? ['--netboot'] : []),
    `--wait=${waitSeconds}`,
  ];
  const text = await cloud.metalsmith(args, { timeoutMs: (waitSeconds + GRACE_SECONDS) * 1_000 });
  return readAnswer('`metalsmith deploy`', text, instance);
}

/** Waits until a deployment that is under way is active. */
export async function waitForInstance(cloud: Cloud, hostname: string, waitSeconds: number): Promise<void> {
  const timeoutMs = (waitSeconds + GRACE_SECONDS) * 1_000;
  await cloud.metalsmith(['wait', `--timeout=${waitSeconds}`, '--', hostname], { timeoutMs });
}

/** Undeploys and waits until the node is available again. */
export async function undeploy(cloud: Cloud, hostname: string, waitSeconds: number): Promise<void> {
  const timeoutMs = (waitSeconds + GRACE_SECONDS) * 1_000;
  await cloud.metalsmith(['undeploy', `--wait=${waitSeconds}`, '--', hostname], { timeoutMs });
}
