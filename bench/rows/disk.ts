// An allowlist of a disk image against inflating its clusters alone, and of a filesystem against the plain tree.

import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { type Bench, type Comparison, type Group, type Row, compare } from '../harness.ts';
import { findProgram, imaAssay, noteVersion, root } from '../programs.ts';
import { formatMegabytes } from '../table.ts';
import { walk } from '../walk.ts';

const MIB = 1 << 20;
/** Every file, so that tree and image list the same. */
const everything = ['--quiet', '--all-owners', '--no-default-skips'] as const;

/** What makes a filesystem of a directory. */
interface Kind {
  readonly name: string;
  readonly mkfs: string;
  readonly make: (paths: {
    readonly directory: string;
    readonly image: string;
    readonly prototype: string;
  }) => {
    /** Arguments of `mkfs`. */
    readonly args: readonly string[];
    /** Whether it makes the file itself, as long as need be. */
    readonly isGrown?: boolean;
  };
}

const kinds: readonly Kind[] = [
  {
    name: 'ext4',
    mkfs: 'mke2fs',
    make: ({ directory, image }) => ({ args: ['-q', '-F', '-t', 'ext4', '-d', directory, image] }),
  },
  {
    name: 'XFS',
    mkfs: 'mkfs.xfs',
    make: ({ image, prototype }) => ({ args: ['-q', '-f', '-p', prototype, image] }),
  },
  {
    name: 'btrfs',
    mkfs: 'mkfs.btrfs',
    make: ({ directory, image }) => ({ args: ['-q', '--rootdir', directory, image] }),
  },
  {
    // Nothing in it is compressed: that would be the work of both programs, whatever is around it.
    name: 'squashfs',
    mkfs: 'mksquashfs',
    make: ({ directory, image }) => ({
      args: [directory, image, '-quiet', '-no-progress', '-noappend', '-noI', '-noD', '-noF', '-noX'],
      isGrown: true,
    }),
  },
];

export const disk: Group = {
  name: 'disk',
  measure: async (bench) => {
    const qemuImg = findProgram('qemu-img', bench, 'no qcow2 can be made or inflated');
    if (qemuImg === undefined) return [];
    noteVersion(bench, qemuImg, '--version');
    const directory = process.env['IMA_ASSAY_BENCH_DISK'] ?? '/usr/bin';
    const files = [...walk(directory)];
    const bytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const sizeBytes = Math.ceil((bytes * 1.2) / MIB + 256) * MIB;
    const what = `${files.length} files, ${formatMegabytes(bytes)}`;
    const rows: Row[] = [];
    for (const { name, mkfs, make } of kinds) {
      const program = findProgram(mkfs, bench, `no image with ${name} can be made`);
      if (program === undefined) continue;
      const [image, prototype] = [join(bench.scratch, `${name}.raw`), join(bench.scratch, 'prototype')];
      const qcow2 = join(bench.scratch, `${name}.qcow2`);
      if (!existsSync(qcow2)) {
        const { args, isGrown = false } = make({ directory, image, prototype });
        if (args.includes(prototype)) describe(bench, directory, prototype);
        if (!isGrown) {
          writeFileSync(image, '');
          truncateSync(image, sizeBytes);
        }
        run(bench, program, ...args);
        run(bench, qemuImg, 'convert', '-c', '-f', 'raw', '-O', 'qcow2', image, qcow2);
      }
      const [inflating, reading] = comparisons({ name, what, qemuImg, directory, image, qcow2 });
      rows.push(...compare(inflating, bench), ...compare(reading, bench));
    }
    return rows;
  },
};

interface Made {
  readonly name: string;
  readonly what: string;
  readonly qemuImg: string;
  readonly directory: string;
  readonly image: string;
  readonly qcow2: string;
}

function comparisons(made: Made): readonly [Comparison, Comparison] {
  const { name, what, qemuImg, directory, image, qcow2 } = made;
  const extract = (source: string, as = 'ima-assay extract'): Comparison['ours'] => ({
    name: as,
    command: [...imaAssay, 'extract', source, ...everything],
  });
  const nothing = `driver=null-co,size=${1 << 20}M,read-zeroes=off`;
  return [
    {
      work: `qcow2 with ${name}, deflated, ${what}`,
      ours: extract(qcow2),
      peers: [
        {
          program: {
            name: 'qemu-img convert to nothing',
            command: [qemuImg, 'convert', '-n', '--target-image-opts', qcow2, nothing],
          },
          budget: { by: 'cpu', atMost: 1.2 },
        },
      ],
    },
    {
      work: `raw image with ${name}, ${what}`,
      ours: extract(image),
      peers: [
        {
          program: extract(directory, 'ima-assay extract of the directory'),
          budget: { by: 'cpu', atMost: 1.3 },
        },
      ],
    },
  ];
}

/** Writes the prototype that mkfs.xfs fills a filesystem from. */
function describe(bench: Bench, directory: string, prototype: string): void {
  const output = openSync(prototype, 'w');
  run(bench, join(root, '.ci/xfs-prototype'), directory, output);
  closeSync(output);
}

/** Runs a program; a number in place of the last argument is a file for its standard output. */
function run(bench: Bench, program: string, ...words: readonly (string | number)[]): void {
  const args = words.filter((word) => typeof word === 'string');
  const output = words.find((word) => typeof word === 'number') ?? 'ignore';
  bench.say([program, ...args].join(' '));
  const { status, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', output, 'pipe'],
  });
  if (status !== 0) throw new Error(`${program}: ${stderr}`);
}
