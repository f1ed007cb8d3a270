import type { NodeReport } from '../../../openstack/node-show.ts';
import { openActivity } from '../../activity.ts';
import { flag, one } from '../../arguments.ts';
import { declareCloudOptions, readCloudOptions } from '../../cloud-options.ts';
import type { Command } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import { drawInstance, drawPort, writeReport } from '../../node-output.ts';
import { warn } from '../../summary.ts';
import { escapeControls } from '../../terminal.ts';

/** `node show`: what all clients together know of a node. */
export const command: Command = {
  usage: 'show <node>',
  summary: 'Show the state, the image and the networks of a node',
  options: (yargs) =>
    declareCloudOptions(yargs)
      .positional('node', { type: 'string', describe: 'Hostname, name or UUID' })
      .example('$0 node show worker-1', 'state, image, addresses'),
  run: async (parsed, { signal }) => {
    const activity = openActivity({ quiet: flag(parsed, 'quiet') });
    const name = one(parsed, 'node') ?? '';
    const { reportNode } = await import('../../../openstack/node-show.ts');
    activity.show(`asking for ${name}`);
    const report = await reportNode(name, readCloudOptions(parsed, signal)).finally(activity.close);
    for (const text of report.unknown) warn(text);
    const { node, instance = null, ports = null, unknown } = report;
    await writeReport({ node, instance, ports, unknown }, draw(report), parsed, signal);
    return exitCodes.done;
  },
};

function draw({ node, instance, ports = [] }: NodeReport): string {
  const { id, name, provisionState, powerState, isInMaintenance, lastError, resourceClass } = node;
  const state = [
    provisionState,
    powerState ?? 'power unknown',
    ...(isInMaintenance ? ['in maintenance'] : []),
  ];
  const lines = [
    `${name ?? id}: ${state.join(', ')}; resource class ${resourceClass ?? 'none'}; ${id}`,
    ...(lastError === null ? [] : [`  last error: ${lastError}`]),
  ];
  const head = lines.map((line) => `${escapeControls(line)}\n`).join('');
  return head + (instance === undefined ? '' : drawInstance(instance)) + ports.map(drawPort).join('');
}
