import { requireName } from '../process/name.ts';
import { RemoteError } from '../remote/error.ts';
import { type CloudOptions, openCloud } from './client.ts';
import { findInstance, type Instance, undeploy } from './instances.ts';

/** How to undeploy. */
export interface UndeployOptions extends CloudOptions {
  /** Seconds that it may take. Default half an hour. */
  readonly waitSeconds?: number | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
}

/** What undeploying would do: nothing, where nothing has the hostname. */
export interface UndeployPlan {
  readonly hostname: string;
  readonly instance: Instance | undefined;
}

const DEFAULT_WAIT_SECONDS = 1_800;

/** Looks what has a hostname. Nothing is changed. */
export async function planNodeUndeploy(hostname: string, options: CloudOptions = {}): Promise<UndeployPlan> {
  requireName('hostname', hostname);
  return { hostname, instance: await findInstance(openCloud(options), hostname) };
}

/**
 * Undeploys a node: what is on its disk is lost. A hostname that nothing has is no error.
 * @returns whether there was something to undeploy
 * @throws RemoteError `WRONG_STATE`, others
 */
export async function applyNodeUndeploy(plan: UndeployPlan, options: UndeployOptions = {}): Promise<boolean> {
  const { hostname, instance } = plan;
  if (instance === undefined) return false;
  const { waitSeconds = DEFAULT_WAIT_SECONDS, onStep } = options;
  const cloud = openCloud(options);
  onStep?.(`undeploying ${hostname}`);
  await undeploy(cloud, hostname, waitSeconds).catch(async (error: unknown) => {
    // Of a node that was only reserved metalsmith releases the reservation, and then stumbles over the rest.
    const isReleased =
      error instanceof RemoteError &&
      error.code === 'WRONG_STATE' &&
      (await findInstance(cloud, hostname)) === undefined;
    if (!isReleased) throw error;
  });
  return true;
}
