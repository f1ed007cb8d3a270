// SHA-256 of a large tree of real files.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { type Bench, type Group, type Peer, compare } from '../harness.ts';
import { compilePeer, findProgram, imaAssay, keylimeProgram, noteVersion } from '../programs.ts';
import { formatMegabytes } from '../table.ts';
import { walk } from '../walk.ts';

export const tree: Group = {
  name: 'tree',
  measure: async (bench) => {
    const directory = process.env['IMA_ASSAY_BENCH_TREE'] ?? '/usr';
    // What our program and Keylime's choose: files of root.
    const files = [...walk(directory)].filter(({ uid }) => uid === 0);
    const bytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const small = files.filter(({ sizeBytes }) => sizeBytes <= 4096).length;
    const share = `${Math.round((small / files.length) * 100)} % up to 4 KiB`;
    bench.used(`tree: ${directory}, ${files.length} files of root, ${formatMegabytes(bytes)}, ${share}`);
    const list = join(bench.scratch, 'tree.list');
    writeFileSync(list, files.map(({ path }) => `${path}\0`).join(''));
    const peers = [loop(directory, bench), sha256sum(list, bench), keylime(directory, bench)];
    return compare(
      {
        work: `tree of ${files.length} files, ${formatMegabytes(bytes)}`,
        ours: {
          name: 'ima-assay extract',
          command: [...imaAssay, 'extract', directory, '--quiet', '--no-default-skips'],
        },
        peers: peers.filter((peer) => peer !== undefined),
        result: digests,
      },
      bench,
    );
  },
};

/** All SHA-256 digests of an output of any of them, sorted. */
function digests(output: string): string {
  return (output.match(/\b[0-9a-f]{64}\b/g) ?? []).toSorted().join('\n');
}

function loop(directory: string, bench: Bench): Peer | undefined {
  const program = compilePeer('tree', bench);
  if (program === undefined) return undefined;
  return {
    program: { name: 'C loop over libcrypto', command: [program, directory] },
    budget: { by: 'cpu', atMost: 0.85 },
  };
}

function sha256sum(list: string, bench: Bench): Peer | undefined {
  const xargs = findProgram('xargs', bench, 'sha256sum cannot be run on two cores');
  const program = findProgram('sha256sum', bench, 'the tree cannot be compared with it');
  if (xargs === undefined || program === undefined) return undefined;
  noteVersion(bench, program, '--version');
  return {
    program: {
      name: 'xargs -P2 sha256sum',
      command: [xargs, '-0', '-P2', '-n', '512', program, '--'],
      input: list,
    },
    budget: { by: 'cpu', atLeast: 5 },
  };
}

function keylime(directory: string, bench: Bench): Peer | undefined {
  const program = keylimeProgram('keylime-policy', bench);
  if (program === undefined) return undefined;
  return {
    program: {
      name: 'keylime-policy create runtime',
      command: [program, 'create', 'runtime', '--algo', 'sha256', '--rootfs', directory],
    },
    budget: { by: 'cpu', atLeast: 10 },
  };
}
