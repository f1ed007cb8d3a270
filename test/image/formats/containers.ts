// Containers of disks. In each is an ext4, since what is in it does not matter here.

import type { Group, Row, Step } from './row.ts';
import { ext4, patch } from './steps.ts';

/** `image` as qemu-img converts it from a raw disk. */
function qcow2(options: string): readonly Step[] {
  const more = options === '' ? '' : `${options} `;
  return [...ext4('-t ext4', 'raw'), `qemu-img convert -f raw -O qcow2 ${more}raw image`];
}

/** What else qemu-img converts to. */
const OTHERS: Readonly<Record<string, string>> = {
  'VMDK, sparse': 'vmdk -o subformat=monolithicSparse',
  'VMDK, optimised for streams': 'vmdk -o subformat=streamOptimized',
  'VMDK, of VMware 6': 'vmdk -o subformat=monolithicSparse,compat6=on',
  'VMDK with its data in another file': 'vmdk -o subformat=monolithicFlat',
  'VMDK in pieces of 2 GiB': 'vmdk -o subformat=twoGbMaxExtentSparse',
  'VHD, dynamic': 'vpc -o subformat=dynamic',
  'VHD, fixed': 'vpc -o subformat=fixed',
  'VHDX, dynamic': 'vhdx -o subformat=dynamic',
  'VHDX, fixed': 'vhdx -o subformat=fixed',
  'VHDX, blocks of 1 MiB': 'vhdx -o subformat=dynamic,block_size=1M',
  'VDI, dynamic': 'vdi',
  'VDI, static': 'vdi -o static=on',
};

const others: readonly Row[] = Object.entries(OTHERS).map(([feature, options]): Row => ({
  feature,
  make: [...ext4('-t ext4', 'raw'), `qemu-img convert -f raw -O ${options} raw image`],
}));

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
  notes: ['DISK_UNPACKED'],
}));

/** A key for what qemu-img encrypts. */
const SECRET = '--object secret,id=key,data=secret';

const read: readonly Row[] = [
  { feature: 'a raw disk', make: ext4() },
  { feature: 'qcow2, version 3', make: qcow2('') },
  { feature: 'qcow2, version 2', make: qcow2('-o compat=0.10') },
  { feature: 'qcow2, clusters deflated (zlib)', make: qcow2('-c') },
  { feature: 'qcow2, clusters compressed by zstd', make: qcow2('-c -o compression_type=zstd') },
  {
    feature: 'qcow2, version 2, clusters of 512 bytes, deflated',
    make: qcow2('-c -o compat=0.10,cluster_size=512'),
  },
  { feature: 'qcow2, clusters of 2 MiB, deflated', make: qcow2('-c -o cluster_size=2M') },
  { feature: 'qcow2, extended L2 entries', make: qcow2('-o extended_l2=on,cluster_size=128k') },
  {
    feature: 'qcow2, extended L2 entries, clusters compressed by zstd',
    make: qcow2('-c -o extended_l2=on,cluster_size=16k,compression_type=zstd'),
  },
  { feature: 'qcow2, tables allocated beforehand', make: qcow2('-o preallocation=metadata') },
  { feature: 'qcow2, clusters of zeros written out', make: qcow2('-S 0') },
  { feature: 'qcow2, reference counts of 64 bits', make: qcow2('-o refcount_bits=64') },
  {
    feature: 'qcow2 with a dirty bitmap',
    make: [...qcow2(''), 'qemu-img bitmap --add image backup'],
  },
  {
    feature: 'qcow2 with an internal snapshot of former contents; the current ones are read',
    make: [
      ...ext4('-t ext4', 'raw'),
      'qemu-img create -q -f qcow2 image 64M',
      ['qemu-io', '-c', 'write -q -P 7 0 60M', 'image'],
      'qemu-img snapshot -c before image',
      ['qemu-io', '-c', 'write -q -s raw 0 64M', 'image'],
    ],
  },
  {
    feature: 'qcow2 marked dirty: reference counts may be wrong, which readers do not need',
    make: [
      ...qcow2('-o lazy_refcounts=on'),
      { run: ['qemu-io', '-c', 'write -q -P 0 63M 64k', '-c', 'abort', 'image'], dies: true },
    ],
  },
  {
    feature: 'qcow2 above a VMDK',
    make: [
      ...ext4('-t ext4', 'raw'),
      'qemu-img convert -f raw -O vmdk raw below',
      'qemu-img create -q -f qcow2 -b below -F vmdk image',
    ],
  },
  {
    feature: 'qcow2 above another one in the same directory',
    make: [...qcow2('-c'), 'qemu-img create -q -f qcow2 -b image -F qcow2 top'],
    image: 'top',
  },
  {
    feature: 'qcow2 above a raw disk',
    make: [...ext4('-t ext4', 'raw'), 'qemu-img create -q -f qcow2 -b raw -F raw image'],
  },
  {
    feature: 'qcow2 above a shorter one, some clusters written in each',
    make: [
      ...ext4('-t ext4', 'raw'),
      'qemu-img create -q -f qcow2 bottom 64M',
      ['qemu-io', '-c', 'write -q -P 7 0 40M', 'bottom'],
      'qemu-img create -q -f qcow2 -b bottom -F qcow2 middle 20M',
      'truncate -s 20M middle.raw',
      'dd if=raw of=middle.raw bs=1M count=20 conv=notrunc status=none',
      ['qemu-io', '-c', 'write -q -s middle.raw 0 20M', 'middle'],
      'qemu-img create -q -f qcow2 -b middle -F qcow2 image 64M',
      'dd if=raw of=rest bs=1M skip=20 status=none',
      ['qemu-io', '-c', 'write -q -s rest 20M 44M', 'image'],
    ],
  },
  {
    feature: 'qcow2 above one in another directory that is allowed',
    make: [
      'mkdir inside below',
      ...ext4('-t ext4', 'below/raw'),
      'qemu-img create -q -f qcow2 -u -b ../below/raw -F raw inside/image 64M',
    ],
    image: 'inside/image',
    options: ['--allow-backing', 'below'],
  },
  { feature: 'qcow2 with its data in another file', make: qcow2('-o data_file=data') },
  {
    feature: 'qcow2 with its data in another file, which is a raw disk',
    make: qcow2('-o data_file=data,data_file_raw=on'),
  },
];

const refused: readonly Row[] = [
  {
    feature: 'qcow2 above one in another directory',
    make: [
      'mkdir inside below',
      ...ext4('-t ext4', 'below/raw'),
      'qemu-img create -q -f qcow2 -u -b ../below/raw -F raw inside/image 64M',
    ],
    image: 'inside/image',
    refused: 'DISK_OTHER_FILE',
  },
  {
    feature: 'qcow2 above a file that is not there',
    make: ['qemu-img create -q -f qcow2 -u -b nowhere -F raw image 64M'],
    refused: 'DISK_OTHER_FILE',
  },
  {
    feature: 'qcow2 above an address',
    make: ['qemu-img create -q -f qcow2 -u -b nbd:localhost:1 -F raw image 64M'],
    refused: 'DISK_OTHER_FILE',
  },
  {
    feature: 'qcow2 above itself',
    make: ['qemu-img create -q -f qcow2 image 64M', 'qemu-img rebase -u -b image -F qcow2 image'],
    refused: 'DISK_OTHER_FILE',
  },
  {
    feature: 'more than 16 qcow2 above one another',
    make: [
      'qemu-img create -q -f qcow2 image-0 64M',
      ...Array.from(
        { length: 17 },
        (_, number) => `qemu-img create -q -f qcow2 -u -b image-${number} -F qcow2 image-${number + 1} 64M`,
      ),
    ],
    image: 'image-17',
    refused: 'DISK_OTHER_FILE',
  },
  {
    feature: 'qcow2 encrypted with LUKS',
    make: [
      `qemu-img create -q ${SECRET} -f qcow2 -o encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10 image 64M`,
    ],
    refused: 'QCOW2_ENCRYPTED',
  },
  {
    feature: 'qcow2 encrypted with AES',
    make: [`qemu-img create -q ${SECRET} -f qcow2 -o encrypt.format=aes,encrypt.key-secret=key image 64M`],
    refused: 'QCOW2_ENCRYPTED',
  },
  {
    feature: 'qcow2 marked as corrupt',
    make: [...qcow2(''), ...patch(79, 2)],
    refused: 'QCOW2_MALFORMED',
  },
  {
    feature: 'qcow2 with a feature that is not known',
    make: [...qcow2(''), ...patch(78, 1)],
    refused: 'QCOW2_UNSUPPORTED',
  },
  {
    feature: 'qcow2 cut at its end',
    make: [...qcow2(''), 'truncate -s -3M image'],
    refused: 'DISK_TRUNCATED',
  },
  {
    feature: 'a disk encrypted with LUKS 1',
    make: [
      'truncate -s 20M image',
      { write: 'key', text: 'secret' },
      'cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations 1000 --key-file key image',
    ],
    refused: 'FORMAT_UNREAD',
  },
  {
    feature: 'a disk encrypted with LUKS 2',
    make: [
      'truncate -s 20M image',
      { write: 'key', text: 'secret' },
      'cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file key image',
    ],
    refused: 'FORMAT_UNREAD',
  },
  { feature: 'swap space', make: ['truncate -s 4M image', 'mkswap -q image'], refused: 'FORMAT_UNREAD' },
  { feature: 'a file of zeros', make: ['truncate -s 4M image'], refused: 'INITRAMFS_NOTHING' },
  { feature: 'an empty file', make: ['truncate -s 0 image'], refused: 'IMAGE_EMPTY' },
];

export const containers: Group = {
  name: 'Containers of disks',
  page: 'disk-images.md',
  rows: [...read, ...others, ...compressed, ...refused],
};
