// Debian packages, RPM packages and their repositories.

import type { Group, Row, Step } from './row.ts';

/** Below /usr: what a package has in /lib is listed there. */
const TREE: readonly Step[] = ['mkdir package', 'cp -a {tree}/usr {tree}/etc package'];
const PLACES = [{ from: 'package' }];

const CONTROL =
  'Package: sample\nVersion: 1.0\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n';

function deb(options: string): readonly Step[] {
  return [
    ...TREE,
    'cp -a package control',
    'mkdir control/DEBIAN',
    { write: 'control/DEBIAN/control', text: CONTROL },
    `dpkg-deb --root-owner-group ${options} -b control image`,
  ];
}

/** As dpkg-deb made them before, by `ar`. */
function oldDeb(pack: string, suffix: string): readonly Step[] {
  return [
    ...TREE,
    { write: 'debian-binary', text: '2.0\n' },
    { write: 'control', text: CONTROL },
    'tar -czf control.tar.gz ./control',
    'tar -cf data.tar --owner=0 --group=0 -C package .',
    pack,
    `ar rc image debian-binary control.tar.gz data.tar${suffix}`,
  ];
}

const debs: readonly Row[] = [
  ...['none', 'gzip', 'xz', 'zstd'].map((compression): Row => ({
    feature: `a Debian package, ${compression === 'none' ? 'not compressed' : compression}`,
    make: deb(`-Z${compression} -z1`),
    lists: PLACES,
  })),
  { feature: 'a Debian package, bzip2', make: oldDeb('bzip2 data.tar', '.bz2'), lists: PLACES },
  { feature: 'a Debian package, lzma', make: oldDeb('xz -0 --format=lzma data.tar', '.lzma'), lists: PLACES },
  {
    feature: 'a Debian package with files in `/lib` and `/bin`, which are listed below `/usr`',
    make: [
      'mkdir control control/DEBIAN control/lib control/bin usr usr/usr usr/usr/lib usr/usr/bin',
      { write: 'control/DEBIAN/control', text: CONTROL },
      { write: 'control/lib/module', text: 'module\n' },
      { write: 'control/bin/program', text: 'program\n' },
      'dpkg-deb --root-owner-group -b control image',
      'cp control/lib/module usr/usr/lib',
      'cp control/bin/program usr/usr/bin',
    ],
    lists: [{ from: 'usr' }],
    notes: ['USR_MERGED'],
  },
  {
    feature: 'a Debian package whose data are compressed otherwise',
    make: oldDeb('lz4 -q data.tar data.tar.lz4', '.lz4'),
    refused: 'DEB_UNSUPPORTED',
  },
  {
    feature: 'a Debian package of another version',
    make: [
      { write: 'debian-binary', text: '3.0\n' },
      { write: 'control.tar', text: '' },
      { write: 'data.tar', text: '' },
      'ar rc image debian-binary control.tar data.tar',
    ],
    refused: 'DEB_UNSUPPORTED',
  },
  {
    feature: 'a Debian package without its data',
    make: [
      { write: 'debian-binary', text: '2.0\n' },
      { write: 'control.tar', text: '' },
      'ar rc image debian-binary control.tar',
    ],
    refused: 'DEB_MALFORMED',
  },
];

const SPEC = `Name: sample
Version: 1.0
Release: 2
Summary: x
License: x
BuildArch: noarch
%description
x
%install
cp -a %{_topdir}/../package/. %{buildroot}
%files
%defattr(-,root,root)
/usr
/etc
`;

function rpm(...macros: readonly string[]): readonly Step[] {
  const defined = [
    '_build_id_links none',
    '__os_install_post %{nil}',
    '_binary_payload w3.zstdio',
    ...macros,
  ];
  return [
    ...TREE,
    { write: 'sample.spec', text: SPEC },
    [
      'rpmbuild',
      '--quiet',
      '-bb',
      '--define',
      '_topdir {here}/top',
      ...defined.flatMap((macro) => ['--define', macro]),
      'sample.spec',
    ],
    'mv top/RPMS/noarch/sample-1.0-2.noarch.rpm image',
  ];
}

const REPOSITORY = (options: string): readonly Step[] => [
  ...rpm(),
  'mkdir repository',
  'mv image repository/sample.rpm',
  `createrepo_c -q ${options}repository`,
];

const rpms: readonly Row[] = [
  ...[
    { name: 'gzip', payload: 'w1.gzdio' },
    { name: 'xz', payload: 'w1.xzdio' },
    { name: 'zstd', payload: 'w3.zstdio' },
    { name: 'bzip2', payload: 'w9.bzdio' },
    { name: 'lzma', payload: 'w1.lzdio' },
    { name: 'not compressed', payload: 'w.ufdio' },
  ].map(({ name, payload }): Row => ({
    feature: `an RPM package, ${name}`,
    tree: 'ascii',
    make: rpm(`_binary_payload ${payload}`),
    lists: PLACES,
  })),
  ...[
    { name: 'MD5', number: 1 },
    { name: 'SHA-1', number: 2 },
    { name: 'SHA-384', number: 9 },
    { name: 'SHA-512', number: 10 },
  ].map(({ name, number }): Row => ({
    feature: `an RPM package whose files have digests of ${name}, which are compared`,
    tree: 'ascii',
    make: rpm(`_binary_filedigest_algorithm ${number}`),
    lists: PLACES,
  })),
  {
    feature: 'a source package',
    tree: 'ascii',
    make: [
      { write: 'sample.spec', text: SPEC },
      ['rpmbuild', '--quiet', '-bs', '--define', '_topdir {here}/top', 'sample.spec'],
      'mv top/SRPMS/sample-1.0-2.src.rpm image',
    ],
    refused: 'RPM_UNSUPPORTED',
  },
  {
    feature: 'an RPM package with a changed byte',
    tree: 'ascii',
    make: [
      ...rpm(),
      { write: 'byte', text: 'changed' },
      'dd if=byte of=image bs=1 seek=1000000 conv=notrunc status=none',
    ],
    refused: 'RPM_FILE_DIGEST_MISMATCH',
  },
  {
    feature: 'an RPM package that is cut',
    tree: 'ascii',
    make: [...rpm(), 'truncate -s -1000 image'],
    refused: 'RPM_DIGEST_MISMATCH',
  },
  ...[
    { name: 'gzip', options: '' },
    { name: 'xz', options: '--general-compress-type=xz ' },
    { name: 'bzip2', options: '--general-compress-type=bz2 ' },
    { name: 'SHA-512 checksums', options: '--checksum=sha512 ' },
  ].map(({ name, options }): Row => ({
    feature: `a repository of RPM packages, ${name}`,
    tree: 'ascii',
    make: REPOSITORY(options),
    image: 'repository',
    lists: PLACES,
  })),
  {
    feature: 'a repository of which a package is another one',
    tree: 'ascii',
    make: [...REPOSITORY(''), 'truncate -s +1 repository/sample.rpm'],
    image: 'repository',
    refused: 'REPOSITORY_FILE_WRONG',
  },
  {
    feature: 'a repository of which a package is missing',
    tree: 'ascii',
    make: [...REPOSITORY(''), 'rm repository/sample.rpm'],
    image: 'repository',
    refused: 'REPOSITORY_FILE_MISSING',
  },
];

export const packages: Group = { name: 'Packages', page: 'packages.md', rows: [...debs, ...rpms] };
