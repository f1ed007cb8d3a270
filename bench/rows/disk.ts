// An allowlist of a disk image against inflating its clusters alone, and of a filesystem against the plain tree.

import { spawnSync } from 'node:child_process';
import { existsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { type Bench, type Group, type Row, compare } from '../harness.ts';
import { findProgram, imaAssay, noteVersion } from '../programs.ts';
import { formatMegabytes } from '../table.ts';
import { walk } from '../walk.ts';

const MIB = 1 << 20;
/** Every file, so that tree and image list the same. */
const everything = ['--quiet', '--all-owners', '--no-default-skips'] as const;

export const disk: Group = {
  name: 'disk',
  measure: async (bench) => {
    const mke2fs = findProgram('mke2fs', bench, 'no disk image can be made');
    const qemuImg = findProgram('qemu-img', bench, 'no qcow2 can be made or inflated');
    if (mke2fs === undefined || qemuImg === undefined) return [];
    noteVersion(bench, qemuImg, '--version');
    const directory = process.env['IMA_ASSAY_BENCH_DISK'] ?? '/usr/bin';
    const files = [...walk(directory)];
    const bytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const raw = join(bench.scratch, 'disk.raw');
    const qcow2 = join(bench.scratch, 'disk.qcow2');
    const sizeBytes = Math.ceil((bytes * 1.2) / MIB + 256) * MIB;
    if (!existsSync(qcow2)) {
      writeFileSync(raw, '');
      truncateSync(raw, sizeBytes);
      run(bench, mke2fs, '-q', '-F', '-t', 'ext4', '-d', directory, raw);
      run(bench, qemuImg, 'convert', '-c', '-O', 'qcow2', raw, qcow2);
    }
    const what = `${files.length} files, ${formatMegabytes(bytes)}`;
    const inflate = ['driver=null-co', `size=${sizeBytes}`, 'read-zeroes=off'].join(',');
    const rows: Row[] = [
      ...compare(
        {
          work: `qcow2 with ext4, deflated, ${what}`,
          ours: { name: 'ima-assay extract', command: [...imaAssay, 'extract', qcow2, ...everything] },
          peers: [
            {
              program: {
                name: 'qemu-img convert to nothing',
                command: [qemuImg, 'convert', '-n', '--target-image-opts', qcow2, inflate],
              },
              budget: { by: 'cpu', atMost: 1.2 },
            },
          ],
        },
        bench,
      ),
      ...compare(
        {
          work: `raw image with ext4, ${what}`,
          ours: { name: 'ima-assay extract', command: [...imaAssay, 'extract', raw, ...everything] },
          peers: [
            {
              program: {
                name: 'ima-assay extract of the directory',
                command: [...imaAssay, 'extract', directory, ...everything],
              },
              budget: { by: 'cpu', atMost: 1.3 },
            },
          ],
        },
        bench,
      ),
    ];
    return rows;
  },
};

function run(bench: Bench, program: string, ...args: readonly string[]): void {
  bench.say([program, ...args].join(' '));
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program}: ${stderr}`);
}
