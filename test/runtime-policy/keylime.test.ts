// What Keylime itself says of our policies, and what its generator makes of the same tree.

import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect, test } from 'vitest';

import { runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import { digestsOf, needsKeylime } from '../support/keylime.ts';
import { skipAloud } from '../support/tools.ts';

/** Loads the policy as the verifier does, and prints it as Python writes it. */
const LOAD = `
import json, sys
from keylime.ima import ima
with open(sys.argv[1]) as file:
    policy = json.load(file)
ima.validate_runtime_policy(policy)
sys.stdout.write(json.dumps(policy))
`;

async function makeRoot(): Promise<string> {
  const root = await freshDirectory();
  await mkdir(join(root, 'usr/bin'), { recursive: true });
  await mkdir(join(root, 'var/log'), { recursive: true });
  const files = {
    'usr/bin/hello': 'hello\n',
    'usr/bin/with space': 'space',
    'usr/bin/naïve-ü-🔑': 'text outside ASCII',
    'usr/bin/"quoted"\\': 'quotes',
    'etc-empty': '',
    'var/log/skipped': 'not listed',
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(root, name), content);
  await symlink('usr/bin', join(root, 'bin'));
  return root;
}

test('Keylime accepts our policy, and Python would have written the same bytes', async (context) => {
  const keylime = needsKeylime(context);
  const root = await makeRoot();
  const excludes = join(root, 'excludes.txt');
  await writeFile(excludes, '# comment\n/var/log/.*\n\n^/tmp/é\n');
  const policy = join(root, 'policy.json');
  const args = ['extract', root, '--all-owners', '--format', 'runtime-policy', '-e', excludes, '-o', policy];
  expect(await runCli(args)).toMatchObject({ code: 0 });

  const { stdout } = await promisify(execFile)(join(keylime, 'bin/python'), ['-c', LOAD, policy]);
  expect(await readFile(policy, 'utf8')).toBe(stdout);
  expect(JSON.parse(stdout)).toMatchObject({ excludes: ['/var/log/.*', '^/tmp/é'] });
});

test("Keylime's generator lists the same digests for the same tree", async (context) => {
  const keylime = needsKeylime(context);
  if (process.getuid?.() !== 0) skipAloud(context, 'keylime-policy runs only as root');
  const root = await makeRoot();
  const theirs = join(await freshDirectory(), 'theirs.json');
  const generate = ['create', 'runtime', '--rootfs', root, '-o', theirs];
  await promisify(execFile)(join(keylime, 'bin/keylime-policy'), generate);
  const ours = await runCli(['extract', root, '--format', 'runtime-policy']);
  expect(ours.code).toBe(0);
  expect(digestsOf(ours.stdout)).toEqual(digestsOf(await readFile(theirs, 'utf8')));
});
