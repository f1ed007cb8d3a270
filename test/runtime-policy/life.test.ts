// Policies that are put together, merged, converted and compared; what Keylime's own tools make of the same inputs.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import fc from 'fast-check';
import { describe, expect, test, type TestContext } from 'vitest';

import {
  composeRuntimePolicy,
  diffRuntimePolicies,
  extractAllowlist,
  mergeRuntimePolicies,
  PolicyError,
} from '../../src/index.ts';
import { runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import { DIGEST, LINE } from '../support/hello.ts';
import { needsKeylime } from '../support/keylime.ts';
import { needsTool, skipAloud } from '../support/tools.ts';

const SHA1 = 'f572d396fae9206628714fb2ce00f72e94f2258f';
const OTHER = 'e258d248fda94c63753607f7c4494ee0fcbe92f1a76bfdac795c9d84101eb317';
const CLOCK = { env: { SOURCE_DATE_EPOCH: '1767225600' } };

// Entries whose template hashes were made with Python's hashlib, not by this program.
const BOOT = `10 5dfa5c4b65a58adb1d4190d301fa5ff75d655eb1 ima-ng sha256:${DIGEST} boot_aggregate\n`;

interface Policy {
  readonly meta: { readonly version: number; readonly generator: number; readonly timestamp?: string };
  readonly digests: Readonly<Record<string, readonly string[]>>;
  readonly excludes: readonly string[];
  readonly keyrings: Readonly<Record<string, readonly string[]>>;
  readonly ima: { readonly ignored_keyrings: readonly string[] };
  readonly 'ima-buf': Readonly<Record<string, readonly string[]>>;
  readonly 'verification-keys': string;
}

function parse(text: string): Policy {
  const policy: Policy = JSON.parse(text);
  return policy;
}

/** Everything that counts in a policy, without order. */
function meaning(text: string): unknown {
  const sorted = (map: Readonly<Record<string, readonly string[]>>): unknown =>
    Object.fromEntries(
      Object.entries(map).map(([name, digests]) => [name, [...new Set(digests)].toSorted()]),
    );
  const { digests, excludes, keyrings, ima, 'ima-buf': buffers } = parse(text);
  return {
    digests: sorted(digests),
    excludes: [...new Set(excludes)].toSorted(),
    keyrings: sorted(keyrings),
    buffers: sorted(buffers),
    ignored: [...ima.ignored_keyrings].toSorted(),
  };
}

async function files(content: Readonly<Record<string, string>>): Promise<string> {
  const directory = await freshDirectory();
  for (const [name, text] of Object.entries(content)) await writeFile(join(directory, name), text);
  return directory;
}

const text = (pieces: Iterable<Uint8Array>): string => Buffer.concat([...pieces]).toString();

/** An entry of the template `ima-buf`, hashed by OpenSSL. */
function bufferLine(name: string, buffer: Buffer): string {
  const digest = createHash('sha256').update(buffer).digest();
  const field = (bytes: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const data = [
    field(Buffer.concat([Buffer.from('sha256:\0'), digest])),
    field(Buffer.from(`${name}\0`)),
    field(buffer),
  ];
  const hash = createHash('sha1').update(Buffer.concat(data)).digest('hex');
  return `10 ${hash} ima-buf sha256:${digest.toString('hex')} ${name} ${buffer.toString('hex')}\n`;
}

/** The keys of file signatures, each with its id. */
function keysIn(policy: string): readonly string[] {
  const keyring: { readonly pubkeys: readonly string[]; readonly keyids: readonly number[] } = JSON.parse(
    parse(policy)['verification-keys'],
  );
  return keyring.pubkeys.map((key, index) => `${keyring.keyids[index]} ${key}`).toSorted();
}

describe('policy create', () => {
  test('takes images, lists, patterns and keyrings, by the names that keylime-policy has for them', async () => {
    const cwd = await files({ 'list.txt': `${SHA1}  /a b\n`, excludes: '/tmp/.*\n# no\n', log: LINE });
    await mkdir(join(cwd, 'root'));
    await writeFile(join(cwd, 'root/file'), 'hello\n');
    const args = ['policy', 'create', '--rootfs', 'root', '--all-owners', '-a', 'list.txt', '-e', 'excludes'];
    const { stdout, stderr, code } = await runCli(
      [...args, '-m', 'log', '--ignored-keyrings', '.x', '--exclude', '/var', '--release', '4'],
      { cwd, ...CLOCK },
    );
    expect(stderr).toBe('3 paths, 3 digests, 2 excludes\nroot: 1 file, 6 bytes\n');
    expect({ code, policy: JSON.parse(stdout) }).toEqual({
      code: 0,
      policy: {
        meta: { version: 1, generator: 3, timestamp: '2026-01-01 00:00:00.000000' },
        release: 4,
        digests: { '/a_b': [SHA1], '/file': [DIGEST], '/usr/bin/hello': [DIGEST] },
        excludes: ['/tmp/.*', '/var'],
        keyrings: {},
        ima: { ignored_keyrings: ['.x'], log_hash_alg: 'sha1', dm_policy: null },
        'ima-buf': {},
        'verification-keys': '',
      },
    });
  });

  test('writes checksums of the policy and its sources, and where everything is from', async () => {
    const cwd = await files({ 'list.txt': `${DIGEST}  /a\n`, excludes: '/tmp/.*\n' });
    const made = ['-o', 'p.json', '--checksum', 'all.sha256', '--provenance', 'from.json', '-q'];
    const created = await runCli(['policy', 'create', '-a', 'list.txt', '-e', 'excludes', ...made], { cwd });
    expect(created).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const { stdout } = await promisify(execFile)('sha256sum', ['-c', 'all.sha256', 'p.json.sha256'], { cwd });
    expect(stdout).toBe('p.json: OK\nlist.txt: OK\nexcludes: OK\np.json: OK\n');
    expect(JSON.parse(await readFile(join(cwd, 'from.json'), 'utf8'))).toEqual({
      schemaVersion: 1,
      sources: [
        { name: 'list.txt', kind: 'policy' },
        { name: 'excludes', kind: 'exclude-list', excludes: ['/tmp/.*'] },
      ],
      files: [{ path: '/a', digests: [{ algorithm: 'sha256', digest: DIGEST, source: 0 }] }],
    });
  });

  test.each([
    { why: 'nothing', args: [], code: 'ARGUMENT_INVALID' },
    {
      why: 'a manifest of standard output',
      args: ['-a', 'list', '--checksum', 'm'],
      code: 'ARGUMENT_INVALID',
    },
    { why: 'no such image', args: ['none'], code: 'SOURCE_NOT_FOUND' },
    { why: 'a pattern that no one can compile', args: ['--exclude', '(a'], code: 'PATTERN_INVALID' },
    { why: 'a pattern for everything', args: ['-e', 'everything'], code: 'EXCLUDES_EVERYTHING' },
    { why: 'an altered list', args: ['-m', 'altered'], code: 'TEMPLATE_HASH_MISMATCH' },
    { why: 'a key that is none', args: ['-a', 'list', '-A', 'everything'], code: 'KEY_FORM_UNKNOWN' },
    { why: 'a digest that is none', args: ['-p', 'bad.json'], code: 'POLICY_UNUSABLE' },
    {
      why: 'an unsigned policy',
      args: ['-p', 'bad.json', '--policy-key', 'everything'],
      code: 'KEY_FORM_UNKNOWN',
    },
  ])('refuses $why', async ({ args, code }) => {
    const cwd = await files({
      list: `${DIGEST}  /a\n`,
      everything: '# all\n.*\n',
      altered: LINE.replace('hello', 'hellp'),
      'bad.json': '{"digests": {"/x": ["zz"]}}',
    });
    const refused = await runCli(['policy', 'create', ...args], { cwd });
    expect({ stdout: refused.stdout, code: refused.code }).toEqual({ stdout: '', code: 2 });
    expect(refused.stderr).toContain(`[${code}]`);
  });

  test('says once where the one bad pattern is, and of all that is wrong with several', async () => {
    const cwd = await files({ one: '/ok\n(a\n', several: '(a\n.*\n/b\n' });
    const one = await runCli(['policy', 'create', '-e', 'one'], { cwd });
    expect(one.stderr).toContain('ima-assay: one:2: exclude pattern 2 ((a): missing )');
    const several = await runCli(['policy', 'create', '-e', 'several'], { cwd });
    expect(several.stderr).toContain('ima-assay: several: line 1: exclude pattern 1 ((a): missing )');
    expect(several.stderr).toContain('; line 2: the pattern ".*" excludes every path\n');
  });

  test('has options of flat lists for flat lists alone', async () => {
    const cwd = await files({ list: `${DIGEST}  /a\n` });
    for (const args of [
      ['create', '-a', 'list', '--prefix'],
      ['convert', 'list', '--escape'],
    ]) {
      const { stdout, stderr, code } = await runCli(['policy', ...args], { cwd });
      expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
      expect(stderr).toContain(`${args.at(-1)} has no place in JSON`);
    }
  });

  test('says that it wrote the manifest, too', async () => {
    const cwd = await files({ list: `${DIGEST}  /a\n` });
    const args = ['policy', 'create', '-a', 'list', '-o', 'p.json', '--checksum', 'all'];
    expect((await runCli(args, { cwd })).stderr).toContain('wrote all (144 bytes)\n');
  });

  test('hints at what this command can do about a path with a line break', async () => {
    const input = `{"digests": {"/a\\n/b": ["${DIGEST}"]}}`;
    const { stderr } = await runCli(['policy', 'convert', '-', '--to', 'allowlist'], { input });
    expect(stderr).toContain('[PATH_UNLISTABLE]');
    expect(stderr).toContain('--escape');
    expect(stderr).not.toContain('--format');
    const escaped = await runCli(['policy', 'convert', '-', '--to', 'allowlist', '--escape'], { input });
    expect(escaped).toMatchObject({ code: 0, stdout: `\\${DIGEST}  /a\\n/b\n` });
  });

  test('names every pattern that cannot be compiled, with its line', async () => {
    const cwd = await files({ excludes: '/ok\n(a\n/fine\n[z\n' });
    const { stderr } = await runCli(['policy', 'create', '-e', 'excludes'], { cwd });
    expect(stderr).toMatch(/line 2: .*; line 4: /);
  });

  test('tells what it made as JSON, and what a person should know of the sources', async () => {
    const cwd = await files({ 'base.json': '{"digests": {}, "excludes": [".*"]}' });
    const { stderr } = await runCli(['policy', 'create', '-p', 'base.json', '--json'], { cwd });
    expect(JSON.parse(stderr)).toMatchObject({
      paths: 0,
      excludes: 1,
      origins: [{ name: 'base.json', kind: 'policy', shape: 'runtime-policy' }],
      notes: [{ code: 'EXCLUDES_EVERYTHING', origin: 'base.json', count: 1 }],
      written: [],
    });
  });

  test('leaves violations out of a list, and says so', async () => {
    const violation = `10 ${'0'.repeat(40)} ima-ng sha256:${'0'.repeat(64)} /open\n`;
    const cwd = await files({ log: LINE + violation });
    const { stdout, stderr } = await runCli(['policy', 'create', '-m', 'log', '-q'], { cwd });
    expect(parse(stdout).digests).toEqual({ '/usr/bin/hello': [DIGEST] });
    expect(stderr).toBe('log: violations are left out: they have no digest [VIOLATIONS_LEFT_OUT]\n');
  });
});

describe('a policy that is none', () => {
  const deep = '['.repeat(100) + ']'.repeat(100);
  test.each([
    { why: 'white space', input: ' \n'.repeat(1 << 20), code: 'POLICY_EMPTY' },
    { why: 'an array', input: '[]', code: 'POLICY_TYPE_WRONG' },
    { why: 'cut', input: '{"digests": {"/a": ["', code: 'POLICY_NOT_JSON' },
    { why: 'digests that are a number', input: '{"digests": 3}', code: 'POLICY_TYPE_WRONG' },
    { why: 'a digest that is a number', input: '{"digests": {"/a": [3]}}', code: 'POLICY_TYPE_WRONG' },
    { why: 'a key twice', input: '{"digests": {}, "digests": {}}', code: 'POLICY_KEY_TWICE' },
    { why: 'deep nesting', input: `{"digests": {}, "x": ${deep}}`, code: 'POLICY_TOO_DEEP' },
    {
      why: 'not UTF-8',
      input: Buffer.from('{"digests": {"/\u00ff": []}}', 'latin1'),
      code: 'POLICY_NOT_UTF8',
    },
    { why: 'neither digests nor hashes', input: '{"excludes": []}', code: 'POLICY_SHAPE_UNKNOWN' },
    { why: 'both', input: '{"digests": {}, "hashes": {}}', code: 'POLICY_SHAPE_AMBIGUOUS' },
    {
      why: 'a digest of upper case and a prefix that does not fit',
      input: `{"digests": {"/a": ["sha1:${DIGEST}"]}}`,
      code: 'POLICY_UNUSABLE',
    },
    {
      why: 'a digest with half a byte',
      input: `{"digests": {"/a": ["${DIGEST}0"]}}`,
      code: 'POLICY_UNUSABLE',
    },
    {
      why: 'a pattern that does not compile',
      input: '{"digests": {}, "excludes": ["(a"]}',
      code: 'PATTERN_INVALID',
    },
    {
      why: 'a flat list with a line that is no row',
      input: `${DIGEST}  /a\n# no comment\n`,
      code: 'ALLOWLIST_LINE_MALFORMED',
    },
    {
      why: 'an envelope without signatures',
      input: '{"payload": "e30=", "payloadType": "x", "signatures": []}',
      code: 'ENVELOPE_MALFORMED',
    },
  ])('is refused: $why', async ({ input, code }) => {
    const refused = await runCli(['policy', 'convert', '-'], { input });
    expect({ stdout: refused.stdout, code: refused.code }).toEqual({ stdout: '', code: 2 });
    expect(refused.stderr).toContain(`[${code}]`);
  });
});

describe('policy convert', () => {
  const flat = `${DIGEST}  boot_aggregate\n${SHA1}  /a\n${OTHER}  %keyring:.ima\n`;

  test('keeps a flat list through every form', async () => {
    const cwd = await files({ 'list.txt': flat });
    for (const form of ['runtime-policy', 'old-policy', 'json-allowlist']) {
      const there = await runCli(['policy', 'convert', 'list.txt', '--to', form, '-q', '-o', form], { cwd });
      expect(there).toMatchObject({ code: 0, stderr: '' });
      const back = await runCli(['policy', 'convert', form, '--to', 'allowlist', '-q'], { cwd });
      expect(back.stdout).toBe(`${DIGEST}  boot_aggregate\n${OTHER}  %keyring:.ima\n${SHA1}  /a\n`);
    }
  });

  test('reads prefixes and escapes, and writes them when asked', async () => {
    const input = `\\sha1:${SHA1.toUpperCase()} */a\\nb\n`;
    const plain = await runCli(['policy', 'convert', '-', '-q'], { input });
    expect(parse(plain.stdout).digests).toEqual({ '/a\nb': [SHA1] });
    const args = ['policy', 'convert', '-', '--to', 'allowlist', '-q'];
    expect((await runCli([...args, '--prefix', '--escape'], { input })).stdout).toBe(
      `\\sha1:${SHA1}  /a\\nb\n`,
    );
    expect(await runCli(args, { input })).toMatchObject({ code: 2, stdout: '' });
    expect(await runCli([...args, '--keep-going'], { input })).toMatchObject({ code: 2, stdout: '' });
  });

  test('marks what it upgrades, and keeps the age of what is current', async () => {
    const old = '{"meta": {"version": 0}, "digests": {}, "excludes": ["/x"]}';
    expect(
      parse((await runCli(['policy', 'convert', '-', '-q'], { input: old, ...CLOCK })).stdout),
    ).toMatchObject({
      meta: { version: 1, generator: 2, timestamp: '2026-01-01 00:00:00.000000' },
      excludes: ['/x'],
    });
    const current = '{"meta": {"version": 1, "generator": 1, "timestamp": "then"}, "digests": {}}';
    const { stdout } = await runCli(['policy', 'convert', '-', '-q'], { input: current });
    expect(parse(stdout).meta).toEqual({ version: 1, generator: 3, timestamp: 'then' });
  });

  test('loses nothing unless told to', async () => {
    const input = '{"digests": {}, "excludes": ["/x"]}';
    const args = ['policy', 'convert', '-', '--to', 'allowlist', '-q'];
    const refused = await runCli(args, { input });
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('no place for excludes (1)');
    expect(await runCli([...args, '--lossy'], { input })).toMatchObject({
      code: 0,
      stderr: 'ima-assay: left out: excludes (1)\n',
    });
  });
});

const digest = fc.constantFrom(DIGEST, SHA1, OTHER);
const names = (...all: string[]): fc.Arbitrary<Record<string, string[]>> =>
  fc.dictionary(fc.constantFrom(...all), fc.array(digest, { minLength: 1, maxLength: 3 }), { maxKeys: 4 });
const policyText = fc
  .record({
    meta: fc.constant({ version: 1, generator: 3, timestamp: '2026-01-01 00:00:00' }),
    release: fc.constant(0),
    digests: names('/a', '/b c', '/é', 'boot_aggregate', '/x/🔑'),
    excludes: fc.array(fc.constantFrom('/tmp/.*', '^/é', '/var')),
    keyrings: names('.ima', '.evm'),
    ima: fc.record({
      ignored_keyrings: fc.array(fc.constantFrom('.a', '*')),
      log_hash_alg: fc.constant('sha1'),
      dm_policy: fc.constant(null),
    }),
    'ima-buf': names('kernel_version', 'boot_command_line'),
    'verification-keys': fc.constant(''),
  })
  .map((policy) => JSON.stringify(policy));

describe('policy merge', () => {
  test('is a union: order, grouping and repetition do not matter', async () => {
    const directory = await freshDirectory();
    await fc.assert(
      fc.asyncProperty(policyText, policyText, policyText, async (a, b, c) => {
        const of = async (...texts: string[]): Promise<string> => {
          const paths = texts.map((_, index) => join(directory, String(index)));
          for (const [index, path] of paths.entries()) await writeFile(path, texts[index] ?? '');
          return text((await mergeRuntimePolicies(paths)).serialise());
        };
        const whole = await of(a, b, c);
        expect(await of(c, b, a)).toBe(whole);
        expect(await of(await of(a, b), c)).toBe(whole);
        expect(await of(a, await of(b, c))).toBe(whole);
        expect(await of(whole, whole, a)).toBe(whole);
      }),
      { numRuns: 40 },
    );
  });

  test('of flat lists is a flat list', async () => {
    const cwd = await files({ one: `${DIGEST}  /b\n`, two: `${OTHER}  /a\n${DIGEST}  /b\n` });
    const { stdout, stderr, code } = await runCli(['policy', 'merge', 'one', 'two'], { cwd });
    expect({ stdout, stderr, code }).toEqual({
      stdout: `${OTHER}  /a\n${DIGEST}  /b\n`,
      stderr: '2 paths, 2 digests\n',
      code: 0,
    });
  });

  test('leaves settings that differ to the user', async () => {
    const policy = (algorithm: string): string =>
      `{"digests": {}, "ima": {"ignored_keyrings": [], "log_hash_alg": "${algorithm}", "dm_policy": null}}`;
    const cwd = await files({ one: policy('sha1'), two: policy('sha256') });
    const refused = await runCli(['policy', 'merge', 'one', 'two'], { cwd });
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toBe(
      'ima-assay: two: ima.log_hash_alg is sha1 in one and sha256 in two\n' +
        '  hint: choose one with --log-hash-alg\n  [POLICY_CONFLICT]\n',
    );
    const chosen = await runCli(['policy', 'merge', 'one', 'two', '--log-hash-alg', 'sha256', '-q'], { cwd });
    expect(JSON.parse(chosen.stdout)).toMatchObject({ ima: { log_hash_alg: 'sha256' } });
    const failed = mergeRuntimePolicies([join(cwd, 'one'), join(cwd, 'two')]);
    await expect(failed).rejects.toThrow(PolicyError);
  });
});

describe('policy diff', () => {
  test('shows what is added, removed and changed, and says so by its exit code', async () => {
    const cwd = await files({ old: `${DIGEST}  /a\n${DIGEST}  /b\n`, new: `${OTHER}  /b\n${DIGEST}  /c\n` });
    expect(await runCli(['policy', 'diff', 'old', 'new'], { cwd })).toMatchObject({
      code: 1,
      stdout:
        `--- old\n+++ new\n- ${DIGEST}  /a\n- ${DIGEST}  /b\n+ ${OTHER}  /b\n+ ${DIGEST}  /c\n` +
        '1 added, 1 removed, 1 changed; 0 differences in settings\n',
    });
    const json = await runCli(['policy', 'diff', 'old', 'new', '--json'], { cwd });
    expect(JSON.parse(json.stdout)).toMatchObject({
      counts: { added: 1, removed: 1, changed: 1, settings: 0 },
    });
    expect(await runCli(['policy', 'diff', 'old', 'old'], { cwd })).toMatchObject({
      code: 0,
      stdout: 'no differences\n',
    });
  });

  test('compares with images by the algorithms of the policy', async () => {
    const cwd = await files({ list: `${SHA1}  /file\n` });
    for (const root of ['one', 'two']) await mkdir(join(cwd, root));
    await writeFile(join(cwd, 'one/file'), 'hello\n');
    await writeFile(join(cwd, 'two/file'), 'world\n');
    const diff = async (...sides: string[]): Promise<number | null> =>
      (await runCli(['policy', 'diff', '--all-owners', '-q', ...sides], { cwd })).code;
    expect(await diff('list', 'one')).toBe(0);
    expect(await diff('two', 'list')).toBe(1);
    expect(await diff('one', 'two')).toBe(1);
    expect(await diff('one', 'none')).toBe(2);
  });

  test('is there for programs, too', async () => {
    const cwd = await files({ list: `${DIGEST}  /file\n` });
    await mkdir(join(cwd, 'root'));
    await writeFile(join(cwd, 'root/file'), 'world\n');
    const { allowlist } = await extractAllowlist([join(cwd, 'root')], { allOwners: true });
    const image = await composeRuntimePolicy({ images: [allowlist] });
    const policy = await mergeRuntimePolicies([join(cwd, 'list')]);
    expect([...policy.digests]).toHaveLength(1);
    expect(await diffRuntimePolicies(policy, image, { filesOnly: true })).toEqual({
      schemaVersion: 1,
      isSame: false,
      counts: { added: 0, removed: 0, changed: 1, settings: 0 },
      names: [{ section: 'digests', name: '/file', change: 'changed', removed: [DIGEST], added: [OTHER] }],
      settings: [],
    });
  });
});

describe("beside Keylime's own tools", () => {
  async function theirs(
    context: TestContext,
    program: string,
    args: readonly string[],
    cwd: string,
  ): Promise<void> {
    const keylime = needsKeylime(context);
    if (process.getuid?.() !== 0) skipAloud(context, 'keylime-policy runs only as root');
    await promisify(execFile)(join(keylime, 'bin', program), args, { cwd });
  }

  const lists = {
    'flat list': `${DIGEST}  /usr/bin/a\n${SHA1}  /usr/bin/a\n\n${OTHER} %keyring:.ima\n${OTHER}  boot_aggregate\n`,
    'JSON list': `{"hashes": {"/é": ["${DIGEST}"]}, "excludes": ["/tmp"], "keyrings": {".x": ["${SHA1}"]}}`,
  };

  for (const [name, list] of Object.entries(lists)) {
    test(`a ${name} becomes the same policy`, async (context) => {
      const cwd = await files({ list, excludes: '# x\n/var/.*\n' });
      const args = ['-a', 'list', '-e', 'excludes', '-o', 'theirs.json'];
      await theirs(context, 'keylime_convert_runtime_policy', args, cwd);
      const { stdout } = await runCli(['policy', 'convert', 'list', '-e', 'excludes', '-q'], { cwd });
      expect(meaning(stdout)).toEqual(meaning(await readFile(join(cwd, 'theirs.json'), 'utf8')));
    });
  }

  test('a policy of version 0 is upgraded alike', async (context) => {
    const old = `{"meta": {"version": 0}, "digests": {"/a": ["${DIGEST}"]}, "excludes": ["/x"]}`;
    const cwd = await files({ old });
    await theirs(context, 'keylime_convert_runtime_policy', ['-r', 'old', '-o', 'theirs.json'], cwd);
    const { stdout } = await runCli(['policy', 'convert', 'old', '-q'], { cwd });
    const other = await readFile(join(cwd, 'theirs.json'), 'utf8');
    expect(meaning(stdout)).toEqual(meaning(other));
    expect(parse(stdout).meta.generator).toBe(parse(other).meta.generator);
  });

  test('keys and buffers of a log, and keys of file signatures, are those that Keylime takes', async (context) => {
    needsTool(context, 'openssl');
    const cwd = await files({});
    const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'key.pem', '-subj', '/CN=x'];
    await promisify(execFile)('openssl', [...request, '-outform', 'DER', '-out', 'cert.der'], { cwd });
    await promisify(execFile)(
      'openssl',
      ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'ec.pem'],
      { cwd },
    );
    await promisify(execFile)('openssl', ['pkey', '-in', 'ec.pem', '-pubout', '-out', 'ec.pub'], { cwd });
    const certificate = await readFile(join(cwd, 'cert.der'));
    const log = [BOOT, LINE, bufferLine('.ima', certificate), bufferLine('.skipped', certificate)];
    await writeFile(join(cwd, 'log'), [...log, bufferLine('kernel_version', Buffer.from('6.1.0'))].join(''));
    const args = ['-m', 'log', '-k', '-b', '--ignored-keyrings', '.skipped'];
    const keys = ['cert.der', 'ec.pub'].flatMap((key) => ['--add-ima-signature-verification-key', key]);
    await theirs(
      context,
      'keylime-policy',
      ['create', 'runtime', ...args, ...keys, '-o', 'theirs.json'],
      cwd,
    );
    const { stdout, code } = await runCli(['policy', 'create', ...args, ...keys, '-q'], { cwd });
    expect(code).toBe(0);
    const other = await readFile(join(cwd, 'theirs.json'), 'utf8');
    expect(meaning(stdout)).toEqual(meaning(other));
    expect(keysIn(stdout)).toEqual(keysIn(other));
    expect(keysIn(stdout)).toHaveLength(2);
  });

  test('keylime-policy create runtime gives the same of lists, logs and a base policy', async (context) => {
    const cwd = await files({ log: BOOT + LINE, list: `${OTHER}  /list\n`, excludes: '/tmp/.*\n^/var\n' });
    const args = ['create', 'runtime', '-m', 'log', '-e', 'excludes', '--ignored-keyrings', '.z'];
    await theirs(context, 'keylime-policy', [...args, '-o', 'base.json'], cwd);
    const ours = ['policy', 'create', '-m', 'log', '-e', 'excludes', '--ignored-keyrings', '.z', '-q'];
    const base = await readFile(join(cwd, 'base.json'), 'utf8');
    expect(meaning((await runCli(ours, { cwd })).stdout)).toEqual(meaning(base));

    await theirs(
      context,
      'keylime-policy',
      ['create', 'runtime', '-p', 'base.json', '-a', 'list', '-o', 'sum'],
      cwd,
    );
    const sum = await runCli(['policy', 'create', '-p', 'base.json', '-a', 'list', '-q'], { cwd });
    expect(meaning(sum.stdout)).toEqual(meaning(await readFile(join(cwd, 'sum'), 'utf8')));
  });
});
