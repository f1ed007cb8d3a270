// npm run bench -- [--json] [--rounds N] [--scratch DIR] [GROUP…]: ratios against the peers, side by side in one run.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import type { Bench, Group, Row } from './harness.ts';
import { type Machine, describeMachine, loadNow } from './machine.ts';
import { digest } from './rows/digest.ts';
import { disk } from './rows/disk.ts';
import { initramfs } from './rows/initramfs.ts';
import { memory } from './rows/memory.ts';
import { start } from './rows/start.ts';
import { tree } from './rows/tree.ts';
import { verify } from './rows/verify.ts';
import { drawTable } from './table.ts';

const groups: readonly Group[] = [digest, tree, initramfs, disk, verify, memory, start];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    // Images in it are used again; without it they are made anew and removed.
    scratch: { type: 'string' },
  },
});

const unknown = positionals.filter((name) => !groups.some((group) => group.name === name));
if (unknown.length > 0) {
  const known = groups.map(({ name }) => name).join(', ');
  process.stderr.write(`unknown: ${unknown.join(', ')}; there are ${known}\n`);
  process.exit(2);
}

const scratch =
  values.scratch === undefined ? mkdtempSync(join(tmpdir(), 'ima-assay-bench-')) : resolve(values.scratch);
mkdirSync(scratch, { recursive: true });
const missing = new Set<string>();
const used = new Set<string>();
const bench: Bench = {
  scratch,
  rounds: Number(values.rounds),
  say: (text) => void process.stderr.write(`${text}\n`),
  missing: (text) => void missing.add(text),
  used: (version) => void used.add(version),
};

const loadBefore = loadNow();
const rows: Row[] = [];
try {
  for (const group of groups) {
    if (positionals.length === 0 || positionals.includes(group.name))
      rows.push(...(await group.measure(bench)));
  }
} finally {
  if (values.scratch === undefined) rmSync(scratch, { recursive: true });
}

const machine = describeMachine();
const load = { before: loadBefore, after: loadNow() };
const report = {
  schemaVersion: 1,
  machine,
  load,
  rounds: bench.rounds,
  used: [...used],
  missing: [...missing],
  rows,
};
process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : draw(report));

function draw(result: typeof report): string {
  const failed = result.rows.filter(({ holds }) => !holds).length;
  return [
    drawMachine(result.machine),
    `load of the last minute: ${result.load.before.toFixed(1)} before, ${result.load.after.toFixed(1)} after`,
    ...result.used,
    `medians of ${result.rounds} rounds in turn after one to warm up; ratios are medians of each round's ratio`,
    ...result.missing.map((text) => `MISSING ${text}`),
    '',
    drawTable(result.rows),
    failed === 0 ? 'every budget holds' : `${failed} of ${result.rows.length} budgets do not hold`,
    '',
  ].join('\n');
}

function drawMachine({
  processor,
  cores,
  hasShaInstructions,
  memory: ram,
  kernel,
  system,
  node,
}: Machine): string {
  const sha = hasShaInstructions ? 'with' : 'without';
  return `${processor}, ${cores} cores, ${sha} SHA instructions, ${ram}; Linux ${kernel}, ${system}, Node ${node}`;
}
