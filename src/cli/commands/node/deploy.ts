import type { DeployAction } from '../../../openstack/node-deploy.ts';
import { UsageError } from '../../../usage.ts';
import { openActivity } from '../../activity.ts';
import { flag, many, one, wholeNumber } from '../../arguments.ts';
import { declareCloudOptions, isDryRun, readCloudOptions, readSeconds } from '../../cloud-options.ts';
import type { Command, ParsedArguments } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import { drawInstance, writeReport } from '../../node-output.ts';

const valued = { type: 'string', requiresArg: true } as const;

/** `node deploy`: an image on a bare metal node, once, however often it is called. */
export const command: Command = {
  usage: 'deploy',
  summary: 'Deploy an image to a bare metal node, unless it is deployed already',
  options: (yargs) =>
    declareCloudOptions(yargs)
      .option('hostname', { ...valued, describe: 'Hostname: it is how the deployment is found again' })
      .option('image', { ...valued, describe: 'Name or ID of the image' })
      .option('resource-class', { ...valued, describe: 'Resource class of the nodes to choose from' })
      .option('network', { ...valued, describe: 'Name or ID of a network (repeatable)' })
      .option('candidate', { ...valued, describe: 'Name or UUID of a node to choose from (repeatable)' })
      .option('ssh-public-key', { ...valued, describe: 'File with a public SSH key (repeatable)' })
      .option('root-size', { ...valued, describe: 'Size of the root partition in GiB' })
      .option('swap-size', { ...valued, describe: 'Size of the swap partition in MiB' })
      .option('user-name', { ...valued, describe: 'A user to make, with the SSH keys' })
      .option('passwordless-sudo', { type: 'boolean', describe: 'Let that user become root' })
      .option('trait', { ...valued, describe: 'A trait that the node must have (repeatable)' })
      .option('capability', {
        ...valued,
        describe: 'A capability that the node must have, KEY=VALUE (repeatable)',
      })
      .option('conductor-group', { ...valued, describe: 'Conductor group of the nodes to choose from' })
      .option('netboot', { type: 'boolean', describe: 'Boot from the network instead of the disk' })
      .option('wait', { ...valued, describe: 'Seconds that the deployment may take (default: 1800)' })
      .option('redeploy', {
        type: 'boolean',
        describe: 'Undeploy a deployment that failed, or has another image; what is on the disk is lost',
      })
      .example(
        '$0 node deploy --hostname worker-1 --image keylime-image --resource-class baremetal --network attestation --ssh-public-key ~/.ssh/id_ed25519.pub',
        'a node that is to be attested',
      ),
  run: async (parsed, { signal }) => {
    const request = {
      hostname: required(parsed, 'hostname'),
      image: required(parsed, 'image'),
      resourceClass: required(parsed, 'resource-class'),
      networks: many(parsed, 'network'),
      candidates: many(parsed, 'candidate'),
      sshPublicKeys: many(parsed, 'ssh-public-key'),
      rootSizeGib: optionalNumber(parsed, 'root-size'),
      swapSizeMib: optionalNumber(parsed, 'swap-size'),
      userName: one(parsed, 'user-name'),
      passwordlessSudo: flag(parsed, 'passwordless-sudo'),
      traits: many(parsed, 'trait'),
      capabilities: many(parsed, 'capability'),
      conductorGroup: one(parsed, 'conductor-group'),
      netboot: flag(parsed, 'netboot'),
    };
    const activity = openActivity({ quiet: flag(parsed, 'quiet') });
    const options = {
      ...readCloudOptions(parsed, signal),
      waitSeconds: readSeconds(parsed, 'wait'),
      redeploy: flag(parsed, 'redeploy'),
      onStep: activity.show,
    };
    const { planNodeDeploy, applyNodeDeploy } = await import('../../../openstack/node-deploy.ts');
    const plan = await planNodeDeploy(request, options);
    const { action, imageId } = plan;
    if (isDryRun(parsed)) {
      const { hostname } = request;
      const text = `${hostname}: ${meanings[action]}, image ${imageId}\n`;
      await writeReport({ hostname, action, imageId, instance: plan.instance ?? null }, text, parsed, signal);
      return exitCodes.done;
    }
    const instance = await applyNodeDeploy(plan, options).finally(activity.close);
    await writeReport({ did: action, instance }, drawInstance(instance), parsed, signal);
    return exitCodes.done;
  },
};

const meanings: Readonly<Record<DeployAction, string>> = {
  keep: 'is deployed, nothing to do',
  wait: 'is being deployed, to be waited for',
  deploy: 'to be deployed',
  release: 'reserved by a deployment that was killed, to be released and deployed',
  redeploy: 'to be undeployed, and deployed anew',
};

function required(parsed: ParsedArguments, name: string): string {
  const value = one(parsed, name);
  if (value === undefined) throw new UsageError('ARGUMENT_INVALID', { problem: `--${name} is missing` });
  return value;
}

function optionalNumber(parsed: ParsedArguments, name: string): number | undefined {
  const text = one(parsed, name);
  return text === undefined ? undefined : wholeNumber(text, `--${name}`);
}
