// Real images of dracut and initramfs-tools, made by .ci/make-images, against cpio and sha256sum, and Keylime; and a Debian
// on disks with every main filesystem, made by .ci/make-disks, against sha256sum of the directory that they were made of.

import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

import { describe, expect, test } from 'vitest';

import { runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import { digestsOf, needsKeylime } from '../support/keylime.ts';
import { skipAloud } from '../support/tools.ts';

const directory = process.env['IMA_ASSAY_IMAGES'];
const images = directory ? readdirSync(directory).filter((name) => name.endsWith('.img')) : [];
const disks = directory ? readdirSync(directory).filter((name) => /^disk-\w+\.qcow2$/.test(name)) : [];
// Keylime's reader loses or refuses whatever follows a compressed segment, and the kernel's own form of lz4.
const single = images.filter((image) => !/overlay|kernel|lz4-legacy/.test(image));

describe('a real initramfs yields what cpio unpacks', () => {
  test('there are images to read', (context) => {
    if (!directory) skipAloud(context, 'IMA_ASSAY_IMAGES names no directory of .ci/make-images');
    expect(images).not.toEqual([]);
  });

  test.each(images)('%s', async (image) => {
    const path = resolve(join(directory ?? '', image));
    const expected = await readFile(`${path}.expected`, 'latin1');
    const { stdoutBytes, stderr, code } = await runCli(['extract', path]);
    // A list of lines: a failure then shows the files that differ.
    expect(stdoutBytes.toString('latin1').split('\n')).toEqual(expected.split('\n'));
    expect({ code, stderr }).toMatchObject({ code: 0 });
  });
});

describe('a Debian on a disk, with an ESP beside it, yields what was put there', () => {
  test('there is a disk of each filesystem', (context) => {
    if (!directory) skipAloud(context, 'IMA_ASSAY_IMAGES names no directory of .ci/make-disks');
    expect(disks).toEqual(['btrfs', 'ext4', 'squashfs', 'xfs'].map((name) => `disk-${name}.qcow2`));
  });

  test.each(disks)('%s', async (disk) => {
    const path = resolve(join(directory ?? '', disk));
    const expected = await readFile(`${path}.expected`, 'latin1');
    // One file is of another owner, and /var is full of them.
    const { stdoutBytes, stderr, code } = await runCli([
      'extract',
      path,
      '--all-owners',
      '--no-default-skips',
    ]);
    expect(stdoutBytes.toString('latin1').split('\n').toSorted()).toEqual(expected.split('\n').toSorted());
    expect({ code, stderr }).toMatchObject({ code: 0 });
  });
});

describe.skipIf(single.length === 0)(
  "a real initramfs of one segment yields what Keylime's generator lists",
  () => {
    test.for(single)('%s', async (image, context) => {
      const keylime = needsKeylime(context);
      const scratch = await freshDirectory();
      const ramdisks = join(scratch, 'ramdisks');
      const theirs = join(scratch, 'theirs.json');
      await mkdir(ramdisks);
      const path = resolve(join(directory ?? '', image));
      await copyFile(path, join(ramdisks, 'initrd.img')); // it looks at the name
      const generate = ['create', 'runtime', '--ramdisk-dir', ramdisks, '-o', theirs];
      await promisify(execFile)(join(keylime, 'bin/keylime-policy'), generate);
      const ours = await runCli(['extract', path, '--format', 'runtime-policy']);
      expect(digestsOf(ours.stdout)).toEqual(digestsOf(await readFile(theirs, 'utf8')));
    });
  },
);
