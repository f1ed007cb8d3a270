import { openActivity } from '../../activity.ts';
import { flag, one } from '../../arguments.ts';
import { declareCloudOptions, isDryRun, readCloudOptions } from '../../cloud-options.ts';
import type { Command } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import { drawPort, writeReport } from '../../node-output.ts';
import { warn } from '../../summary.ts';
import { escapeControls } from '../../terminal.ts';

/** `node attach`. */
export const command: Command = {
  usage: 'attach <node> <network>',
  summary: 'Attach a node to a network, unless it is attached already',
  options: (yargs) =>
    declareCloudOptions(yargs)
      .positional('node', { type: 'string', describe: 'Hostname, name or UUID of the node' })
      .positional('network', { type: 'string', describe: 'Name or ID of the network' })
      .example('$0 node attach worker-1 public', 'a second network'),
  run: async (parsed, { signal }) => {
    const activity = openActivity({ quiet: flag(parsed, 'quiet') });
    const options = { ...readCloudOptions(parsed, signal), onStep: activity.show };
    const { planNodeNetwork, applyNodeAttach } = await import('../../../openstack/node-networks.ts');
    const plan = await planNodeNetwork(one(parsed, 'node') ?? '', one(parsed, 'network') ?? '', options);
    const { node, network, attached } = plan;
    const action = attached.length === 0 ? 'attach' : 'keep';
    const name = `${escapeControls(node.name ?? node.id)}, ${escapeControls(network.name)}`;
    if (isDryRun(parsed)) {
      const text = `${name}: ${action === 'keep' ? 'is attached, nothing to do' : 'to be attached'}\n`;
      await writeReport({ action, node, network, ports: attached }, text, parsed, signal);
      return exitCodes.done;
    }
    const port = await applyNodeAttach(plan, options).finally(activity.close);
    if (node.provisionState !== 'active') {
      warn(`the node is ${node.provisionState}: its switch follows once it is active`);
    }
    const text = `${name}: ${action === 'keep' ? 'was attached' : 'attached'}\n${drawPort(port)}`;
    await writeReport({ did: action, node, network, ports: [port] }, text, parsed, signal);
    return exitCodes.done;
  },
};
