import { openActivity } from '../../activity.ts';
import { flag, one } from '../../arguments.ts';
import { declareCloudOptions, isDryRun, readCloudOptions, readSeconds } from '../../cloud-options.ts';
import type { Command } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import { writeReport } from '../../node-output.ts';
import { escapeControls } from '../../terminal.ts';

/** `node undeploy`: gives a node back. */
export const command: Command = {
  usage: 'undeploy <hostname>',
  summary: 'Undeploy the node with a hostname; what is on its disk is lost',
  options: (yargs) =>
    declareCloudOptions(yargs)
      .positional('hostname', { type: 'string', describe: 'Hostname it was deployed with' })
      .option('wait', {
        type: 'string',
        requiresArg: true,
        describe: 'Seconds that it may take (default: 1800)',
      })
      .example('$0 node undeploy worker-1', 'the node becomes available again'),
  run: async (parsed, { signal }) => {
    const hostname = one(parsed, 'hostname') ?? '';
    const activity = openActivity({ quiet: flag(parsed, 'quiet') });
    const options = {
      ...readCloudOptions(parsed, signal),
      waitSeconds: readSeconds(parsed, 'wait'),
      onStep: activity.show,
    };
    const { planNodeUndeploy, applyNodeUndeploy } = await import('../../../openstack/node-undeploy.ts');
    const plan = await planNodeUndeploy(hostname, options);
    const dryRun = isDryRun(parsed);
    if (!dryRun) await applyNodeUndeploy(plan, options).finally(activity.close);
    const { instance = null } = plan;
    const action = instance === null ? 'keep' : 'undeploy';
    const what = dryRun
      ? `to be undeployed, node ${instance?.nodeId ?? ''}`
      : `undeployed, node ${instance?.nodeId ?? ''}`;
    const text = `${escapeControls(hostname)}: ${instance === null ? 'nothing is deployed with this hostname' : what}\n`;
    await writeReport({ hostname, [dryRun ? 'action' : 'did']: action, instance }, text, parsed, signal);
    return exitCodes.done;
  },
};
