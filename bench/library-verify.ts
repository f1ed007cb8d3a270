// node library-verify.js EVIDENCE WARM-UP: what a call of `verify` costs in a process that has made one before. Both are
// JSON, as `verify` takes it. Prints the cost as JSON, with the verdict and the values of the PCRs.

import { type Evidence, verify } from 'ima-assay';

const [evidence, warmUp] = process.argv.slice(2).map((text): Evidence => JSON.parse(text));
if (evidence === undefined || warmUp === undefined) throw new Error('two arguments are needed');
await verify(warmUp);
const startedMs = performance.now();
const before = process.cpuUsage();
const { verdict, pcrs } = await verify(evidence);
const { user, system } = process.cpuUsage(before);
const cost = {
  cpuSeconds: (user + system) / 1e6,
  elapsedSeconds: (performance.now() - startedMs) / 1000,
};
const replayed = pcrs.map((pcr) => pcr.replayed);
process.stdout.write(`${JSON.stringify({ verdict, replayed, ...cost })}\n`);
