// node library.js IMAGE WARM-UP: what a call of the library costs in a process that has made one before. Prints it
// as JSON.

import { extractAllowlist } from 'ima-assay';

import type { Cost } from './child.ts';

/** Extracts an allowlist and makes its text, as the command line does. */
async function extract(image: string): Promise<number> {
  const { allowlist } = await extractAllowlist([image]);
  let bytes = 0;
  for (const piece of allowlist.serialise({ format: 'allowlist' })) bytes += piece.length;
  return bytes;
}

const [image = '', warmUp = ''] = process.argv.slice(2);
await extract(warmUp);
const startedMs = performance.now();
const before = process.cpuUsage();
await extract(image);
const { user, system } = process.cpuUsage(before);
const cost: Cost = {
  cpuSeconds: (user + system) / 1e6,
  elapsedSeconds: (performance.now() - startedMs) / 1000,
};
process.stdout.write(`${JSON.stringify(cost)}\n`);
