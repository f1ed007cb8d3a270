// Signatures of files, `security.ima` and `security.evm`, as debugfs, GNU tar's format and the kernel keep them.

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

/** A signature that may be copied with its file, and an HMAC, which is no signature. */
const portable = Buffer.from(`050204deadbeef0040${'5e'.repeat(64)}`, 'hex');
const hmac = Buffer.from(`02${'22'.repeat(20)}`, 'hex');

const evmAttributes: Readonly<Record<string, Buffer>> = { 'usr/bin/long': portable, 'usr/bin/digest': hmac };

/** Each file, with the attributes that it gets. */
function* eachAttribute(): Generator<{ file: string; attribute: string; value: Buffer }> {
  for (const [file, value] of Object.entries(attributes)) yield { file, attribute: 'security.ima', value };
  for (const [file, value] of Object.entries(evmAttributes)) {
    yield { file, attribute: 'security.evm', value };
  }
}

/** A small system whose files are named like their attributes. */
async function makeRoot(directory: string): Promise<string> {
  const root = join(directory, 'root');
  await mkdir(join(root, 'usr/bin'), { recursive: true });
  await mkdir(join(root, 'etc'));
  await writeFile(join(root, 'etc/os-release'), 'ID=test\n');
  for (const name of Object.keys(attributes)) await writeFile(join(root, name), name);
  return root;
}

type Signatures = Readonly<Record<string, { readonly ima?: string; readonly evm?: string }>>;

/** The signatures in the JSON form, by path. */
async function signatures(source: string): Promise<Signatures> {
  const { stdout, stderr, code } = await runCli([
    'extract',
    source,
    '--all-owners',
    '--json',
    '--signatures',
  ]);
  expect(code, stderr).toBe(0);
  const { files }: { files: { path: string; digests: { signature?: string; evmSignature?: string }[] }[] } =
    JSON.parse(stdout);
  return Object.fromEntries(
    files.flatMap(({ path, digests: [digest] }) => {
      const found = {
        ...(digest?.signature === undefined ? {} : { ima: digest.signature }),
        ...(digest?.evmSignature === undefined ? {} : { evm: digest.evmSignature }),
      };
      return Object.keys(found).length === 0 ? [] : [[path, found]];
    }),
  );
}

const EXPECTED = {
  '/usr/bin/short': { ima: short.toString('hex') },
  '/usr/bin/long': { ima: long.toString('hex'), evm: portable.toString('hex') },
};

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
    for (const { file, attribute, value } of eachAttribute()) {
      const source = join(directory, 'value');
      await writeFile(source, value);
      await run('debugfs', ['-w', '-R', `ea_set -f ${source} /${file} ${attribute}`, image]);
    }
    expect(await signatures(image)).toEqual(EXPECTED);
  });

  test('of tar, in PAX records', async (context) => {
    needsTool(context, 'python3');
    const directory = await freshDirectory();
    const script = `import io, sys, tarfile
with tarfile.open('image.tar', 'w', format=tarfile.PAX_FORMAT) as tar:
    files = {}
    for line in sys.stdin.read().split():
        name, attribute, value = line.split('=')
        headers = files.setdefault(name, {})
        headers['SCHILY.xattr.' + attribute] = bytes.fromhex(value).decode('utf-8', 'surrogateescape')
    for name, headers in files.items():
        member = tarfile.TarInfo(name)
        member.size = len(name)
        member.pax_headers = headers
        tar.addfile(member, io.BytesIO(name.encode()))
`;
    const lines = [...eachAttribute()].map(
      ({ file, attribute, value }) => `${file}=${attribute}=${value.toString('hex')}`,
    );
    const child = run('python3', ['-c', script], { cwd: directory });
    child.child.stdin?.end(lines.join('\n'));
    await child;
    expect(await signatures(join(directory, 'image.tar'))).toEqual(EXPECTED);
  });

  test('of a directory', async (context) => {
    needsTool(context, 'python3');
    const root = await makeRoot(await freshDirectory());
    const script = 'import os, sys\nos.setxattr(sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3]))';
    for (const { file, attribute, value } of eachAttribute()) {
      const set = await run('python3', [
        '-c',
        script,
        join(root, file),
        attribute,
        value.toString('hex'),
      ]).catch((error: unknown) => String(error));
      // Only root may, where the filesystem has them: no tool that could be installed.
      if (typeof set === 'string') return void context.skip(`${attribute} cannot be set here: ${set}`);
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
