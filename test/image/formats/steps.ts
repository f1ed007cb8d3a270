// Steps that many rows begin with.

import type { Step } from './row.ts';

/** An ext4 filesystem of the tree. */
export function ext4(options = '-t ext4', name = 'image', size = '64M'): readonly Step[] {
  return [
    `truncate -s ${size} ${name}`,
    `mke2fs -q -F ${options} -L root -E root_owner=0:0 -d {tree} ${name}`,
  ];
}

/** An XFS of the tree, which has to be one without blanks. */
export function xfs(options = '', name = 'image', size = '160M'): readonly Step[] {
  const more = options === '' ? '' : `${options} `;
  return [
    { run: '{root}/.ci/xfs-prototype {tree}', to: 'prototype' },
    `truncate -s ${size} ${name}`,
    // Filesystems below 300 MB are for tests alone, and have to be asked for.
    `mkfs.xfs -q -f --unsupported -p prototype ${more}${name}`,
  ];
}

/** A btrfs of the tree. */
export function btrfs(options = '', name = 'image', size = '160M'): readonly Step[] {
  const more = options === '' ? '' : `${options} `;
  return [`truncate -s ${size} ${name}`, `mkfs.btrfs -q -L root --rootdir {tree} ${more}${name}`];
}

/** A squashfs of the tree. */
export function squashfs(options = '-comp gzip', name = 'image'): readonly Step[] {
  return [`mksquashfs {tree} ${name} -all-root -quiet -no-progress ${options}`];
}

/** A disk of a size with a table, by a script of sfdisk. */
export function table(script: string, size = '200M'): readonly Step[] {
  return [
    { write: 'table', text: script },
    `truncate -s ${size} image`,
    { run: 'sfdisk -q image', from: 'table' },
  ];
}

/** Puts a file into the disk, at a whole MiB. */
export function put(name: string, atMib: number): Step {
  return `dd if=${name} of=image bs=1M seek=${atMib} conv=notrunc,sparse status=none`;
}

/** Changes one byte of the image. */
export function patch(at: number, byte: number): readonly Step[] {
  return [
    { write: 'byte', text: String.fromCharCode(byte) },
    `dd if=byte of=image bs=1 seek=${at} conv=notrunc status=none`,
  ];
}
