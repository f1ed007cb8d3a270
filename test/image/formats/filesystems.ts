// Filesystems on a whole disk.

import type { Group, Row, Step } from './row.ts';
import { btrfs, ext4, patch, squashfs, xfs } from './steps.ts';

/** Changes an ext4 by debugfs. */
const debugfs = (...requests: readonly string[]): readonly Step[] => [
  { write: 'requests', text: requests.join('\n') },
  'debugfs -w -f requests image',
];

/** Compares two images, and says to debugfs which blocks to write to the journal; they go into the file `blocks`. */
const BLOCKS = `import sys
old, new = (open(name, 'rb').read() for name in sys.argv[1:3])
numbers = [at // 1024 for at in range(0, len(old), 1024) if old[at : at + 1024] != new[at : at + 1024]]
open(sys.argv[3], 'wb').write(b''.join(new[number * 1024 :][:1024] for number in numbers))
print('jo -c', 'jw -b %s %s' % (','.join(map(str, numbers)), sys.argv[3]), 'jc', sep='\\n')
`;

/** Features of mke2fs, in plain words. */
const EXT4: Readonly<Record<string, string>> = {
  'ext4 as mke2fs makes it': '-t ext4',
  'ext4, blocks of 1 KiB': '-t ext4 -b 1024',
  'ext4, blocks of 2 KiB, inodes of 1 KiB': '-t ext4 -b 2048 -I 1024',
  'ext4, checksums (metadata_csum, metadata_csum_seed), 64bit':
    '-t ext4 -O metadata_csum,64bit,metadata_csum_seed',
  'ext4, checksums of groups alone (uninit_bg)': '-t ext4 -O ^metadata_csum,uninit_bg',
  'ext4, no checksums, not 64bit': '-t ext4 -O ^metadata_csum,^64bit',
  'ext4, orphan_file': '-t ext4 -O orphan_file',
  'ext4, meta_bg': '-t ext4 -O meta_bg,^resize_inode -b 1024 -g 256',
  'ext4, no flex_bg': '-t ext4 -O ^flex_bg',
  'ext4, bigalloc': '-t ext4 -O bigalloc -C 16384',
  'ext4, casefold and large_dir': '-t ext4 -O large_dir,casefold',
  'ext4, quota, project, verity': '-t ext4 -O quota,project,verity',
  'ext4, sparse_super2': '-t ext4 -O sparse_super2',
  'ext4, ea_inode': '-t ext4 -O ea_inode',
  'ext4, mmp': '-t ext4 -O mmp',
  'ext4, fast_commit, unmounted': '-t ext4 -O fast_commit',
  'ext4, encrypt, without an encrypted file': '-t ext4 -O encrypt',
  'ext4, no journal': '-t ext4 -O ^has_journal',
  'ext4, block maps': '-t ext4 -O ^extents,^64bit',
  ext3: '-t ext3',
  'ext3, inodes of 128 bytes': '-t ext3 -I 128',
  ext2: '-t ext2',
  'ext2, blocks of 1 KiB, a superblock in each group':
    '-t ext2 -O ^sparse_super,^resize_inode -g 1024 -b 1024',
  'ext2, no file types in directories': '-t ext2 -O ^filetype',
};

const ext: readonly Row[] = [
  ...Object.entries(EXT4).map(([feature, options]): Row => ({ feature, make: ext4(options) })),
  {
    feature: 'ext4, inline_data',
    make: [
      'cp -a {tree} dense',
      // mke2fs 1.47.0 puts the pieces of sparse files somewhere else then, as Linux and debugfs show as well.
      'rm dense/usr/lib/hole dense/usr/lib/hole-between dense/usr/lib/hole-first dense/usr/lib/hole-last dense/usr/lib/pieces',
      'truncate -s 64M image',
      'mke2fs -q -F -t ext4 -O inline_data -I 256 -L root -E root_owner=0:0 -d dense image',
    ],
    lists: [{ from: 'dense' }],
  },
  {
    feature: 'ext4, directories with an index, checked and rebuilt by e2fsck',
    make: [...ext4('-t ext4 -b 1024'), { run: 'e2fsck -fyD image', ends: [0, 1] }],
  },
  {
    feature: 'ext4, grown by resize2fs',
    make: [
      ...ext4('-t ext4', 'image', '64M'),
      'truncate -s 200M image',
      'e2fsck -fp image',
      'resize2fs image',
    ],
  },
  {
    feature: 'ext4, deleted files, and a fragmented one in the places they left',
    make: [
      ...ext4('-t ext4 -b 1024', 'image', '24M'),
      // What is left is filled, then every second of many small files is removed again.
      'mkdir small',
      { write: 'small/file', text: 'small\n'.repeat(300) },
      ...debugfs(
        'mkdir gone',
        ...Array.from({ length: 2000 }, (_, number) => `write small/file gone/${number}`),
        ...Array.from({ length: 1000 }, (_, number) => `rm gone/${number * 2}`),
        'rm usr/bin/noise',
        'write {tree}/usr/lib/text usr/lib/fragmented',
        ...Array.from({ length: 1000 }, (_, number) => `rm gone/${number * 2 + 1}`),
        'rmdir gone',
      ),
      'cp -a {tree} left',
      'rm left/usr/bin/noise',
      'cp left/usr/lib/text left/usr/lib/fragmented',
    ],
    lists: [{ from: 'left' }],
  },
  {
    feature: 'ext4 beyond 4 GiB, all but empty',
    tree: 'huge',
    make: ext4('-t ext4', 'image', '16G'),
    isSlow: true,
  },
  {
    feature: 'ext4 whose journal has to be replayed: the note says so',
    tree: 'unlinked',
    make: [
      ...ext4('-t ext4 -b 1024 -O metadata_csum -J size=1', 'image', '32M'),
      'cp image later',
      {
        write: 'requests',
        text: 'rm /usr/bin/noise\nmkdir /usr/later\nwrite {tree}/usr/lib/mixed /usr/later/new\n',
      },
      'debugfs -w -f requests later',
      // The blocks in which the later one differs are written to the journal of the first alone.
      { write: 'blocks.py', text: BLOCKS },
      { run: 'python3 blocks.py image later blocks', to: 'requests' },
      'debugfs -w -f requests image',
      'cp -a {tree} replayed',
      'mkdir replayed/usr/later',
      'cp replayed/usr/lib/mixed replayed/usr/later/new',
      'rm replayed/usr/bin/noise',
    ],
    lists: [{ from: 'replayed' }],
    notes: ['JOURNAL_REPLAYED'],
  },
  {
    feature: 'ext4 that Linux left when it was stopped',
    make: [],
    image: '{root}/fixtures/ext4/crashed.qcow2',
    lists: [{ from: '{root}/fixtures/ext4/crashed.sha256' }],
    notes: ['JOURNAL_REPLAYED'],
  },
  {
    feature: 'ext4 with an encrypted file',
    make: [...ext4('-t ext4 -O ^metadata_csum'), ...debugfs('sif /usr/lib/text flags 0x80800')],
    refused: 'EXT4_ENCRYPTED',
  },
  {
    feature: 'ext4 with a feature that is not known',
    make: [...ext4('-t ext4 -O ^metadata_csum'), ...debugfs('ssv feature_incompat 0x80000002')],
    refused: 'EXT4_UNSUPPORTED',
  },
  {
    feature: 'ext4 with a journal on another device, to be replayed',
    make: [
      ...ext4('-t ext4 -O ^metadata_csum'),
      ...debugfs('feature needs_recovery', 'ssv journal_inum 0', 'ssv journal_dev 0x801'),
    ],
    refused: 'EXT4_JOURNAL_DIRTY',
  },
  {
    feature: 'ext4 that says to be larger than the image',
    make: [...ext4('-t ext4 -O ^metadata_csum'), ...debugfs('ssv blocks_count 9999999')],
    refused: 'DISK_TRUNCATED',
  },
  {
    feature: 'ext4 with a wrong checksum in its superblock',
    make: [...ext4('-t ext4 -O metadata_csum'), ...patch(1024 + 120, 7)],
    refused: 'EXT4_CHECKSUM_WRONG',
  },
];

/** Features of mkfs.xfs, in plain words. */
const XFS: Readonly<Record<string, string>> = {
  'XFS as mkfs.xfs makes it': '',
  'XFS, blocks of 1 KiB': '-b size=1024',
  'XFS, blocks of 16 KiB, sectors of 4 KiB': '-b size=16384 -s size=4096',
  'XFS, directory blocks of 64 KiB': '-n size=64k',
  'XFS, inodes of 2 KiB': '-i size=2048',
  'XFS, bigtime, nrext64, reflink, rmapbt, no sparse inodes':
    '-i sparse=0,nrext64=1 -m bigtime=1,inobtcount=1,reflink=1,rmapbt=1',
  'XFS without bigtime, finobt, inobtcount, reflink':
    '-i nrext64=0 -m bigtime=0,inobtcount=0,finobt=0,reflink=0',
  'XFS, four groups': '-d agcount=4',
  'XFS, version 4': '-m crc=0',
  'XFS, version 4, blocks of 512 bytes, small inodes': '-m crc=0 -b size=512 -i size=256',
  'XFS, version 4, file types in directories': '-m crc=0 -n ftype=1 -b size=1024 -n size=8k',
  'XFS, version 4, old attributes': '-m crc=0 -i attr=1,projid32bit=0 -l lazy-count=0',
  'XFS, version 4, names without case': '-m crc=0 -n version=ci',
};

/** What Linux wrote and no program that we could run here. */
const fixture = (folder: string, name: string): Pick<Row, 'make' | 'image' | 'lists'> => ({
  make: [],
  image: `{root}/fixtures/${folder}/${name}.qcow2`,
  lists: [{ from: `{root}/fixtures/${folder}/${name}.sha256` }],
});

const xfsRows: readonly Row[] = [
  ...Object.entries(XFS).map(([feature, options]): Row => ({
    feature,
    tree: 'blankless',
    make: xfs(options),
  })),
  {
    feature: 'XFS with another id than that of its metadata (meta_uuid)',
    tree: 'blankless',
    make: [...xfs(), 'xfs_admin -U 11111111-2222-3333-4444-555555555555 image'],
  },
  {
    feature: 'XFS of Linux: directories and files of every form, shared and reserved extents, holes',
    ...fixture('xfs', 'forms'),
  },
  { feature: 'XFS of Linux: the same in other sizes, nrext64, rmapbt', ...fixture('xfs', 'forms-8k') },
  { feature: 'XFS of Linux: 3.2 TiB, inode numbers beyond 32 bits', ...fixture('xfs', 'far') },
  {
    feature: 'XFS whose log has to be replayed',
    make: [],
    image: '{root}/fixtures/xfs/dirty-log.qcow2',
    refused: 'XFS_LOG_DIRTY',
  },
  {
    feature: 'XFS with its log on another device',
    tree: 'blankless',
    make: ['truncate -s 64M log', ...xfs('-l logdev=log,size=16M')],
    refused: 'XFS_UNSUPPORTED',
  },
  {
    feature: 'XFS that says that it needs repair',
    tree: 'blankless',
    make: [...xfs(), ['xfs_db', '-x', '-c', 'sb 0', '-c', 'write features_incompat 0x1b', 'image']],
    refused: 'XFS_NEEDS_REPAIR',
  },
  {
    feature: 'XFS with a wrong checksum in its superblock',
    tree: 'blankless',
    make: [...xfs(), ...patch(108, 65)],
    refused: 'XFS_CHECKSUM_WRONG',
  },
];

/** Features of mkfs.btrfs, in plain words. */
const BTRFS: Readonly<Record<string, string>> = {
  'btrfs as mkfs.btrfs makes it': '',
  'btrfs, data and metadata twice (DUP)': '-m dup -d dup',
  'btrfs, data and metadata once, xxhash': '-m single -d single --csum xxhash',
  'btrfs, SHA-256, nodes of 4 KiB': '--csum sha256 -n 4096',
  'btrfs, BLAKE2, nodes of 64 KiB': '--csum blake2 -n 64k',
  'btrfs, mixed groups': '--mixed',
  'btrfs without no-holes, skinny-metadata, extref': '-n 32k -O ^no-holes,^skinny-metadata,^extref',
  'btrfs, quota': '-R quota',
  'btrfs, shrunk': '--shrink',
};

const btrfsRows: readonly Row[] = [
  ...Object.entries(BTRFS).map(([feature, options]): Row => ({ feature, make: btrfs(options) })),
  {
    feature: 'btrfs converted from ext4, which stays in a subvolume',
    make: [
      ...ext4('-t ext4 -b 4096', 'image', '256M'),
      'cp -a {tree} converted',
      'mkdir converted/ext2_saved',
      'cp image converted/ext2_saved/image',
      'btrfs-convert -p image',
    ],
    lists: [{ from: 'converted' }],
  },
  { feature: 'btrfs of Linux: zlib, lzo, zstd, reserved and shared extents', ...fixture('btrfs', 'forms') },
  {
    feature: 'btrfs of Linux: subvolumes, a snapshot, an `fstab` with `subvol=`',
    ...fixture('btrfs', 'layout'),
  },
  { feature: 'btrfs of Linux: a default subvolume', ...fixture('btrfs', 'default') },
  {
    feature: 'btrfs with files in its log tree',
    make: [],
    image: '{root}/fixtures/btrfs/log-tree.qcow2',
    refused: 'BTRFS_LOG_DIRTY',
  },
  ...['single', 'raid1', 'raid0'].map((profile): Row => ({
    feature: `btrfs on two devices, data ${profile}`,
    make: ['truncate -s 128M image other', `mkfs.btrfs -q -d ${profile} image other`],
    refused: 'BTRFS_DEVICE_MISSING',
  })),
  {
    feature: 'btrfs that is a seed',
    make: [...btrfs(), 'btrfstune -f -S 1 image'],
    refused: 'BTRFS_UNSUPPORTED',
  },
  {
    feature: 'btrfs whose superblocks are all damaged',
    make: [...btrfs(), ...patch(0x1_0100, 7), ...patch(0x400_0100, 7)],
    refused: 'BTRFS_CHECKSUM_WRONG',
  },
];

/** Options of mksquashfs, in plain words. */
const SQUASHFS: Readonly<Record<string, string>> = {
  'squashfs, gzip': '-comp gzip',
  'squashfs, lzma': '-comp lzma',
  'squashfs, lzo': '-comp lzo',
  'squashfs, xz': '-comp xz',
  'squashfs, xz with a filter for x86': '-comp xz -Xbcj x86',
  'squashfs, lz4': '-comp lz4',
  'squashfs, lz4 with high compression': '-comp lz4 -Xhc',
  'squashfs, zstd': '-comp zstd',
  'squashfs, blocks of 4 KiB': '-comp zstd -b 4K',
  'squashfs, blocks of 1 MiB': '-comp gzip -b 1M',
  'squashfs, nothing compressed': '-noI -noD -noF -noX',
  'squashfs, no fragments': '-no-fragments',
  'squashfs, fragments of all files': '-always-use-fragments',
  'squashfs, duplicates and holes stored, no export table, no attributes':
    '-no-duplicates -no-sparse -no-exports -no-xattrs',
  'squashfs, not padded': '-nopad',
};

const squashfsRows: readonly Row[] = [
  ...Object.entries(SQUASHFS).map(([feature, options]): Row => ({ feature, make: squashfs(options) })),
  {
    feature: 'squashfs from a tar archive',
    make: [
      'tar -cf tree.tar --format=posix -C {tree} .',
      { run: 'sqfstar -quiet -no-progress image', from: 'tree.tar' },
    ],
  },
  {
    feature: 'squashfs beyond 4 GiB, all but empty',
    tree: 'huge',
    make: squashfs('-comp gzip'),
    isSlow: true,
  },
  {
    feature: 'squashfs of another version',
    make: [...squashfs(), ...patch(28, 3)],
    refused: 'SQUASHFS_UNSUPPORTED',
  },
  {
    feature: 'squashfs with a compression that is not known',
    make: [...squashfs(), ...patch(20, 9)],
    refused: 'SQUASHFS_UNSUPPORTED',
  },
  {
    feature: 'squashfs cut at its end',
    make: [...squashfs(), 'truncate -s -64K image'],
    refused: 'DISK_TRUNCATED',
  },
];

/** Options of mkfs.erofs, in plain words. */
const EROFS: Readonly<Record<string, string>> = {
  'EROFS, not compressed': '',
  'EROFS, lz4': '-zlz4 ',
  'EROFS, lz4 with high compression': '-zlz4hc ',
  'EROFS, lz4, clusters of 64 KiB': '-zlz4hc -C65536 ',
  'EROFS, lz4, tails with their inodes': '-zlz4 -Eztailpacking ',
  'EROFS, extended inodes': '-Eforce-inode-extended ',
  'EROFS, files in chunks': '--chunksize=4096 ',
};

// mkfs.erofs 1.5 takes no name of 255 bytes.
const erofsRows: readonly Row[] = Object.entries(EROFS).map(([feature, options]): Row => ({
  feature,
  tree: 'short',
  make: [`mkfs.erofs --quiet ${options}image {tree}`],
}));

const isoRows: readonly Row[] = [
  {
    feature: 'ISO 9660 with Rock Ridge, of genisoimage',
    make: ['genisoimage -quiet -D -R -o image {tree}'],
  },
  {
    feature: 'ISO 9660 with Rock Ridge, of xorriso',
    make: ['xorriso -as mkisofs -quiet -D -R -o image {tree}'],
  },
].map((row): Row => ({ ...row, tree: 'ascii' }));

export const filesystems: Group = {
  name: 'Filesystems',
  page: 'disk-images.md',
  rows: [...ext, ...xfsRows, ...btrfsRows, ...squashfsRows, ...erofsRows, ...isoRows],
};
