import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { requireName } from '../process/name.ts';
import { RemoteError } from '../remote/error.ts';
import { UsageError } from '../usage.ts';
import { type CloudOptions, openCloud } from './client.ts';
import { showImage } from './images.ts';
import {
  deploy,
  type DeployRequest,
  findInstance,
  type Instance,
  undeploy,
  waitForInstance,
} from './instances.ts';

/** How to deploy. */
export interface DeployOptions extends CloudOptions {
  /** Seconds that a deployment may take. Default half an hour. */
  readonly waitSeconds?: number | undefined;
  /** Undeploy what is in the way: a deployment that failed, or one of another image. Default false. */
  readonly redeploy?: boolean | undefined;
  /**
   * Milliseconds that a reserved node may stay without a deployment before its reservation is taken for a killed one's:
   * somebody else may be about to deploy it. Default one minute.
   */
  readonly reservationGraceMs?: number | undefined;
  /** Takes a word on what is going on. */
  readonly onStep?: ((step: string) => void) | undefined;
}

/** What has to be done. */
export type DeployAction =
  /** Nothing: it is there, with this image. */
  | 'keep'
  /** It is being deployed already. */
  | 'wait'
  | 'deploy'
  /** A killed deployment has reserved a node, and nobody goes on: release it, then deploy. */
  | 'release'
  /** Undeploy, then deploy. */
  | 'redeploy';

/** What a deployment would do. */
export interface DeployPlan {
  readonly request: DeployRequest;
  readonly imageId: string;
  readonly action: DeployAction;
  /** What has the hostname now. */
  readonly instance: Instance | undefined;
}

/** RFC 1123: metalsmith takes it as the name of an allocation and of the machine. */
const HOSTNAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i;

const DEFAULT_WAIT_SECONDS = 1_800;

const DEFAULT_RESERVATION_GRACE_MS = 60_000;

const POLL_MS = 5_000;

/**
 * Says what has to be done so that a node is active under a hostname, with an image. Nothing is changed.
 * @throws UsageError `ARGUMENT_INVALID`, `INPUT_UNREADABLE`; RemoteError `NOT_FOUND`, `NAME_AMBIGUOUS` of the image,
 *   `WRONG_STATE` where a deployment failed, or has another image, and `redeploy` is not set; others
 */
export async function planNodeDeploy(
  request: DeployRequest,
  options: DeployOptions = {},
): Promise<DeployPlan> {
  await checkRequest(request);
  const cloud = openCloud(options);
  // metalsmith looks for the image only after it has reserved a node.
  const { id: imageId } = await showImage(cloud, request.image);
  const instance = await findInstance(cloud, request.hostname);
  return { request, imageId, instance, action: chooseAction(instance, imageId, request, options) };
}

/**
 * Does what a plan says, and waits until the node is active. What it began goes on after an abort: the next plan finds
 * it by its hostname.
 * @throws RemoteError, ProgramError; the signal's reason
 */
export async function applyNodeDeploy(plan: DeployPlan, options: DeployOptions = {}): Promise<Instance> {
  const { request, imageId, action, instance } = plan;
  const { waitSeconds = DEFAULT_WAIT_SECONDS, onStep } = options;
  const { hostname } = request;
  const cloud = openCloud(options);
  if (action === 'keep' && instance !== undefined) return instance;
  if (action === 'wait') {
    onStep?.(`waiting for the deployment of ${hostname}`);
    await waitForInstance(cloud, hostname, waitSeconds);
    return requireActive(await findInstance(cloud, hostname), plan);
  }
  if (action === 'release') {
    onStep?.(`looking whether somebody goes on with the deployment of ${hostname}`);
    if (await isTakenUp(plan, options)) return applyNodeDeploy({ ...plan, action: 'wait' }, options);
    onStep?.(`releasing what a killed deployment of ${hostname} reserved`);
    await undeploy(cloud, hostname, waitSeconds).catch((error: unknown) => {
      // metalsmith releases ports and reservation, and then stumbles over the node that was never deployed.
      if (!(error instanceof RemoteError && error.code === 'WRONG_STATE')) throw error;
    });
  }
  if (action === 'redeploy') {
    onStep?.(`undeploying ${hostname}`);
    await undeploy(cloud, hostname, waitSeconds);
  }
  onStep?.(`deploying ${hostname}`);
  return requireActive(await deploy(cloud, imageId, request, waitSeconds), plan);
}

async function checkRequest(request: DeployRequest): Promise<void> {
  const { hostname, image, resourceClass, networks, candidates = [], sshPublicKeys = [] } = request;
  requireName('hostname', hostname);
  if (!HOSTNAME.test(hostname)) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `${JSON.stringify(hostname)} is no hostname`,
      hint: 'letters, digits and hyphens, up to 63 of them between two dots',
    });
  }
  requireName('image', image);
  requireName('resource class', resourceClass);
  if (networks.length === 0) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: 'no network is given',
      hint: 'a node without one cannot be reached: give the network of the attestation server',
    });
  }
  for (const network of networks) requireName('network', network);
  for (const candidate of candidates) requireName('candidate', candidate);
  const { traits = [], capabilities = [], userName, conductorGroup } = request;
  for (const name of [...traits, ...capabilities, userName, conductorGroup]) {
    if (name !== undefined) requireName('option', name);
  }
  for (const file of sshPublicKeys) {
    await access(file, constants.R_OK).catch((cause: unknown) => {
      throw new UsageError('INPUT_UNREADABLE', {
        problem: `the SSH key cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
        at: { input: file },
        hint: 'give the public half, for example ~/.ssh/id_ed25519.pub',
        cause,
      });
    });
  }
}

function chooseAction(
  instance: Instance | undefined,
  imageId: string,
  { hostname }: DeployRequest,
  { redeploy = false }: DeployOptions,
): DeployAction {
  if (instance === undefined) return 'deploy';
  const { state, provisionState, lastError, nodeId } = instance;
  if (state === 'deploying' && provisionState === 'available') return 'release';
  if (state === 'deploying') return 'wait';
  if (state === 'active' && instance.imageId === imageId) return 'keep';
  const isOther = state === 'active';
  if (redeploy && (isOther || state === 'error')) return 'redeploy';
  const why = isOther
    ? `is active with another image, ${instance.imageId ?? 'none'}`
    : `is in state ${state} (${provisionState ?? 'unknown'})${lastError === null ? '' : `: ${lastError}`}`;
  throw new RemoteError('WRONG_STATE', {
    problem: `${hostname} (node ${nodeId}) ${why}`,
    hint:
      isOther || state === 'error'
        ? '--redeploy undeploys it first; what is on its disk is lost'
        : 'a node in maintenance, or changed by others, is for its owner to look after',
  });
}

/** Whether a reserved node gets into deployment after all. */
async function isTakenUp({ request }: DeployPlan, options: DeployOptions): Promise<boolean> {
  const cloud = openCloud(options);
  const end = Date.now() + (options.reservationGraceMs ?? DEFAULT_RESERVATION_GRACE_MS);
  while (Date.now() < end) {
    await sleep(POLL_MS, undefined, { signal: options.signal });
    const now = await findInstance(cloud, request.hostname);
    if (now === undefined) return false;
    if (now.provisionState !== 'available') return true;
  }
  return false;
}

function requireActive(instance: Instance | undefined, { request, imageId }: DeployPlan): Instance {
  if (instance?.state === 'active' && (instance.imageId ?? imageId) === imageId) return instance;
  const state =
    instance === undefined ? 'gone' : `${instance.state} (${instance.provisionState ?? 'unknown'})`;
  const reason = instance?.lastError ?? null;
  throw new RemoteError('WRONG_STATE', {
    problem: `${request.hostname} is ${state} after its deployment${reason === null ? '' : `: ${reason}`}`,
    hint: '`ima-assay node show` tells more; --redeploy begins anew',
  });
}
