// Rows of readers that are not here yet. They are neither run nor on the page: whoever brings a reader moves its rows into
// the groups of the table.

import type { Group, Row, Step } from './row.ts';
import { ext4 } from './steps.ts';

const converted = (options: string): readonly Step[] => [
  ...ext4('-t ext4', 'raw'),
  `qemu-img convert -f raw ${options} raw image`,
];

/** Other containers of disks. */
const CONTAINERS: Readonly<Record<string, string>> = {
  'VMDK, sparse': '-O vmdk -o subformat=monolithicSparse',
  'VMDK, optimised for streams': '-O vmdk -o subformat=streamOptimized',
  'VMDK, of VMware 6': '-O vmdk -o subformat=monolithicSparse,compat6=on',
  'VMDK with its data in another file': '-O vmdk -o subformat=monolithicFlat',
  'VMDK in pieces of 2 GiB': '-O vmdk -o subformat=twoGbMaxExtentSparse',
  'VHD, dynamic': '-O vpc -o subformat=dynamic',
  'VHD, fixed': '-O vpc -o subformat=fixed',
  'VHDX, dynamic': '-O vhdx -o subformat=dynamic',
  'VHDX, fixed': '-O vhdx -o subformat=fixed',
  'VHDX, blocks of 1 MiB': '-O vhdx -o subformat=dynamic,block_size=1M',
  'VDI, dynamic': '-O vdi',
  'VDI, static': '-O vdi -o static=on',
};

const compressed: readonly Row[] = [
  { name: 'gzip', pack: 'gzip image', packed: 'image.gz' },
  { name: 'bzip2', pack: 'bzip2 image', packed: 'image.bz2' },
  { name: 'xz', pack: 'xz -0 image', packed: 'image.xz' },
  { name: 'zstd', pack: 'zstd -q image -o image.zst', packed: 'image.zst' },
  { name: 'lz4', pack: 'lz4 -q image image.lz4', packed: 'image.lz4' },
].map(({ name, pack, packed }): Row => ({
  feature: `a raw disk, compressed by ${name}`,
  make: [...ext4(), pack],
  image: packed,
}));

/** Options of mkfs.erofs. */
const EROFS: Readonly<Record<string, string>> = {
  'EROFS, not compressed': '',
  'EROFS, lz4': '-zlz4 ',
  'EROFS, lz4 with high compression': '-zlz4hc ',
  'EROFS, lz4, clusters of 64 KiB': '-zlz4hc -C65536 ',
  'EROFS, lz4, tails with their inodes': '-zlz4 -Eztailpacking ',
  'EROFS, extended inodes': '-Eforce-inode-extended ',
  'EROFS, files in chunks': '--chunksize=4096 ',
};

const ISO: Readonly<Record<string, string>> = {
  'ISO 9660 with Rock Ridge, of genisoimage': 'genisoimage -quiet -D -R -o image {tree}',
  'ISO 9660 with Rock Ridge, of xorriso': 'xorriso -as mkisofs -quiet -D -R -o image {tree}',
};

export const upcoming: readonly Group[] = [
  {
    name: 'Containers of disks',
    page: 'disk-images.md',
    rows: [
      ...Object.entries(CONTAINERS).map(([feature, options]): Row => ({ feature, make: converted(options) })),
      ...compressed,
    ],
  },
  {
    name: 'Filesystems',
    page: 'disk-images.md',
    rows: [
      // mkfs.erofs 1.5 takes no name of 255 bytes.
      ...Object.entries(EROFS).map(([feature, options]): Row => ({
        feature,
        tree: 'short',
        make: [`mkfs.erofs --quiet ${options}image {tree}`],
      })),
      ...Object.entries(ISO).map(([feature, make]): Row => ({ feature, tree: 'ascii', make: [make] })),
    ],
  },
];
