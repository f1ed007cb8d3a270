import type { Instance } from '../openstack/instances.ts';
import type { NodePort } from '../openstack/networks.ts';
import { flag } from './arguments.ts';
import type { ParsedArguments } from './command.ts';
import { writeOutput } from './output.ts';
import { escapeControls } from './terminal.ts';

/** Writes what a command did, as text or with `--json`. */
export async function writeReport(
  report: object,
  text: string,
  parsed: ParsedArguments,
  signal: AbortSignal,
): Promise<void> {
  const json = `${JSON.stringify({ schemaVersion: 1, ...report }, null, 2)}\n`;
  await writeOutput([Buffer.from(flag(parsed, 'json') ? json : text)], parsed, signal);
}

/** A deployed node in two or more lines. */
export function drawInstance(instance: Instance): string {
  const { hostname, nodeId, nodeName, state, imageId, addresses, lastError } = instance;
  const name = nodeName === null ? '' : ` (${nodeName})`;
  return [
    `${hostname ?? 'without a hostname'}: ${state}, node ${nodeId}${name}, image ${imageId ?? 'unknown'}`,
    ...Object.entries(addresses).map(([network, list]) => `  ${network}: ${list.join(', ')}`),
    ...(lastError === null ? [] : [`  last error: ${lastError}`]),
  ]
    .map((line) => `${escapeControls(line)}\n`)
    .join('');
}

/** A port in one line. */
export function drawPort({ macAddress, portId, network, addresses }: NodePort): string {
  const where = network === undefined ? 'no network' : `${network.name} (${network.id})`;
  return `  port ${macAddress} on ${escapeControls(where)}: ${addresses.join(', ') || 'no address'}, ${portId}\n`;
}
