// The most memory `extract` holds at once, Node included.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { type Bench, type Group, type Row } from '../harness.ts';
import { runProgram } from '../child.ts';
import { compress, packImage } from '../images.ts';
import { imaAssay, ownScript } from '../programs.ts';
import { formatMegabytes } from '../table.ts';

const MIB = 1 << 20;
const AT_MOST_BYTES = 256 * MIB;

export const memory: Group = {
  name: 'memory',
  measure: async (bench) => {
    const large = await packImage('large', 1024 * MIB, bench);
    const file = compress(large, { program: 'zstd', suffix: 'zst', args: ['-q', '-3', '-T0'] }, bench);
    const tree = process.env['IMA_ASSAY_BENCH_TREE'] ?? '/usr';
    const rows = [
      peak(`memory: initramfs of ${formatMegabytes(large.sizeBytes)}, plain`, large.path, bench),
      peak(`memory: the tree ${tree}`, tree, bench),
    ];
    if (file !== undefined) {
      rows.unshift(peak(`memory: initramfs of ${formatMegabytes(large.sizeBytes)}, zstd`, file, bench));
    }
    return rows;
  },
};

function peak(work: string, source: string, bench: Bench): Row {
  bench.say(work);
  const file = join(bench.scratch, 'peak');
  const [node, script] = imaAssay;
  const [, preload] = ownScript('peak');
  const command = [
    node,
    '--import',
    pathToFileURL(preload).href,
    script,
    'extract',
    source,
    '--quiet',
  ] as const;
  const peaks: number[] = [];
  for (let round = 0; round < bench.rounds; round += 1) {
    runProgram({ name: 'ima-assay extract', command, env: { PEAK_FILE: file } }, bench.scratch);
    peaks.push(Number(readFileSync(file, 'utf8')));
  }
  // The highest of all: a bound is meant.
  const bytes = Math.max(...peaks);
  return { kind: 'peak', work, bytes, atMostBytes: AT_MOST_BYTES, holds: bytes <= AT_MOST_BYTES };
}
