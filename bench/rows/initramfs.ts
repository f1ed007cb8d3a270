// An allowlist of an initramfs against unpacking it alone. A small image shows mostly the start of Node and of the
// command line: so the library is measured too, and a large image.

import { join } from 'node:path';

import type { Cost, Program } from '../child.ts';
import { type Bench, type Group, type Row, compare } from '../harness.ts';
import { type Codec, type Image, compress, packImage } from '../images.ts';
import { imaAssay, ownScript, root } from '../programs.ts';
import { formatMegabytes } from '../table.ts';

const MIB = 1 << 20;

/** Compressed as dracut compresses, and what we may take of the time of unpacking. */
const codecs: readonly (Codec & { readonly atMost: number })[] = [
  { program: 'zstd', suffix: 'zst', args: ['-q', '-15', '-T0'], atMost: 1.25 },
  { program: 'gzip', suffix: 'gz', args: ['-n', '-9'], atMost: 1 },
  { program: 'xz', suffix: 'xz', args: ['--check=crc32', '--lzma2=dict=1MiB', '-T0'], atMost: 1.25 },
];

export const initramfs: Group = {
  name: 'initramfs',
  measure: async (bench) => {
    const usual = await packImage('usual', 128 * MIB, bench);
    const rows: Row[] = [];
    for (const codec of codecs) rows.push(...against(codec, usual, bench));
    const large = await packImage('large', 1024 * MIB, bench);
    for (const codec of codecs.slice(0, 1)) {
      rows.push(...against({ ...codec, args: ['-q', '-3', '-T0'] }, large, bench));
    }
    return rows;
  },
};

function against(codec: Codec & { readonly atMost: number }, image: Image, bench: Bench): readonly Row[] {
  const file = compress(image, codec, bench);
  if (file === undefined) return [];
  const peer: Program = { name: `${codec.program} -dc`, command: [codec.program, '-dc'], input: file };
  const peers = [{ program: peer, budget: { by: 'elapsed', atMost: codec.atMost } as const }];
  const size = formatMegabytes(image.sizeBytes);
  return [
    {
      work: `initramfs of ${size}, ${codec.program}: the program`,
      ours: { name: 'ima-assay extract', command: [...imaAssay, 'extract', file, '--quiet'] } as const,
    },
    {
      work: `initramfs of ${size}, ${codec.program}: the library`,
      ours: {
        name: 'extractAllowlist',
        command: [...ownScript('library'), file, join(root, 'fixtures/initramfs/zstd.img')],
        readCost,
      } as const,
    },
  ].flatMap(({ work, ours }) => compare({ work, ours, peers }, bench));
}

// Our own script printed it.
function readCost(output: string): Cost {
  const cost: Cost = JSON.parse(output);
  return cost;
}
