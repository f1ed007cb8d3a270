// tar archives and container images.

import type { Group, Row, Step, TreeName } from './row.ts';

const tar = (options: string, name = 'image'): Step => `tar -cf ${name} ${options} -C {tree} .`;

const plain: readonly Row[] = [
  ...[
    { format: 'v7', options: '--format=v7 --owner=1 --group=1', tree: 'short' },
    { format: 'ustar', options: '--format=ustar --owner=1 --group=1', tree: 'short' },
    { format: 'old GNU', options: '--format=oldgnu', tree: 'awkward' },
    { format: 'GNU', options: '--format=gnu', tree: 'awkward' },
    { format: 'PAX', options: '--format=posix', tree: 'awkward' },
    { format: 'GNU, holes not stored', options: '-S --format=gnu', tree: 'awkward' },
    { format: 'old GNU, holes not stored', options: '-S --format=oldgnu', tree: 'awkward' },
    {
      format: 'PAX, holes not stored, 0.0',
      options: '-S --format=posix --sparse-version=0.0',
      tree: 'awkward',
    },
    {
      format: 'PAX, holes not stored, 0.1',
      options: '-S --format=posix --sparse-version=0.1',
      tree: 'awkward',
    },
    {
      format: 'PAX, holes not stored, 1.0',
      options: '-S --format=posix --sparse-version=1.0',
      tree: 'awkward',
    },
    { format: 'GNU with a label', options: '--format=gnu --label=root', tree: 'awkward' },
    {
      format: 'PAX with global headers',
      options: '--format=posix --pax-option=globexthdr.name=g,comment=x',
      tree: 'awkward',
    },
    {
      format: 'PAX with all attributes',
      options: '--format=posix --xattrs --acls --selinux',
      tree: 'awkward',
    },
    { format: 'GNU, sorted, blocks of 1 MiB', options: '--format=gnu --sort=name -b 2048', tree: 'awkward' },
  ].map(({ format, options, tree }): Row => ({
    feature: `tar, ${format}`,
    tree: nameOf(tree),
    make: [tar(options)],
  })),
  ...[
    { format: 'v7tar', options: '--uid 1 --gid 1', tree: 'short' },
    { format: 'ustar', options: '--uid 1 --gid 1', tree: 'short' },
    { format: 'gnutar', options: '--uid 1 --gid 1', tree: 'awkward' },
    { format: 'pax', options: '', tree: 'awkward' },
    { format: 'paxr', options: '', tree: 'awkward' },
  ].map(({ format, options, tree }): Row => ({
    feature: `tar of bsdtar, ${format}`,
    tree: nameOf(tree),
    make: [`bsdtar --format=${format} ${options} -cf image -C {tree} .`.replaceAll('  ', ' ')],
  })),
  {
    feature: 'tar of Python',
    make: [
      {
        write: 'make.py',
        text: "import sys, tarfile\nwith tarfile.open('image', 'w', errors='surrogateescape') as tar: tar.add(sys.argv[1], '.')\n",
      },
      'python3 make.py {tree}',
    ],
  },
  {
    feature: 'tar to which members were added again: the last one counts',
    make: [
      tar('--format=posix'),
      'mkdir new new/usr new/usr/bin',
      { write: 'new/usr/bin/noise-2', text: 'added\n' },
      { write: 'new/etc-os-release', text: '' },
      'mkdir new/etc',
      { write: 'new/etc/os-release', text: 'ID=newer\n' },
      'tar -rf image -C new usr etc',
      'cp -a {tree} both',
      'cp new/usr/bin/noise-2 both/usr/bin/noise-2',
      'cp --remove-destination new/etc/os-release both/etc/os-release',
    ],
    lists: [{ from: 'both' }],
    notes: ['DUPLICATE_PATH'],
  },
  {
    feature: 'tar beyond 4 GiB, holes not stored',
    tree: 'huge',
    make: [tar('-S --format=posix')],
    isSlow: true,
  },
  ...[
    { name: 'gzip', pack: 'gzip image', packed: 'image.gz' },
    { name: 'bzip2', pack: 'bzip2 image', packed: 'image.bz2' },
    { name: 'xz', pack: 'xz -0 image', packed: 'image.xz' },
    { name: 'lzma', pack: 'xz -0 --format=lzma image', packed: 'image.lzma' },
    { name: 'zstd', pack: 'zstd -q image -o image.zst', packed: 'image.zst' },
    { name: 'lz4', pack: 'lz4 -q image image.lz4', packed: 'image.lz4' },
    { name: 'lz4, its older frame', pack: 'lz4 -q -l image image.lz4', packed: 'image.lz4' },
    { name: 'lzop', pack: 'lzop image -o image.lzo', packed: 'image.lzo' },
  ].map(({ name, pack, packed }): Row => ({
    feature: `tar, compressed by ${name}`,
    make: [tar('--format=posix'), pack],
    image: packed,
  })),
  ...[
    { name: 'gzip', pack: ['gzip a', 'gzip b'], suffix: 'gz' },
    { name: 'bzip2', pack: ['bzip2 a', 'bzip2 b'], suffix: 'bz2' },
    { name: 'xz', pack: ['xz -0 a', 'xz -0 b'], suffix: 'xz' },
    { name: 'zstd', pack: ['zstd -q a -o a.zst', 'zstd -q b -o b.zst'], suffix: 'zst' },
    { name: 'lz4', pack: ['lz4 -q a a.lz4', 'lz4 -q b b.lz4'], suffix: 'lz4' },
  ].map(({ name, pack, suffix }): Row => ({
    feature: `tar in two streams of ${name}`,
    make: [
      tar('--format=posix', 'whole'),
      'dd if=whole of=a bs=1000 count=1000 status=none',
      'dd if=whole of=b bs=1000 skip=1000 status=none',
      ...pack,
      { run: `cat a.${suffix} b.${suffix}`, to: 'image' },
    ],
  })),
];

const refused: readonly Row[] = [
  {
    feature: 'tar in several volumes, the second',
    make: [
      'tar -c --format=gnu -M -L 300 -f image -f image-2 -f image-3 -f image-4 -f image-5 -C {tree} usr/bin/noise',
    ],
    image: 'image-2',
    refused: 'TAR_TYPE_UNKNOWN',
  },
  {
    feature: 'tar cut in the middle',
    make: [tar('--format=posix'), 'truncate -s 1000000 image'],
    refused: 'TAR_TRUNCATED',
  },
  {
    feature: 'tar without its end',
    make: ['tar -cf image --format=posix -b 1 -C {tree} etc/os-release', 'truncate -s -1024 image'],
    refused: 'TAR_END_MISSING',
  },
  {
    feature: 'tar with a changed header',
    make: [
      tar('--format=posix'),
      { write: 'byte', text: 'x' },
      'dd if=byte of=image bs=1 seek=1030 conv=notrunc status=none',
    ],
    refused: 'TAR_CHECKSUM_WRONG',
  },
  {
    feature: 'tar in a cut stream of gzip',
    make: [tar('--format=posix'), 'gzip image', 'truncate -s -10K image.gz'],
    image: 'image.gz',
    refused: 'TAR_STREAM_TRUNCATED',
  },
  {
    feature: 'tar with something behind its stream',
    make: [
      tar('--format=posix'),
      'zstd -q image -o image.zst',
      { write: 'more', text: 'something else' },
      { run: 'cat image.zst more', to: 'both' },
    ],
    image: 'both',
    refused: 'TAR_STREAM_CORRUPT',
  },
  {
    feature: 'tar with names that lead out of it',
    make: [['tar', '-cPf', 'image', '--transform=s,^etc,../etc,', '-C', '{tree}', 'etc/os-release']],
    refused: 'TAR_NAME_REFUSED',
  },
  {
    feature: 'tar with a hard link to nothing',
    make: [
      'tar -cf image -C {tree} etc/linked-again usr/share/sizes/linked usr/share/sizes/61',
      'tar --delete -f image etc/linked-again',
    ],
    refused: 'TAR_LINK_TARGET_MISSING',
  },
  {
    feature: 'zip',
    make: ['bsdtar --format=zip -cf image -C {tree} etc/os-release'],
    refused: 'FORMAT_UNKNOWN',
  },
  {
    feature: '7-Zip',
    make: ['bsdtar --format=7zip -cf image -C {tree} etc/os-release'],
    refused: 'FORMAT_UNKNOWN',
  },
];

export const archives: Group = { name: 'Archives', page: 'archives.md', rows: [...plain, ...refused] };

/** A layout of umoci: a first layer of the tree, and one in which files are changed, removed and replaced. */
const LAYOUT: readonly Step[] = [
  'umoci init --layout layout',
  'umoci new --image layout:it',
  'umoci insert --rootless --image layout:it {tree} /',
];
const CHANGED: readonly Step[] = [
  ...LAYOUT,
  'umoci unpack --rootless --image layout:it work',
  'rm -r work/rootfs/usr/share/many',
  'rm work/rootfs/usr/bin/noise work/rootfs/etc/os-release',
  'mkdir work/rootfs/usr/share/many',
  { write: 'work/rootfs/usr/share/many/one', text: 'one of none\n' },
  { write: 'work/rootfs/etc/os-release', text: 'ID=changed\n' },
  'umoci repack --image layout:it work',
  'mkdir only',
  { write: 'only/this', text: 'this\n' },
  'umoci insert --rootless --opaque --image layout:it only /usr/share/sizes',
  'umoci unpack --rootless --image layout:it unpacked',
];
const UNPACKED = [{ from: 'unpacked/rootfs' }];
const skopeo = (to: string): Step => `skopeo --insecure-policy copy -q oci:layout:it ${to}`;

const images: readonly Row[] = [
  { feature: 'an OCI layout of one layer', tree: 'ascii', make: LAYOUT, image: 'layout' },
  {
    feature: 'an OCI layout of layers that change, remove and hide files',
    tree: 'ascii',
    make: CHANGED,
    image: 'layout',
    lists: UNPACKED,
  },
  ...[
    { name: 'an OCI layout, layers compressed by gzip', to: 'oci:image --dest-compress-format gzip' },
    {
      name: 'an OCI layout, layers compressed by zstd',
      to: 'oci:image --dest-compress-format zstd --dest-compress',
    },
    { name: 'an OCI archive', to: 'oci-archive:image:it' },
    { name: 'an archive of `docker save`', to: 'docker-archive:image:name:tag' },
  ].map(({ name, to }): Row => ({
    feature: name,
    tree: 'ascii',
    make: [...CHANGED, skopeo(to)],
    lists: UNPACKED,
  })),
  ...[
    {
      name: 'an OCI archive, compressed by zstd',
      to: 'oci-archive:image:it',
      pack: 'zstd -q image -o packed',
    },
    {
      name: 'an archive of `docker save`, compressed by gzip',
      to: 'docker-archive:image:name:tag',
      pack: 'gzip -S .packed image',
    },
  ].map(({ name, to, pack }): Row => ({
    feature: name,
    tree: 'ascii',
    make: [...LAYOUT, skopeo(to), pack],
    image: pack.endsWith('packed') ? 'packed' : 'image.packed',
  })),
  {
    feature: 'an OCI layout of several images, one asked for',
    tree: 'ascii',
    make: [...LAYOUT, 'umoci new --image layout:empty'],
    image: 'layout',
    options: ['--image-name', 'it'],
  },
  {
    feature: 'an OCI layout of several images',
    tree: 'ascii',
    make: [...LAYOUT, 'umoci new --image layout:empty'],
    image: 'layout',
    refused: 'OCI_IMAGE_AMBIGUOUS',
  },
  {
    feature: "skopeo's `dir:`",
    tree: 'ascii',
    make: [...LAYOUT, skopeo('dir:image')],
    refused: 'CONTAINER_IMAGE',
  },
  {
    feature: 'encrypted layers',
    tree: 'ascii',
    make: [
      ...LAYOUT,
      'openssl genrsa -out key.pem 2048',
      'openssl rsa -in key.pem -pubout -out public.pem',
      skopeo('--encryption-key jwe:public.pem oci:image:it'),
    ],
    refused: 'OCI_MEDIA_TYPE_REFUSED',
  },
  {
    feature: 'a layer with a changed byte',
    tree: 'ascii',
    make: [
      ...LAYOUT,
      {
        write: 'change.py',
        text: "import os\nname = max((os.path.join('layout/blobs/sha256', each) for each in os.listdir('layout/blobs/sha256')), key=os.path.getsize)\nwith open(name, 'r+b') as blob:\n    blob.seek(99999)\n    byte = blob.read(1)\n    blob.seek(99999)\n    blob.write(bytes([byte[0] ^ 1]))\n",
      },
      'python3 change.py',
    ],
    image: 'layout',
    refused: 'OCI_DIGEST_MISMATCH',
  },
  {
    feature: 'an OCI layout without its blobs',
    tree: 'ascii',
    make: [...LAYOUT, 'rm -r layout/blobs', 'mkdir layout/blobs'],
    image: 'layout',
    refused: 'OCI_BLOB_MISSING',
  },
  {
    feature: 'a container image among other files',
    tree: 'ascii',
    make: [...LAYOUT, 'tar -cf image -C layout . -C {tree} etc'],
    refused: 'TAR_CONTAINER_IMAGE',
  },
];

export const containerImages: Group = {
  name: 'Container images',
  page: 'archives.md#container-images',
  rows: images,
};

function nameOf(tree: string): TreeName {
  return tree === 'short' ? 'short' : 'awkward';
}
