// `policy create --local-rpm-repo` and `--remote-rpm-repo`: a policy of packages that rpmbuild makes, listed by createrepo_c; what is in them
// `rpm -qp --dump` says.

import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join, normalize } from 'node:path';
import { promisify } from 'node:util';

import { describe, expect, onTestFinished, test } from 'vitest';

import { runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import { needsTool } from '../support/tools.ts';

const run = promisify(execFile);

const SPEC = `Name: sample
Version: 1
Release: 1
Summary: x
License: x
BuildArch: noarch
%description
x
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/etc
echo program > %{buildroot}/usr/bin/sample
echo setting > %{buildroot}/etc/sample.conf
%files
/usr/bin/sample
/etc/sample.conf
`;

/** A directory with `repo/`. */
async function makeRepository(): Promise<string> {
  const cwd = await freshDirectory();
  await writeFile(join(cwd, 'sample.spec'), SPEC);
  const defines = [`_topdir ${cwd}/top`, '_binary_filedigest_algorithm 8', '_build_id_links none'];
  const options = defines.flatMap((define) => ['--define', define]);
  await run('rpmbuild', ['--quiet', '-bb', ...options, 'sample.spec'], { cwd });
  await mkdir(join(cwd, 'repo'));
  const name = 'sample-1-1.noarch.rpm';
  await rename(join(cwd, 'top/RPMS/noarch', name), join(cwd, 'repo', name));
  await run('createrepo_c', ['-q', 'repo'], { cwd });
  return cwd;
}

/** Makes a key that signs, and its certificate `NAME.asc`. */
async function makeKey(cwd: string, name: string): Promise<void> {
  const gpg = ['-q', '--batch', '--homedir', join(cwd, 'gpg'), '--passphrase', ''];
  await mkdir(join(cwd, 'gpg'), { recursive: true, mode: 0o700 });
  await run('gpg', [...gpg, '--quick-gen-key', name, 'ed25519', 'sign', 'never']);
  await run('gpg', [...gpg, '--armor', '-o', join(cwd, `${name}.asc`), '--export', name]);
}

/** Signs the package of `repo/`, lists it anew and signs the list. */
async function signRepository(cwd: string, name: string): Promise<void> {
  const home = join(cwd, 'gpg');
  const defines = [`_gpg_name ${name}`, `_gpg_path ${home}`, '__gpg /usr/bin/gpg'];
  const options = defines.flatMap((define) => ['--define', define]);
  await run('rpmsign', [...options, '--addsign', join(cwd, 'repo/sample-1-1.noarch.rpm')]);
  await run('createrepo_c', ['-q', 'repo'], { cwd });
  const gpg = ['-q', '--batch', '--homedir', home, '-u', name, '--armor', '--detach-sign'];
  await run('gpg', [...gpg, join(cwd, 'repo/repodata/repomd.xml')]);
}

interface Served {
  readonly url: string;
  /** Paths that were asked for. */
  readonly asked: readonly string[];
}

/** Serves a directory on a free port of this machine; `answer` may say something else for a path. */
async function serve(
  directory: string,
  answer: (path: string) => { status: number; body?: Buffer; location?: string } | undefined = () =>
    undefined,
): Promise<Served> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '');
    asked.push(path);
    const other = answer(path);
    if (other !== undefined) {
      response.writeHead(other.status, other.location === undefined ? {} : { location: other.location });
      response.end(other.body);
      return;
    }
    readFile(join(directory, normalize(path))).then(
      (bytes) => response.end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { url: `http://127.0.0.1:${address.port}/repo`, asked };
}

describe('a local repository of RPM packages', () => {
  test('becomes the policy of all files in it', async (context) => {
    needsTool(context, 'rpmbuild', 'rpm', 'createrepo_c');
    const cwd = await makeRepository();
    const { stdout, stderr, code } = await runCli(['policy', 'create', '--local-rpm-repo', 'repo'], { cwd });
    expect(code).toBe(0);
    const { stdout: dump } = await run('rpm', ['-qp', '--dump', 'repo/sample-1-1.noarch.rpm'], { cwd });
    const rows = dump.trimEnd().split('\n');
    const expected = rows.map((row) => {
      const [path = '', , , digest = ''] = row.split(' ');
      return [path, [digest]] as const;
    });
    expect(expected.map(([path]) => path).toSorted()).toEqual(['/etc/sample.conf', '/usr/bin/sample']);
    expect(JSON.parse(stdout)).toMatchObject({ digests: Object.fromEntries(expected) });
    expect(stderr).toContain('repo: 2 files');
  });

  test('is not taken with metadata that are others than its index states', async (context) => {
    needsTool(context, 'rpmbuild', 'createrepo_c');
    const cwd = await makeRepository();
    const names = await readdir(join(cwd, 'repo/repodata'));
    const primary = join(cwd, 'repo/repodata', names.find((name) => name.includes('primary.xml')) ?? '');
    const bytes = await readFile(primary);
    await writeFile(primary, Buffer.concat([bytes.subarray(0, -1), Buffer.from([0xff])]));
    const { stdout, stderr, code } = await runCli(['policy', 'create', '-l', 'repo'], { cwd });
    expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
    expect(stderr).toContain('[REPOSITORY_FILE_WRONG]');
  });

  test('that is none is a usage error', async () => {
    const { stderr, code } = await runCli(['policy', 'create', '--local-rpm-repo', '.']);
    expect(code).toBe(2);
    expect(stderr).toContain('[SOURCE_NOT_FOUND]');
  });
});

describe('a remote repository of RPM packages', () => {
  test('becomes the policy that a copy of it becomes, and nothing stays behind', async (context) => {
    needsTool(context, 'rpmbuild', 'createrepo_c');
    const cwd = await makeRepository();
    const { url, asked } = await serve(cwd);
    const clock = { SOURCE_DATE_EPOCH: '1767225600' };
    const local = await runCli(['policy', 'create', '-l', 'repo'], { cwd, env: clock });
    await mkdir(join(cwd, 'temporary'));
    const env = { ...clock, TMPDIR: join(cwd, 'temporary') };
    const remote = await runCli(['policy', 'create', '--remote-rpm-repo', url], { cwd, env });
    expect(remote).toMatchObject({ stdout: local.stdout, code: 0 });
    expect(remote.stderr).toContain(`${url}: 1 package`);
    expect(remote.stderr).toContain('signature unchecked');
    expect(remote.stderr).toContain(`${url}: 2 files`);
    expect(asked[0]).toBe('/repo/repodata/repomd.xml');
    expect(asked.at(-1)).toBe('/repo/sample-1-1.noarch.rpm');
    expect(asked).toHaveLength(3);
    expect(await readdir(join(cwd, 'temporary'))).toEqual([]);
  });

  test.each([
    { why: 'nothing there', answer: { status: 404 }, expected: 'NOT_FOUND' },
    { why: 'no access', answer: { status: 403 }, expected: 'FORBIDDEN' },
    { why: 'a server that fails', answer: { status: 500 }, expected: 'REFUSED' },
    {
      why: 'an index without end',
      answer: { status: 200, body: Buffer.alloc(5 << 20) },
      expected: 'ANSWER_MALFORMED',
    },
  ])('with $why is an error of the other side', async ({ answer, expected }) => {
    const { url } = await serve('/nowhere', () => answer);
    const { stdout, stderr, code } = await runCli(['policy', 'create', '-r', url]);
    expect({ stdout, code }).toEqual({ stdout: '', code: 3 });
    expect(stderr).toContain(`[${expected}]`);
  });

  test('whose packages are others than its metadata state is not taken', async (context) => {
    needsTool(context, 'rpmbuild', 'createrepo_c');
    const cwd = await makeRepository();
    const bytes = await readFile(join(cwd, 'repo/sample-1-1.noarch.rpm'));
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 9) ^ 1, bytes.length - 9);
    const rows = [
      { body: bytes, expected: 'REPOSITORY_FILE_WRONG', exit: 2 },
      { body: bytes.subarray(0, 100), expected: 'REPOSITORY_FILE_WRONG', exit: 2 },
      { body: Buffer.concat([bytes, bytes]), expected: 'ANSWER_MALFORMED', exit: 3 },
    ];
    for (const { body, expected, exit } of rows) {
      const { url } = await serve(cwd, (path) => (path.endsWith('.rpm') ? { status: 200, body } : undefined));
      const { stdout, stderr, code } = await runCli(['policy', 'create', '-r', url]);
      expect({ stdout, code }).toEqual({ stdout: '', code: exit });
      expect(stderr).toContain(`[${expected}]`);
    }
  });

  test('larger than the limit is not fetched', async (context) => {
    needsTool(context, 'rpmbuild', 'createrepo_c');
    const cwd = await makeRepository();
    const { url, asked } = await serve(cwd);
    const limit = ['--limit', 'max-spooled-bytes=4K'];
    const { stderr, code } = await runCli(['policy', 'create', '-r', url, ...limit]);
    expect(code).toBe(2);
    expect(stderr).toContain('raise --limit max-spooled-bytes');
    expect(asked.some((path) => path.endsWith('.rpm'))).toBe(false);
  });

  test.each(['http://example.org/repo', 'ftp://127.0.0.1/repo', 'repo', 'file:///repo'])(
    'is not named by %s',
    async (url) => {
      const { stderr, code } = await runCli(['policy', 'create', '-r', url]);
      expect(code).toBe(2);
      expect(stderr).toContain('[ARGUMENT_INVALID]');
    },
  );
});

describe('a repository of RPM packages with a key', () => {
  const tools = ['rpmbuild', 'createrepo_c', 'gpg', 'rpmsign'];

  test('is taken if its index and its packages are signed by that key', async (context) => {
    needsTool(context, ...tools);
    const cwd = await makeRepository();
    await makeKey(cwd, 'own');
    await makeKey(cwd, 'other');
    await signRepository(cwd, 'own');
    const { url, asked } = await serve(cwd);
    const clock = { SOURCE_DATE_EPOCH: '1767225600' };
    const create = (...args: readonly string[]): ReturnType<typeof runCli> =>
      runCli(['policy', 'create', ...args], { cwd, env: clock });
    const plain = await create('-l', 'repo');
    expect(plain.stderr).toContain('[SIGNATURE_UNCHECKED]');
    for (const source of [
      ['-l', 'repo'],
      ['-r', url],
    ]) {
      const right = await create(...source, '--package-key', 'other.asc', '--package-key', 'own.asc');
      expect(right).toMatchObject({ stdout: plain.stdout, code: 0 });
      expect(right.stderr).not.toMatch(/unchecked/i);
      const wrong = await create(...source, '--package-key', 'other.asc');
      expect(wrong).toMatchObject({ stdout: '', code: 2 });
      expect(wrong.stderr).toContain('[PACKAGE_SIGNER_UNKNOWN]');
    }
    expect(asked.slice(0, 2)).toEqual(['/repo/repodata/repomd.xml', '/repo/repodata/repomd.xml.asc']);
  });

  test('is not taken without a signature', async (context) => {
    needsTool(context, ...tools);
    const cwd = await makeRepository();
    await makeKey(cwd, 'own');
    const key = ['--package-key', 'own.asc'];
    const local = await runCli(['policy', 'create', '-l', 'repo', ...key], { cwd });
    expect(local).toMatchObject({ stdout: '', code: 2 });
    expect(local.stderr).toContain('[PACKAGE_UNSIGNED]');
    const { url, asked } = await serve(cwd);
    const remote = await runCli(['policy', 'create', '-r', url, ...key], { cwd });
    expect(remote).toMatchObject({ stdout: '', code: 3 });
    expect(remote.stderr).toContain('is not signed');
    expect(asked).toHaveLength(2);
  });

  test('has packages that are checked one by one, too', async (context) => {
    needsTool(context, ...tools);
    const cwd = await makeRepository();
    await makeKey(cwd, 'own');
    await signRepository(cwd, 'own');
    const path = 'repo/sample-1-1.noarch.rpm';
    const { stdout, code } = await runCli(['inspect', path, '--package-key', 'own.asc'], { cwd });
    const gpg = ['--homedir', join(cwd, 'gpg'), '--with-colons', '--list-keys', 'own'];
    const { stdout: listed } = await run('gpg', gpg);
    const [, fingerprint = 'none'] = /^fpr:+([0-9A-F]{40}):/m.exec(listed) ?? [];
    expect(code).toBe(0);
    expect(stdout).toContain(`signature by ${fingerprint}`);
  });

  test('is not read with a file that is no key, and no output is written over a key', async (context) => {
    needsTool(context, ...tools);
    const cwd = await makeRepository();
    await makeKey(cwd, 'own');
    const create = ['policy', 'create', '-l', 'repo', '--package-key'];
    const none = await runCli([...create, 'sample.spec'], { cwd });
    expect(none).toMatchObject({ stdout: '', code: 2 });
    expect(none.stderr).toContain('[PACKAGE_KEY_MALFORMED]');
    expect((await runCli([...create, 'nowhere'], { cwd })).stderr).toContain('[IMAGE_UNREADABLE]');
    const over = await runCli([...create, 'own.asc', '-o', 'own.asc'], { cwd });
    expect(over.code).toBe(2);
    expect(over.stderr).toContain('would write over what is read');
    const elsewhere = await runCli(['inspect', 'top', '--package-key', 'own.asc'], { cwd });
    expect(elsewhere.stdout).toContain('[PACKAGE_KEY_UNMET]');
  });
});
