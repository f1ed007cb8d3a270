// node library-verify.js EVIDENCE WARM-UP: what a call of `verify` costs with policies that are loaded already, in a process
// that has made one before. Both are JSON, as `verify` takes it. Prints the cost as JSON, with the verdict and the values
// of the PCRs.

import { type Evidence, loadPolicy, verify } from 'ima-assay';

import type { Cost } from './child.ts';

/** Evidence whose policies are files. */
type Given = Omit<Evidence, 'policies'> & { readonly policies: readonly string[] };

const [evidence, warmUp] = process.argv.slice(2).map((text): Given => JSON.parse(text));
if (evidence === undefined || warmUp === undefined) throw new Error('two arguments are needed');
await verify(warmUp);
const policies = await Promise.all(evidence.policies.map(async (file) => loadPolicy(file)));
const startedMs = performance.now();
const before = process.cpuUsage();
const { verdict, pcrs } = await verify({ ...evidence, policies });
const { user, system } = process.cpuUsage(before);
const cost: Cost = {
  cpuSeconds: (user + system) / 1e6,
  elapsedSeconds: (performance.now() - startedMs) / 1000,
};
const replayed = pcrs.map((pcr) => pcr.replayed);
process.stdout.write(`${JSON.stringify({ verdict, replayed, ...cost })}\n`);
