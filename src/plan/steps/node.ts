import { openCloud } from '../../openstack/client.ts';
import { findInstance, type Instance } from '../../openstack/instances.ts';
import { applyNodeDeploy, type DeployPlan, planNodeDeploy } from '../../openstack/node-deploy.ts';
import { applyNodeAttach, planNodeNetwork } from '../../openstack/node-networks.ts';
import { RemoteError } from '../../remote/error.ts';
import type { PlanContext } from '../context.ts';
import type { PlannedNode } from '../schema.ts';
import type { Output, Outputs, Step } from '../step.ts';
import { imageStepId } from './image.ts';

/** The id of the step that deploys a node. */
export function nodeStepId(hostname: string): string {
  return `node ${hostname}`;
}

/** A machine with its image. Leaves `nodeId` and the `address` on its first network. */
export function nodeStep(context: PlanContext, hostname: string, node: PlannedNode): Step {
  const { cloud } = context;
  const needs = node.image === undefined ? [] : [imageStepId(node.image)];
  const look = (outputs: Outputs, signal: AbortSignal | undefined): Promise<DeployPlan> | undefined => {
    const image = node.existingImage ?? outputs.get(needs[0] ?? '')?.['imageId'];
    const { resourceClass, networks, candidates, sshPublicKeys, userName, rootSizeGib } = node;
    const request = { hostname, resourceClass, networks, candidates, sshPublicKeys, userName, rootSizeGib };
    return image === undefined
      ? undefined
      : // What is on a node is never thrown away unasked: a node with another image is an error that says so.
        planNodeDeploy({ ...request, image }, { ...cloud, signal });
  };
  return {
    id: nodeStepId(hostname),
    needs,
    inspect: async (outputs, signal) => {
      const deployment = await look(outputs, signal);
      if (deployment === undefined) {
        const there = await findInstance(openCloud({ ...cloud, signal }), hostname);
        const what = `deploy ${hostname} with ${needs[0] ?? ''}, once that is uploaded`;
        return {
          actions: [
            there === undefined ? what : `${what}: now it has image ${there.imageId ?? 'of unknown ID'}`,
          ],
          output: undefined,
          creates: [],
        };
      }
      const { action, instance, imageId } = deployment;
      return {
        actions: action === 'keep' ? [] : [describe(action, hostname, imageId)],
        output: action === 'keep' && instance !== undefined ? toOutput(instance, node) : undefined,
        creates: instance === undefined ? [{ kind: 'node', hostname }] : [],
      };
    },
    apply: async ({ outputs, signal, onProgress }) => {
      const deployment = await look(outputs, signal);
      if (deployment === undefined) {
        throw new RemoteError('NOT_FOUND', { problem: `the image of ${hostname} is not in the cloud` });
      }
      const instance = await applyNodeDeploy(deployment, { ...cloud, signal, onStep: onProgress });
      return toOutput(instance, node);
    },
  };
}

/** A network that an active node is attached to. */
export function networkStep(context: PlanContext, hostname: string, network: string): Step {
  const { cloud } = context;
  return {
    id: `network ${network} of ${hostname}`,
    needs: [nodeStepId(hostname)],
    inspect: async (outputs, signal) => {
      const actions = [`attach ${hostname} to ${network}`];
      const creates = [{ kind: 'port', hostname, network } as const];
      const nodeId = outputs.get(nodeStepId(hostname))?.['nodeId'];
      if (nodeId === undefined) return { actions, output: undefined, creates };
      const { attached } = await planNodeNetwork(nodeId, network, { ...cloud, signal });
      return attached.length > 0
        ? { actions: [], output: {}, creates: [] }
        : { actions, output: undefined, creates };
    },
    apply: async ({ outputs, signal, onProgress }) => {
      const nodeId = outputs.get(nodeStepId(hostname))?.['nodeId'] ?? hostname;
      const plan = await planNodeNetwork(nodeId, network, { ...cloud, signal });
      await applyNodeAttach(plan, { ...cloud, signal, onStep: onProgress });
      return {};
    },
  };
}

function describe(action: DeployPlan['action'], hostname: string, imageId: string): string {
  switch (action) {
    case 'wait':
      return `wait for the deployment of ${hostname}, which goes on`;
    case 'release':
      return `release what a killed deployment of ${hostname} reserved, and deploy it with image ${imageId}`;
    default:
      return `${action} ${hostname} with image ${imageId}`;
  }
}

function toOutput({ nodeId, addresses }: Instance, { networks }: PlannedNode): Output {
  // Networks may be named by ID, and addresses are not: a single network is the one.
  const all = Object.entries(addresses);
  const named = all.find(([network]) => network === networks[0])?.[1];
  const [address] = named ?? (all.length === 1 ? (all[0]?.[1] ?? []) : []);
  return { nodeId, ...(address === undefined ? {} : { address }) };
}
