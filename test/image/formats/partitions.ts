// Partition tables, volumes of LVM, and which partition is what.

import type { Group, Row, Step } from './row.ts';
import { ext4, put, table } from './steps.ts';

const LVM = 'E6D6D379-F507-44C2-A23C-238F2A3DF928';

/** A second filesystem, with one file. */
function other(name: string, label: string): readonly Step[] {
  return [
    `mkdir ${name}.d`,
    { write: `${name}.d/of-${name}`, text: name },
    `truncate -s 16M ${name}`,
    `mke2fs -q -F -t ext4 -L ${label} -d ${name}.d ${name}`,
  ];
}

/** A root with an `fstab`, and a table in which it is the second partition. */
function mounting(fstab: string, first: readonly Step[]): readonly Step[] {
  return [
    'cp -a {tree} root.d',
    { write: 'root.d/etc/fstab', text: fstab },
    'truncate -s 64M root',
    'mke2fs -q -F -t ext4 -L root -E root_owner=0:0 -d root.d root',
    ...first,
    ...table('label: gpt\nstart=2048, size=32768, type=L, name=FIRST\nstart=34816, size=131072, type=L\n'),
    put('root', 17),
  ];
}

const rootIs = (script: string, atMib: number): readonly Step[] => [
  ...ext4('-t ext4', 'root'),
  ...table(script),
  put('root', atMib),
];

const GPT =
  'label: gpt\nstart=2048, size=40960, type=21686148-6449-6E6F-744E-656564454649\nstart=43008, type=L\n';
const TWO_ROOTS = (type: string): readonly Step[] => [
  ...ext4('-t ext4', 'root'),
  ...table(`label: gpt\nstart=2048, size=131072, type=L\nstart=133120, size=131072, type=${type}\n`),
  put('root', 1),
  put('root', 65),
];

const tables: readonly Row[] = [
  { feature: 'no table: a filesystem on the whole disk', make: ext4() },
  { feature: 'MBR', make: rootIs('label: dos\nstart=2048, type=83\n', 1) },
  {
    feature: 'MBR with logical partitions',
    make: rootIs(
      'label: dos\nstart=2048, size=40960, type=83\nstart=65536, type=5\nstart=67584, size=40960, type=83\nstart=110592, type=83\n',
      54,
    ),
  },
  { feature: 'GPT', make: rootIs(GPT, 21) },
  {
    feature: 'GPT with a hybrid MBR: the GPT counts',
    make: [...rootIs(GPT, 21), 'sgdisk --hybrid=1 image'],
  },
  {
    feature: 'GPT with sectors of 4096 bytes',
    make: [
      ...ext4('-t ext4', 'root'),
      'truncate -s 100M image',
      { write: 'answers', text: 'g\nn\n\n\n\nw\n' },
      { run: 'fdisk -b 4096 image', from: 'answers' },
      put('root', 1),
    ],
  },
  {
    feature: 'GPT of which only the copy at the end is whole',
    make: [...rootIs(GPT, 21), 'dd if=/dev/zero of=image bs=512 seek=1 count=1 conv=notrunc status=none'],
    notes: ['GPT_BACKUP'],
  },
  {
    feature: 'GPT damaged at both ends',
    make: [
      ...rootIs(GPT, 21),
      'dd if=/dev/zero of=image bs=512 seek=1 count=1 conv=notrunc status=none',
      'dd if=/dev/zero of=image bs=512 seek=409599 count=1 conv=notrunc status=none',
    ],
    refused: 'PARTITION_TABLE_MALFORMED',
  },
  {
    feature: 'a disk cut inside a partition',
    make: [...rootIs('label: dos\nstart=2048, type=83\n', 1), 'truncate -s 100M image'],
    refused: 'DISK_TRUNCATED',
  },
];

const roots: readonly Row[] = [
  {
    feature: 'two systems, one of them in a partition with the type of a root',
    make: TWO_ROOTS('4f68bce3-e8cd-4db1-96e7-fbcaf984b709'),
  },
  { feature: 'two systems, one of them asked for', make: TWO_ROOTS('L'), options: ['--partition', '2'] },
  { feature: 'two systems alike', make: TWO_ROOTS('L'), refused: 'ROOT_AMBIGUOUS' },
  {
    feature: 'a partition asked for that is not there',
    make: TWO_ROOTS('L'),
    options: ['--partition', '3'],
    refused: 'PARTITION_MISSING',
  },
  {
    feature: 'partitions without a filesystem',
    make: table('label: gpt\nstart=2048, type=L\n'),
    refused: 'ROOT_MISSING',
  },
  ...[
    { kind: 'exFAT', mkfs: 'mkfs.exfat root' },
    { kind: 'F2FS', mkfs: 'mkfs.f2fs -q -f root' },
    { kind: 'NTFS', mkfs: 'mkfs.ntfs -q -F root' },
    { kind: 'FAT32', mkfs: 'mkfs.vfat -F 32 root' },
  ].map(({ kind, mkfs }): Row => ({
    feature: `${kind} as the only filesystem`,
    make: ['truncate -s 128M root', mkfs, ...table('label: gpt\nstart=2048, type=L\n'), put('root', 1)],
    refused: 'ROOT_MISSING',
  })),
];

const devices = ['LABEL=first', 'PARTLABEL=FIRST', '/dev/vda1', 'UUID=11111111-2222-3333-4444-555555555555'];
const ROOT_LINE = 'LABEL=root / ext4 defaults 0 1\n';
const BELOW = [{ from: 'root.d' }, { from: 'first.d', at: '/srv/first' }];

const mounts: readonly Row[] = [
  ...devices.map((device): Row => ({
    feature: `a filesystem that \`fstab\` mounts by ${device.replace(/=.*/, '=')}`,
    make: mounting(`${ROOT_LINE}${device} /srv/first ext4 x 0 0\n`, [
      ...other('first', 'first'),
      'tune2fs -U 11111111-2222-3333-4444-555555555555 first',
    ]).concat(put('first', 1)),
    lists: BELOW,
  })),
  {
    feature: 'files of the root below a mount point, which are hidden',
    make: mounting(`${ROOT_LINE}LABEL=first /usr/share ext4 x 0 0\n`, other('first', 'first')).concat(
      put('first', 1),
      'rm -r root.d/usr/share',
    ),
    lists: [{ from: 'root.d' }, { from: 'first.d', at: '/usr/share' }],
  },
  {
    feature: 'a device that `fstab` mounts and that is not in the image',
    make: mounting(`${ROOT_LINE}LABEL=nowhere /srv ext4 x 0 0\n`, []),
    refused: 'MOUNT_MISSING',
  },
  {
    feature: 'the same, and it may be missing (`nofail`)',
    make: mounting(`${ROOT_LINE}LABEL=nowhere /srv ext4 nofail 0 0\n`, []),
    lists: [{ from: 'root.d' }],
    notes: ['MOUNT_MISSING'],
  },
  {
    feature: 'a filesystem of another kind that `fstab` mounts',
    make: mounting(`${ROOT_LINE}/dev/vda1 /srv auto x 0 0\n`, [
      'truncate -s 16M first',
      'mkswap -q first',
    ]).concat(put('first', 1)),
    refused: 'FILESYSTEM_UNSUPPORTED',
  },
  {
    feature: 'the same, left out when asked to',
    make: mounting(`${ROOT_LINE}/dev/vda1 /srv auto x 0 0\n`, [
      'truncate -s 16M first',
      'mkswap -q first',
    ]).concat(put('first', 1)),
    options: ['--skip', '/srv'],
    lists: [{ from: 'root.d' }],
  },
  {
    feature: 'a subvolume of btrfs that `fstab` mounts and that is not there',
    make: [
      'cp -a {tree} root.d',
      { write: 'root.d/etc/fstab', text: 'LABEL=root /srv btrfs subvol=nowhere 0 0\n' },
      'truncate -s 160M image',
      'mkfs.btrfs -q -L root --rootdir root.d image',
    ],
    refused: 'BTRFS_SUBVOLUME_MISSING',
  },
];

/** One of the physical volumes that LVM's own programs wrote: a kernel without device-mapper cannot write more. */
const head = (name: string, atMib: number): Step =>
  `dd if={root}/fixtures/lvm/${name} of=image bs=1M seek=${atMib} conv=notrunc status=none`;

/** A volume with extents of 1 MiB: extents of the file, and where the group keeps them. */
const extents = (name: string, atMib: number, from: number, count: number): Step =>
  `dd if=${name} of=image bs=1M skip=${from} seek=${atMib} count=${count} conv=notrunc,sparse status=none`;

/** What diskimage-builder's `block-device-efi-lvm` makes; the root is in two pieces. */
function dib(root: string, at: { readonly first: string }): readonly Step[] {
  return [
    'cp -a {tree} root.d',
    'mkdir var.d home.d',
    { write: 'var.d/of-var', text: 'var' },
    { write: 'home.d/of-home', text: 'home' },
    {
      write: 'root.d/etc/fstab',
      text: `${root} / xfs x 0 1\n${at.first} /srv xfs x 0 0\nLABEL=HOME /boot xfs x 0 0\n`,
    },
    ...[
      { name: 'root', size: '64M', label: 'img-rootfs' },
      { name: 'var', size: '32M', label: 'VAR' },
      { name: 'home', size: '24M', label: 'HOME' },
    ].flatMap(({ name, size, label }): readonly Step[] => [
      { run: `{root}/.ci/xfs-prototype ${name}.d`, to: 'prototype' },
      `truncate -s ${size} ${name}`,
      `mkfs.xfs -q -f --unsupported -p prototype -L ${label} ${name}`,
    ]),
    ...table(`label: gpt\nstart=2048, size=16384, type=U\nstart=18432, size=389120, type=${LVM}\n`),
    head('dib', 9),
    extents('root', 10, 0, 40),
    extents('root', 90, 40, 24),
    extents('var', 50, 0, 32),
    extents('home', 130, 0, 24),
  ];
}

const DIB_PLACES = [{ from: 'root.d' }, { from: 'var.d', at: '/srv' }, { from: 'home.d', at: '/boot' }];

/** Two physical volumes with volumes of every type. */
const pair = (...more: readonly Step[]): readonly Step[] => [
  ...table(`label: gpt\nstart=2048, size=200704, type=${LVM}\nstart=202752, size=200704, type=${LVM}\n`),
  head('pair-a', 1),
  head('pair-b', 99),
  ...more,
];

const volumes: readonly Row[] = [
  {
    feature: 'LVM2: linear volumes of one group, one of them in two pieces',
    tree: 'blankless',
    make: dib('/dev/mapper/vg-lv_root', { first: '/dev/vg/lv_var' }),
    lists: DIB_PLACES,
  },
  {
    feature: 'LVM2: volumes that `fstab` mounts by label',
    tree: 'blankless',
    make: dib('LABEL=img-rootfs', { first: 'LABEL=VAR' }),
    lists: DIB_PLACES,
  },
  {
    feature: 'LVM2: a volume over two physical volumes, asked for',
    make: pair(...other('first', 'first'), extents('first', 2, 0, 10), extents('first', 140, 10, 6)),
    options: ['--partition', 'my-vg/over-both'],
    lists: [{ from: 'first.d' }],
  },
  ...['thin', 'mirrored', 'changes'].map((name): Row => ({
    feature: `LVM2: a volume that is ${{ thin: 'thin', mirrored: 'mirrored', changes: 'the store of a snapshot' }[name] ?? name}`,
    make: pair(),
    options: ['--partition', `my-vg/${name}`],
    refused: 'LVM_UNSUPPORTED',
  })),
  {
    feature: 'LVM2: a volume with a part on a disk that is not in the image',
    make: pair('dd if=/dev/zero of=image bs=1M seek=99 count=1 conv=notrunc status=none'),
    options: ['--partition', 'my-vg/over-both'],
    refused: 'LVM_INCOMPLETE',
  },
];

const esp = (options: string, size: string): readonly Step[] => [
  `truncate -s ${size} esp`,
  `mkfs.vfat ${options} -n ESP -i 1234ABCD esp`,
];

/** A root beside an ESP with the files of the tree, which has to be one that vfat can hold. */
function withEsp(device: string, made: readonly Step[]): readonly Step[] {
  return [
    'mkdir root.d root.d/etc root.d/usr root.d/boot root.d/boot/efi',
    { write: 'root.d/etc/os-release', text: 'ID=test\n' },
    { write: 'root.d/etc/fstab', text: `LABEL=root / ext4 x 0 1\n${device} /boot/efi vfat umask=0077 0 0\n` },
    'truncate -s 16M root',
    'mke2fs -q -F -t ext4 -L root -d root.d root',
    ...made,
    ...table('label: gpt\nstart=2048, size=32768, type=L\nstart=34816, size=163840, type=U\n'),
    put('root', 1),
    put('esp', 17),
  ];
}

const COPY = 'mcopy -s -i esp {tree}/etc {tree}/usr {tree}/EFI ::/';
const ESP_PLACES = [{ from: 'root.d' }, { from: '{tree}', at: '/boot/efi' }];

const esps: readonly Row[] = [
  ...[
    { name: 'FAT12', options: '-F 12 -s 64', size: '64M', device: 'LABEL=ESP' },
    { name: 'FAT16', options: '-F 16 -s 4', size: '64M', device: 'UUID=1234-ABCD' },
    { name: 'FAT32', options: '-F 32 -s 1', size: '64M', device: '/dev/vda2' },
    {
      name: 'FAT16 with sectors of 4096 bytes',
      options: '-F 16 -S 4096 -s 1',
      size: '64M',
      device: 'LABEL=ESP',
    },
  ].map(({ name, options, size, device }): Row => ({
    feature: `an ESP that is ${name}`,
    tree: 'portable',
    make: withEsp(device, [...esp(options, size), COPY]),
    lists: ESP_PLACES,
  })),
  {
    feature: 'an ESP with deleted files, and others in the places they left',
    tree: 'portable',
    make: withEsp('LABEL=ESP', [
      ...esp('-F 16 -s 4', '64M'),
      'mcopy -s -i esp {tree}/usr/share ::/GONE',
      'mcopy -i esp {tree}/usr/bin/noise ::/BETWEEN',
      'mdeltree -i esp ::/GONE',
      COPY,
      'mdel -i esp ::/BETWEEN',
    ]),
    lists: ESP_PLACES,
  },
];

export const partitions: Group = {
  name: 'Partitions and volumes',
  page: 'disk-images.md',
  rows: [...tables, ...volumes, ...roots, ...mounts, ...esps],
};
