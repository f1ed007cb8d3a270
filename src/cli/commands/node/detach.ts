import { openActivity } from '../../activity.ts';
import { flag, one } from '../../arguments.ts';
import { declareCloudOptions, isDryRun, readCloudOptions } from '../../cloud-options.ts';
import type { Command } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import { drawPort, writeReport } from '../../node-output.ts';
import { escapeControls } from '../../terminal.ts';

/** `node detach`. */
export const command: Command = {
  usage: 'detach <node> <network>',
  summary: 'Detach a node from a network',
  options: (yargs) =>
    declareCloudOptions(yargs)
      .positional('node', { type: 'string', describe: 'Hostname, name or UUID of the node' })
      .positional('network', { type: 'string', describe: 'Name or ID of the network' })
      .example('$0 node detach worker-1 public', 'every port of the node that is on it'),
  run: async (parsed, { signal }) => {
    const activity = openActivity({ quiet: flag(parsed, 'quiet') });
    const options = { ...readCloudOptions(parsed, signal), onStep: activity.show };
    const { planNodeNetwork, applyNodeDetach } = await import('../../../openstack/node-networks.ts');
    const plan = await planNodeNetwork(one(parsed, 'node') ?? '', one(parsed, 'network') ?? '', options);
    const { node, network, attached } = plan;
    const action = attached.length === 0 ? 'keep' : 'detach';
    const name = `${escapeControls(node.name ?? node.id)}, ${escapeControls(network.name)}`;
    const dryRun = isDryRun(parsed);
    if (!dryRun) await applyNodeDetach(plan, options).finally(activity.close);
    const what = action === 'keep' ? 'is not attached' : dryRun ? 'to be detached' : 'detached';
    const text = `${name}: ${what}\n${attached.map(drawPort).join('')}`;
    await writeReport(
      { [dryRun ? 'action' : 'did']: action, node, network, ports: attached },
      text,
      parsed,
      signal,
    );
    return exitCodes.done;
  },
};
