// Signatures of files, `security.ima`, as debugfs, GNU tar's format and the kernel keep them.

import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { describe, expect, test } from 'vitest';

import { runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import { needsTool } from '../support/tools.ts';

const run = promisify(execFile);

/** Attributes as `evmctl` writes them: a kind, a version, a hash algorithm, a key, and the rest. */
const short = Buffer.from(`030204deadbeef0040${'5a'.repeat(64)}`, 'hex');
const long = Buffer.from(`030204deadbeef0100${'a5'.repeat(256)}`, 'hex');
/** A digest, which is no signature. */
const digest = Buffer.from(`0404${'11'.repeat(32)}`, 'hex');

const attributes: Readonly<Record<string, Buffer>> = {
  'usr/bin/short': short,
  'usr/bin/long': long,
  'usr/bin/digest': digest,
};

/** A small system whose files are named like their attributes. */
async function makeRoot(directory: string): Promise<string> {
  const root = join(directory, 'root');
  await mkdir(join(root, 'usr/bin'), { recursive: true });
  await mkdir(join(root, 'etc'));
  await writeFile(join(root, 'etc/os-release'), 'ID=test\n');
  for (const name of Object.keys(attributes)) await writeFile(join(root, name), name);
  return root;
}

/** The signatures in the JSON form, by path. */
async function signatures(source: string): Promise<Readonly<Record<string, string>>> {
  const { stdout, stderr, code } = await runCli([
    'extract',
    source,
    '--all-owners',
    '--json',
    '--signatures',
  ]);
  expect(code, stderr).toBe(0);
  const { files }: { files: { path: string; digests: { signature?: string }[] }[] } = JSON.parse(stdout);
  return Object.fromEntries(
    files.flatMap(({ path, digests }) => {
      const found = digests[0]?.signature;
      return found === undefined ? [] : [[path, found]];
    }),
  );
}

const EXPECTED = { '/usr/bin/short': short.toString('hex'), '/usr/bin/long': long.toString('hex') };

describe('signatures', () => {
  // Inodes of 128 bytes have no room for attributes: they stand in a block of their own.
  test.for(['256', '1024', '128'])('of ext4 with inodes of %s bytes', async (inodeBytes, context) => {
    needsTool(context, 'mke2fs', 'debugfs');
    const directory = await freshDirectory();
    const root = await makeRoot(directory);
    const image = join(directory, 'image');
    await run('mke2fs', [
      '-q',
      '-t',
      'ext4',
      '-I',
      inodeBytes,
      '-E',
      'root_owner=0:0',
      '-d',
      root,
      image,
      '8M',
    ]);
    for (const [name, value] of Object.entries(attributes)) {
      const file = join(directory, 'value');
      await writeFile(file, value);
      await run('debugfs', ['-w', '-R', `ea_set -f ${file} /${name} security.ima`, image]);
    }
    expect(await signatures(image)).toEqual(EXPECTED);
  });

  test('of tar, in PAX records', async (context) => {
    needsTool(context, 'python3');
    const directory = await freshDirectory();
    const script = `import io, sys, tarfile
with tarfile.open('image.tar', 'w', format=tarfile.PAX_FORMAT) as tar:
    for line in sys.stdin.read().split():
        name, value = line.split('=')
        member = tarfile.TarInfo(name)
        member.size = len(name)
        member.pax_headers = {'SCHILY.xattr.security.ima': bytes.fromhex(value).decode('utf-8', 'surrogateescape')}
        tar.addfile(member, io.BytesIO(name.encode()))
`;
    const lines = Object.entries(attributes).map(([name, value]) => `${name}=${value.toString('hex')}`);
    const child = run('python3', ['-c', script], { cwd: directory });
    child.child.stdin?.end(lines.join('\n'));
    await child;
    expect(await signatures(join(directory, 'image.tar'))).toEqual(EXPECTED);
  });

  test('of a directory', async (context) => {
    needsTool(context, 'python3');
    const root = await makeRoot(await freshDirectory());
    const script = 'import os, sys\nos.setxattr(sys.argv[1], "security.ima", bytes.fromhex(sys.argv[2]))';
    for (const [name, value] of Object.entries(attributes)) {
      const set = await run('python3', ['-c', script, join(root, name), value.toString('hex')]).catch(
        (error: unknown) => String(error),
      );
      // Only root may, where the filesystem has them: no tool that could be installed.
      if (typeof set === 'string') return void context.skip(`security.ima cannot be set here: ${set}`);
    }
    return expect(signatures(root)).resolves.toEqual(EXPECTED);
  });

  test('are read only if they are asked for, and have no place in a flat list', async () => {
    const root = await makeRoot(await freshDirectory());
    const { stdout } = await runCli(['extract', root, '--all-owners', '--json']);
    expect(stdout).not.toContain('signature');
    const refused = await runCli(['extract', root, '--all-owners', '--signatures']);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('--json');
  });
});
