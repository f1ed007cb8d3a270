// Initramfs images and unified kernel images. Those of dracut and initramfs-tools have tests of their own.

import type { Group, Row, Step } from './row.ts';

/** An archive of the tree, as dracut makes it. */
const cpio = (format = 'newc', name = 'image'): readonly Step[] => [
  'find {tree} -mindepth 1 -fprintf names %P\\0',
  { run: `cpio -o -0 --quiet -H ${format} -D {tree}`, from: 'names', to: name },
];

/** An archive in front, with microcode; and one behind, that replaces a file. */
const EARLY: readonly Step[] = [
  'mkdir early early/kernel early/kernel/x86',
  { write: 'early/kernel/x86/microcode.bin', text: 'microcode\n' },
  { write: 'early.names', text: 'kernel\nkernel/x86\nkernel/x86/microcode.bin\n' },
  { run: 'cpio -o --quiet -H newc -D early', from: 'early.names', to: 'early.cpio' },
];
const OVERLAY: readonly Step[] = [
  'mkdir over over/etc',
  { write: 'over/etc/os-release', text: 'ID=overlaid\n' },
  { write: 'over.names', text: 'etc/os-release\n' },
  { run: 'cpio -o --quiet -H newc -D over', from: 'over.names', to: 'over.cpio' },
];
const ALL: readonly Step[] = [
  'cp -a {tree} all',
  'cp -a early/kernel all',
  'cp --remove-destination over/etc/os-release all/etc/os-release',
];

const COMPRESSIONS = [
  { name: 'gzip', pack: 'gzip image', packed: 'image.gz' },
  { name: 'bzip2', pack: 'bzip2 image', packed: 'image.bz2' },
  { name: 'xz', pack: 'xz -0 --check=crc32 image', packed: 'image.xz' },
  { name: 'lzma', pack: 'xz -0 --format=lzma image', packed: 'image.lzma' },
  { name: 'lzop', pack: 'lzop image -o image.lzo', packed: 'image.lzo' },
  { name: 'lz4, its older frame', pack: 'lz4 -q -l image image.lz4', packed: 'image.lz4' },
  { name: 'zstd', pack: 'zstd -q image -o image.zst', packed: 'image.zst' },
] as const;

const STUB = '/usr/lib/systemd/boot/efi/linuxx64.efi.stub';

const initramfsRows: readonly Row[] = [
  { feature: 'an initramfs, newc', make: cpio() },
  { feature: 'an initramfs, newc with checksums (crc)', make: cpio('crc') },
  { feature: 'an initramfs, newc, of bsdtar', make: ['bsdtar --format=newc -cf image -C {tree} .'] },
  ...COMPRESSIONS.map(({ name, pack, packed }): Row => ({
    feature: `an initramfs, compressed by ${name}`,
    make: [...cpio(), pack],
    image: packed,
  })),
  {
    feature: 'an initramfs in xz with CRC64, which the kernel would not read',
    make: [...cpio(), 'xz -0 --check=crc64 image'],
    image: 'image.xz',
    notes: ['KERNEL_REFUSES_SEGMENT'],
  },
  {
    feature: "an initramfs in lz4's newer frame, which the kernel would not read",
    make: [...cpio(), 'lz4 -q image image.lz4'],
    image: 'image.lz4',
    notes: ['KERNEL_REFUSES_SEGMENT'],
  },
  ...COMPRESSIONS.filter(({ name }) => !name.startsWith('lz4')).map(({ name, pack, packed }): Row => ({
    feature: `an initramfs of three segments: plain, ${name}, plain`,
    make: [
      ...EARLY,
      ...cpio(),
      pack,
      ...OVERLAY,
      'truncate -s %4 early.cpio',
      `truncate -s %4 ${packed}`,
      { run: `cat early.cpio ${packed} over.cpio`, to: 'segments' },
      ...ALL,
    ],
    image: 'segments',
    lists: [{ from: 'all' }],
  })),
  {
    feature: 'a unified kernel image',
    make: [
      ...cpio(),
      'zstd -q image -o initrd',
      { write: 'release', text: 'ID=test\n' },
      { write: 'kernel', text: 'kernel\n' },
      [
        'objcopy',
        ...[
          ['.osrel', 'release', '0x20000'],
          ['.linux', 'kernel', '0x2000000'],
          ['.initrd', 'initrd', '0x3000000'],
        ].flatMap(([name, file, at]) => [
          '--add-section',
          `${name}=${file}`,
          '--change-section-vma',
          `${name}=${at}`,
        ]),
        STUB,
        'uki',
      ],
    ],
    image: 'uki',
    needs: STUB,
    notes: ['UKI_ADDS_AT_BOOT'],
  },
  ...['odc', 'bin'].map((format): Row => ({
    feature: `cpio, ${format === 'odc' ? 'portable ASCII (odc)' : 'binary'}, which the kernel refuses`,
    tree: 'ascii',
    make: cpio(format),
    refused: 'CPIO_FORMAT_REFUSED',
  })),
  {
    feature: 'an initramfs that is cut',
    make: [...cpio(), 'truncate -s 1000000 image'],
    refused: 'CPIO_TRUNCATED',
  },
  {
    feature: 'an initramfs in a cut stream of zstd',
    make: [...cpio(), 'zstd -q image -o image.zst', 'truncate -s -10K image.zst'],
    image: 'image.zst',
    refused: 'SEGMENT_TRUNCATED',
  },
  {
    feature: 'an archive that goes on in another segment',
    make: [
      ...cpio(),
      'dd if=image of=a bs=1000 count=1000 status=none',
      'dd if=image of=b bs=1000 skip=1000 status=none',
      'gzip a b',
      { run: 'cat a.gz b.gz', to: 'both' },
    ],
    image: 'both',
    refused: 'CPIO_SPLIT',
  },
  {
    feature: 'an initramfs with checksums, and a file with a changed byte',
    make: [
      ...cpio('crc'),
      {
        write: 'change.py',
        text: "data = open('image', 'rb').read()\nopen('image', 'wb').write(data.replace(b'ID=test', b'ID=text'))\n",
      },
      'python3 change.py',
    ],
    refused: 'CPIO_CHECKSUM_WRONG',
  },
];

export const initramfs: Group = { name: 'Initramfs images', page: 'initramfs.md', rows: initramfsRows };
