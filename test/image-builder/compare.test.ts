// `image compare`: real images, and lists made as the script of the element keylime-agent makes them: with find and
// sha256sum, before the image is whole.

import { execFile } from 'node:child_process';
import { chown, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { describe, expect, test, type TestContext } from 'vitest';

import { compareWithBuildList } from '../../src/index.ts';
import { runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import { needsTool, skipAloud } from '../support/tools.ts';

const run = promisify(execFile);

/** The script's own choice of files (Keylime 6.2), but that it runs inside the image, where paths are absolute. */
const LIST_ROOT = `find $(ls | grep -v "\\bsys\\b\\|\\brun\\b\\|\\bproc\\b\\|\\blost+found\\b\\|\\bdev\\b\\|\\bmedia\\b\\|\\bsnap\\b\\|mnt") \
  \\( -fstype rootfs -o -xtype f -type l -o -type f \\) -uid 0 -exec $ALGORITHM '{}' \\; | sed 's|  |  /|'`;

/** What it does with an unpacked initramfs: SHA-1, whatever it was asked for. */
const LIST_RAMDISK = `find -type f -exec sha1sum "./{}" \\; | sed "s| \\./\\./| /|"`;

interface World {
  readonly directory: string;
  readonly root: string;
  readonly image: string;
  readonly list: string;
}

/** A root filesystem in files, and where its image and list will be. */
async function prepare(context: TestContext, files: Readonly<Record<string, string>>): Promise<World> {
  needsTool(context, 'mke2fs', 'qemu-img', 'sha256sum', 'find');
  if (process.getuid?.() !== 0) skipAloud(context, 'only root makes files of root');
  const directory = await freshDirectory();
  const root = join(directory, 'root');
  await write(root, files);
  const name = join(directory, 'keylime-image');
  return { directory, root, image: `${name}.qcow2`, list: `${name}-allowlist.txt` };
}

async function write(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
}

async function shell(
  script: string,
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  return (await run('sh', ['-ec', script], { cwd, env: { ...process.env, ...env } })).stdout;
}

/** As the element: the list, and its checksum by the path that it has in the image. */
async function writeList({ root, list }: World, algorithm = 'sha256sum', more = ''): Promise<void> {
  await writeFile(list, (await shell(LIST_ROOT, root, { ALGORITHM: algorithm })) + more);
  const { stdout } = await run('sha256sum', [list]);
  const checksum = stdout.replace(/ {2}.*/, '  /root/allowlist.txt');
  await writeFile(list.replace('-allowlist', '-checksum'), checksum);
}

async function writeImage({ directory, root, image }: World): Promise<void> {
  const raw = join(directory, 'raw');
  await run('mke2fs', ['-q', '-t', 'ext4', '-d', root, raw, '8M']);
  await run('qemu-img', ['convert', '-O', 'qcow2', raw, image]);
  await rm(raw);
}

async function writeRamdisk({ directory }: World, files: Readonly<Record<string, string>>): Promise<string> {
  const tree = join(directory, 'ramdisk');
  await write(tree, files);
  await shell('find . | cpio -o -H newc --quiet | gzip > ../keylime-image.initrd', tree);
  return shell(LIST_RAMDISK, tree);
}

const FILES = {
  'usr/bin/tool': 'tool\n',
  'usr/bin/two words': 'words\n',
  'etc/hosts': 'hosts\n',
  'var/lib/state': 'state\n',
  'tmp/keylime/setup.py': 'setup\n',
};

describe('an image and its own list', () => {
  test.for(['sha256sum', 'sha1sum'])('are the same, by %s', async (algorithm, context) => {
    const world = await prepare(context, FILES);
    await writeList(world, algorithm);
    await writeImage(world);
    const { stdout, stderr, code } = await runCli(['image', 'compare', 'keylime-image.qcow2'], {
      cwd: world.directory,
    });
    expect({ stdout, code }).toEqual({
      stdout: `keylime-image.qcow2 and keylime-image-allowlist.txt, by ${algorithm.replace('sum', '')}
checksum: OK by keylime-image-checksum.txt, which names /root/allowlist.txt
not compared: /dev /lost+found /media /mnt /proc /run /snap /sys, of which the list has nothing

5 same, 0 changed, 0 only in the image, 0 only in the list
`,
      code: 0,
    });
    expect(stderr).toContain('keylime-image.qcow2: 5 files');
  });

  test('are the same where the list has the files of the initramfs by SHA-1', async (context) => {
    needsTool(context, 'cpio', 'sha1sum');
    const world = await prepare(context, FILES);
    const more = await writeRamdisk(world, { init: 'init\n', 'usr/bin/tool': 'another tool\n' });
    await writeList(world, 'sha256sum', more);
    await writeImage(world);
    expect(await compareWithBuildList(world.image)).toMatchObject({
      isSame: true,
      algorithms: ['sha256', 'sha1'],
      ramdisk: join(world.directory, 'keylime-image.initrd'),
      counts: { same: 6, changed: 0, onlyInImage: 0, onlyInList: 0 },
    });
  });

  test('do not differ in a boot aggregate, which is the build machine’s', async (context) => {
    const world = await prepare(context, FILES);
    await writeList(world, 'sha256sum', `${'ab'.repeat(20)}  boot_aggregate\n`);
    await writeImage(world);
    expect(await compareWithBuildList(world.image)).toMatchObject({
      isSame: true,
      algorithms: ['sha256'],
      bootAggregate: 'ab'.repeat(20),
    });
  });
});

/** A list, and what a build does after it. */
async function build(context: TestContext): Promise<World> {
  const world = await prepare(context, {
    ...FILES,
    'usr/bin/changed': 'before\n',
    'usr/bin/given': 'away\n',
  });
  await symlink('tool', join(world.root, 'usr/bin/link'));
  await writeFile(join(world.root, 'usr/share-empty'), '');
  await symlink('../share-empty', join(world.root, 'usr/bin/empty-link'));
  await writeList(world);
  await write(world.root, {
    'usr/bin/changed': 'after\n',
    'usr/bin/new': 'new\n',
    'boot/initramfs-6.1.img': 'initramfs\n',
    'boot/grub2/grub.cfg': 'menu\n',
    'etc/hosts': 'other hosts\n',
    'etc/ld.so.cache': 'cache\n',
    'var/log/dnf.log': 'log\n',
    'root/allowlist.txt': 'list\n',
    'usr/lib/systemd/system/keylime-agent.service': 'service\n',
    'run/lock': 'not listed by anybody\n',
  });
  await rm(join(world.root, 'tmp/keylime'), { recursive: true });
  await chown(join(world.root, 'usr/bin/given'), 1000, 1000);
  await writeImage(world);
  return world;
}

describe('what a build does after its list', () => {
  test('is told apart by what is likely to have done it', async (context) => {
    const { image } = await build(context);
    const comparison = await compareWithBuildList(image);
    expect(comparison.differences.map(({ path, change, reason }) => `${change} ${reason} ${path}`)).toEqual([
      'only-in-image boot /boot/grub2/grub.cfg',
      'only-in-image boot /boot/initramfs-6.1.img',
      'changed configuration /etc/hosts',
      'only-in-image cache /etc/ld.so.cache',
      'only-in-image element /root/allowlist.txt',
      'only-in-list temporary /tmp/keylime/setup.py',
      'changed unknown /usr/bin/changed',
      'only-in-list unknown /usr/bin/empty-link',
      'only-in-list owner /usr/bin/given',
      'only-in-list link /usr/bin/link',
      'only-in-image unknown /usr/bin/new',
      'only-in-image element /usr/lib/systemd/system/keylime-agent.service',
      'only-in-image cache /var/log/dnf.log',
    ]);
    expect(comparison.counts).toEqual({ same: 4, changed: 2, onlyInImage: 7, onlyInList: 4 });
    expect(comparison.isSame).toBe(false);
  });

  test('is shown in groups, and is exit code 1', async (context) => {
    const { directory: cwd } = await build(context);
    const { stdout, code } = await runCli(['image', 'compare', 'keylime-image.qcow2', '-q'], { cwd });
    expect({ stdout, code }).toMatchSnapshot();
  });

  test('is JSON with --json, in a file with -o', async (context) => {
    const { directory: cwd } = await build(context);
    const result = await runCli(['image', 'compare', 'keylime-image.qcow2', '--json', '-o', 'x.json'], {
      cwd,
    });
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toContain('wrote x.json (');
    const { stdout } = await run('sha256sum', ['-c', 'x.json.sha256'], { cwd });
    expect(stdout).toBe('x.json: OK\n');
    const digest = async (text: string): Promise<string> =>
      (await shell(`printf %s "$TEXT" | sha256sum | cut -c -64`, cwd, { TEXT: text })).trim();
    const report = JSON.parse(await readFile(join(cwd, 'x.json'), 'utf8'));
    expect(report).toMatchObject({ schemaVersion: 1, image: 'keylime-image.qcow2' });
    expect(report.differences).toContainEqual({
      path: '/usr/bin/changed',
      change: 'changed',
      reason: 'unknown',
      inList: [await digest('before\n')],
      inImage: [await digest('after\n')],
    });
  });

  test('takes the initramfs of the end, and digests of another algorithm, for what they are', async (context) => {
    needsTool(context, 'cpio', 'sha1sum');
    const world = await prepare(context, FILES);
    const old = await writeRamdisk(world, { init: 'init\n', 'usr/bin/gone': 'gone\n' });
    await writeList(world, 'sha256sum', `${old}${'12'.repeat(20)}  /usr/bin/late\n`);
    await rm(join(world.directory, 'ramdisk/usr/bin/gone'));
    await writeRamdisk(world, { init: 'init\n', 'usr/bin/added': 'added\n' });
    await write(world.root, { 'usr/bin/late': 'late\n' });
    await writeImage(world);
    const { differences } = await compareWithBuildList(world.image);
    expect(differences.map(({ path, change, reason }) => `${change} ${reason} ${path}`)).toEqual([
      'only-in-image initramfs /usr/bin/added',
      'only-in-list initramfs /usr/bin/gone',
      'changed algorithm /usr/bin/late',
    ]);
  });
});

describe('the list', () => {
  test('may have another name, and need have no checksum', async (context) => {
    const world = await prepare(context, FILES);
    await writeList(world);
    await run('mv', [world.list, join(world.directory, 'mine.txt')]);
    const args = ['image', 'compare', 'root', 'mine.txt', '-q'];
    const { stdout, code } = await runCli(args, { cwd: world.directory });
    expect(code).toBe(0);
    expect(stdout).toContain('checksum: none beside the list\n');
  });

  test('that was altered does not have its checksum', async (context) => {
    const world = await prepare(context, FILES);
    await writeList(world);
    await writeImage(world);
    await writeFile(world.list, `${await readFile(world.list, 'utf8')}\n`);
    const { stdout, code } = await runCli(['image', 'compare', world.image, '-q']);
    expect(code).toBe(1);
    expect(stdout).toContain('checksum: WRONG: the list has ');
    expect(stdout).toContain('5 same, 0 changed, 0 only in the image, 0 only in the list\n');
  });

  test.each([
    { why: 'is not there', write: {}, says: 'SOURCE_NOT_FOUND' },
    {
      why: 'is none',
      write: { 'root-allowlist.txt': 'nothing of the kind\n' },
      says: 'ALLOWLIST_LINE_MALFORMED',
    },
    {
      why: 'has a checksum that is none',
      write: {
        'root-allowlist.txt': `${'ab'.repeat(32)}  /x\n`,
        'root-checksum.txt': 'abcd  /root/allowlist.txt\n',
      },
      says: 'INPUT_UNREADABLE',
    },
    {
      why: 'has two checksums',
      write: {
        'root-allowlist.txt': `${'ab'.repeat(32)}  /x\n`,
        'root-checksum.txt': `${'ab'.repeat(32)}  /a\n${'ab'.repeat(32)}  /b\n`,
      },
      says: 'INPUT_UNREADABLE',
    },
  ])('that $why is exit code 2', async ({ write: files, says }) => {
    const cwd = await freshDirectory();
    await write(cwd, { ...files, 'root/x': '' });
    const { stdout, stderr, code } = await runCli(['image', 'compare', 'root'], { cwd });
    expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
    expect(stderr).toContain(`[${says}]`);
  });

  test('is needed for an image on standard input', async () => {
    expect(await runCli(['image', 'compare', '-'])).toMatchObject({ code: 2, stdout: '' });
  });

  test('of an image that cannot be read is exit code 2', async () => {
    const cwd = await freshDirectory();
    await write(cwd, { 'image.qcow2': 'QFI\u00fb', 'image-allowlist.txt': `${'ab'.repeat(32)}  /x\n` });
    expect(await runCli(['image', 'compare', 'image.qcow2'], { cwd })).toMatchObject({ code: 2, stdout: '' });
  });
});
