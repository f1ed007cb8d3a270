import { stopAttestation } from '../keylime/wait.ts';
import { openCloud } from '../openstack/client.ts';
import { deleteImage, findImagesByProperty } from '../openstack/images.ts';
import { applyNodeDetach, planNodeNetwork } from '../openstack/node-networks.ts';
import { applyNodeUndeploy, planNodeUndeploy } from '../openstack/node-undeploy.ts';
import { STAMP } from '../openstack/upload-plan.ts';
import type { PlanContext } from './context.ts';
import type { Thing } from './step.ts';

/** What removing a thing is given. */
export interface UndoOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((text: string) => void) | undefined;
}

/** A thing in words. */
export function describeThing(thing: Thing): string {
  switch (thing.kind) {
    case 'image':
      return `image ${thing.name}`;
    case 'node':
      return `node ${thing.hostname}, and what is on its disk`;
    case 'port':
      return `attachment of ${thing.hostname} to ${thing.network}`;
    case 'policy':
      return `policy ${thing.name} on the verifier`;
    case 'agent':
      return `attestation of agent ${thing.id}`;
  }
}

/** Whether a thing is there. Changes nothing. */
export async function isThere(context: PlanContext, thing: Thing, signal?: AbortSignal): Promise<boolean> {
  const cloud = { ...context.cloud, signal };
  switch (thing.kind) {
    case 'image':
      return (await findStamped(context, thing)).length > 0;
    case 'node':
      return (await planNodeUndeploy(thing.hostname, cloud)).instance !== undefined;
    case 'port': {
      const { instance } = await planNodeUndeploy(thing.hostname, cloud);
      if (instance === undefined) return false;
      return (await planNodeNetwork(instance.nodeId, thing.network, cloud)).attached.length > 0;
    }
    case 'policy':
      return (await context.keylime().verifier.findPolicy(thing.name)) !== undefined;
    case 'agent':
      return (await context.keylime().verifier.findAgent(thing.id)) !== undefined;
  }
}

/** Removes a thing. One that is not there is no error. */
export async function removeThing(
  context: PlanContext,
  thing: Thing,
  options: UndoOptions = {},
): Promise<void> {
  const { signal, onProgress } = options;
  const cloud = { ...context.cloud, signal };
  switch (thing.kind) {
    case 'image':
      for (const id of await findStamped(context, thing)) await deleteImage(openCloud(cloud), id);
      return;
    case 'node': {
      const plan = await planNodeUndeploy(thing.hostname, cloud);
      await applyNodeUndeploy(plan, { ...cloud, onStep: onProgress });
      return;
    }
    case 'port': {
      const { instance } = await planNodeUndeploy(thing.hostname, cloud);
      if (instance === undefined) return;
      const plan = await planNodeNetwork(instance.nodeId, thing.network, cloud);
      await applyNodeDetach(plan, { ...cloud, onStep: onProgress });
      return;
    }
    case 'policy':
      await context.keylime().verifier.deletePolicy(thing.name);
      return;
    case 'agent':
      await stopAttestation(context.keylime().verifier, thing.id, { signal });
      // Its node goes too: a registration that stays would be another's when an address is used again.
      await context.keylime().registrar.deleteAgent(thing.id);
      return;
  }
}

/** Images with the stamp of a content and the name: those that uploads of ours made, also unfinished ones. */
async function findStamped(
  { cloud }: PlanContext,
  { name, sha512 }: Extract<Thing, { readonly kind: 'image' }>,
): Promise<readonly string[]> {
  const rows = await findImagesByProperty(openCloud(cloud), [STAMP, sha512]);
  return rows.filter((row) => row.name === name).map(({ id }) => id);
}
