// `ima-assay verify` and `verify` of the library, on an entry worked by hand and on a real kernel's list.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

import { describe, expect, test, type TestContext } from 'vitest';

import { type Report, verify } from '../../src/index.ts';
import { runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import { ALLOWLIST, DIGEST, LINE, PCR10, TEMPLATE_HASH } from '../support/hello.ts';
import { expectSchema } from '../support/report.ts';
import { needsShared } from '../support/tools.ts';

/** A directory with `list` and `allowlist.txt`. */
async function prepare(list: string = LINE, allowlist: string = ALLOWLIST): Promise<string> {
  const directory = await freshDirectory();
  await writeFile(join(directory, 'list'), list);
  await writeFile(join(directory, 'allowlist.txt'), allowlist);
  return directory;
}

async function verifyJson(
  cwd: string,
  ...args: readonly string[]
): Promise<{ report: Report; code: number | null }> {
  const { stdout, code } = await runCli(
    ['verify', 'list', '--allowlist', 'allowlist.txt', '--json', ...args],
    { cwd },
  );
  const report: Report = JSON.parse(stdout);
  expectSchema(report);
  return { report, code };
}

describe('a listed entry', () => {
  test('passes, and what was not checked is said', async () => {
    const cwd = await prepare();
    const { report, code } = await verifyJson(cwd);
    expect(code).toBe(0);
    expect(report).toMatchObject({ verdict: 'pass', accepted: { listed: 1 }, findings: [], findingCount: 0 });
    expect(report.unchecked).toContain('quote signature: not given');
    const { stdout } = await runCli(['verify', 'list', '--allowlist', 'allowlist.txt'], { cwd });
    expect(stdout).toMatch(/^PASS by the strict rules/);
    expect(stdout).toContain('not checked: quote signature: not given');
  });

  test.each(['sha1', 'sha256'] as const)('matches PCR 10 of bank %s', async (bank) => {
    const { report, code } = await verifyJson(await prepare(), '--pcr', `${bank}:10=${PCR10[bank]}`);
    expect(code).toBe(0);
    expect(report.pcrs).toContainEqual(
      expect.objectContaining({ bank, index: 10, expected: PCR10[bank], matchedEntries: 1 }),
    );
  });

  test('may be in the library as on the command line, and on standard input', async () => {
    const cwd = await prepare();
    const report = await verify({ list: join(cwd, 'list'), policies: [join(cwd, 'allowlist.txt')] });
    expect(report.verdict).toBe('pass');
    const args = ['verify', '-', '--allowlist', 'allowlist.txt'];
    expect(await runCli(args, { cwd, input: LINE })).toMatchObject({ code: 0 });
  });
});

describe('a report', () => {
  test('names its sources and the program, and a file of it is announced', async () => {
    const cwd = await prepare(LINE + LINE.replace('/usr/bin/hello', '/usr/bin/other'));
    const args = [
      'verify',
      'list',
      '--allowlist',
      'allowlist.txt',
      '--pcr',
      `sha1:10=${PCR10.sha1}`,
      '-o',
      'report',
    ];
    const { stdout, stderr, code } = await runCli([...args, '--json'], { cwd });
    expect({ stdout, code }).toEqual({ stdout: '', code: 1 });
    const report: Report = JSON.parse(await readFile(join(cwd, 'report'), 'utf8'));
    expect(report.program).toMatch(/^ima-assay \d/);
    expect(report.sources).toMatchObject({
      list: ['list'],
      policies: ['allowlist.txt'],
      keys: [],
      quote: null,
    });
    expect(report.sources.pcrs).toEqual([`sha1:10=${PCR10.sha1}`]);
    expect(stderr).toBe(`fail, 1 finding; wrote report, report.sha256\n`);
  });

  test('counts its findings by their codes', async () => {
    const others = ['/usr/bin/one', '/usr/bin/two'].map((path) => LINE.replace('/usr/bin/hello', path));
    const cwd = await prepare(LINE + others.join(''));
    const { stdout } = await runCli(['verify', 'list', '--allowlist', 'allowlist.txt'], { cwd });
    expect(stdout).toContain('\n2 findings: 2 TEMPLATE_HASH_MISMATCH\n');
  });
});

describe('findings', () => {
  const other = DIGEST.replace('5', '6');
  const wrongHash = LINE.replace(TEMPLATE_HASH, TEMPLATE_HASH.replace('c', 'd'));

  test.each<{ why: string; list: string; allowlist: string; args: readonly string[]; code: string }>([
    {
      why: 'another digest',
      list: LINE,
      allowlist: `${other}  /usr/bin/hello\n`,
      args: [],
      code: 'DIGEST_MISMATCH',
    },
    { why: 'another path', list: LINE, allowlist: `${DIGEST}  /bin/hello\n`, args: [], code: 'NOT_LISTED' },
    {
      why: 'an altered list',
      list: wrongHash,
      allowlist: ALLOWLIST,
      args: [],
      code: 'TEMPLATE_HASH_MISMATCH',
    },
    {
      why: 'a template hash of ones, which is no violation',
      list: LINE.replace(TEMPLATE_HASH, 'f'.repeat(40)),
      allowlist: ALLOWLIST,
      args: [],
      code: 'TEMPLATE_HASH_MISMATCH',
    },
    {
      why: 'a template hash of zeros, which vouches for nothing',
      list: LINE.replace(TEMPLATE_HASH, '0'.repeat(40)),
      allowlist: ALLOWLIST,
      args: [],
      code: 'VIOLATION',
    },
    {
      why: 'another PCR value',
      list: LINE,
      allowlist: ALLOWLIST,
      args: ['--pcr', `sha256:10=${other}`],
      code: 'PCR_MISMATCH',
    },
    {
      why: 'a PCR that was never extended',
      list: LINE,
      allowlist: ALLOWLIST,
      args: ['--pcr', `sha256:10=${'0'.repeat(64)}`],
      code: 'PCR_MISMATCH',
    },
    {
      why: 'an entry of another PCR',
      list: LINE.replace('10', '11'),
      allowlist: ALLOWLIST,
      args: [],
      code: 'UNEXPECTED_PCR',
    },
    { why: 'an empty list', list: '', allowlist: ALLOWLIST, args: [], code: 'LIST_TRUNCATED' },
  ])('$why is $code and exit code 1', async ({ list, allowlist, args, code }) => {
    const { report, code: exit } = await verifyJson(await prepare(list, allowlist), ...args);
    expect(exit).toBe(1);
    expect(report.verdict).toBe('fail');
    expect(report.findings.map((finding) => finding.code)).toContain(code);
    for (const { problem, hint } of report.findings) expect(problem.length * hint.length).toBeGreaterThan(0);
  });

  test('name what is near', async () => {
    const { report } = await verifyJson(await prepare(LINE, `${DIGEST}  /bin/hello\n`));
    expect(report.findings[0]?.near).toContainEqual(expect.objectContaining({ path: '/bin/hello' }));
  });

  test('are all counted, and as many reported as asked for', async () => {
    const { report } = await verifyJson(
      await prepare(LINE.repeat(5), `${DIGEST}  /x\n`),
      '--max-findings',
      '2',
    );
    expect(report.findings).toHaveLength(2);
    expect(report.findingCount).toBeGreaterThanOrEqual(5);
  });
});

describe('both sets of rules', () => {
  test('are in the report, and differ on a violation', async () => {
    const list = LINE.replace(TEMPLATE_HASH, '0'.repeat(40));
    const cwd = await prepare(list);
    const strict = await verifyJson(cwd);
    const keylime = await verifyJson(cwd, '--rules', 'keylime');
    expect([strict.code, keylime.code]).toEqual([1, 0]);
    expect(strict.report).toMatchObject({ strictVerdict: 'fail', keylimeVerdict: 'pass' });
    expect(strict.report.differences).toContainEqual(
      expect.objectContaining({ entry: 1, strict: 'VIOLATION', keylime: null }),
    );
  });
});

describe('exclude patterns', () => {
  test('accept what they match from its start', async () => {
    const cwd = await prepare(LINE, `${DIGEST}  /x\n`);
    await writeFile(join(cwd, 'excludes.txt'), '# ours\n/usr/bin/h\n');
    const { report, code } = await verifyJson(cwd, '--exclude-list', 'excludes.txt');
    expect({ code, excluded: report.accepted.excluded }).toEqual({ code: 0, excluded: 1 });
  });

  test('that cannot be compiled are an error that names all of them', async () => {
    const cwd = await prepare();
    await writeFile(join(cwd, 'excludes.txt'), '/ok\n(\n[a\n');
    const args = ['verify', 'list', '--allowlist', 'allowlist.txt', '-e', 'excludes.txt'];
    const { stdout, stderr, code } = await runCli(args, { cwd });
    expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
    expect(stderr).toContain('[PATTERN_INVALID]');
    expect(stderr).toContain('line 2');
    expect(stderr).toContain('line 3');
  });
});

describe('"could not decide" is exit code 2', () => {
  test.each<{ why: string; args: readonly string[]; says: string }>([
    {
      why: 'no such list',
      args: ['no-such-list', '--allowlist', 'allowlist.txt'],
      says: 'EVIDENCE_UNREADABLE',
    },
    {
      why: 'not a list',
      args: ['odd.bin', '--allowlist', 'allowlist.txt'],
      says: 'LIST_FORMAT_UNKNOWN',
    },
    { why: 'nothing to verify with', args: ['list'], says: 'NOTHING_TO_VERIFY_WITH' },
    { why: 'a policy of no shape', args: ['list', '-p', 'odd.json'], says: 'POLICY_SHAPE_UNKNOWN' },
    { why: 'PCR values of no form', args: ['list', '--pcr', 'ten'], says: 'PCR_' },
    { why: 'half a quote', args: ['list', '--quote', 'list'], says: '--signature and --ak' },
    {
      why: 'a nonce that is no hex',
      args: ['list', '--keylime-quote', 'list', '--ak', 'list', '--nonce', 'xyz'],
      says: '--nonce-text',
    },
    {
      why: 'an unknown face',
      args: ['list', '--allowlist', 'allowlist.txt', '--report', 'pdf=x'],
      says: 'FACE=FILE',
    },
  ])('$why', async ({ args, says }) => {
    const cwd = await prepare();
    await writeFile(join(cwd, 'odd.json'), '{"a": 1}');
    await writeFile(join(cwd, 'odd.bin'), Buffer.alloc(64, 0xff));
    const { stdout, stderr, code } = await runCli(['verify', ...args], { cwd });
    expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
    expect(stderr).toContain(says);
  });
});

describe('the faces of a report', () => {
  test('are written beside each other, and escape what a name contains', async () => {
    const cwd = await prepare(LINE, `${DIGEST}  /<script>\n`);
    const faces = ['html', 'sarif', 'junit', 'json', 'text'].flatMap((face) => [
      '--report',
      `${face}=report.${face}`,
    ]);
    const { code } = await verifyJson(cwd, ...faces);
    expect(code).toBe(1);
    const html = await readFile(join(cwd, 'report.html'), 'utf8');
    expect(html).toContain('NOT_LISTED');
    expect(html).not.toContain('<script');
    const sarif = JSON.parse(await readFile(join(cwd, 'report.sarif'), 'utf8'));
    expect(sarif).toMatchObject({ version: '2.1.0', runs: [{ results: [{ ruleId: 'NOT_LISTED' }] }] });
    expect(await readFile(join(cwd, 'report.junit'), 'utf8')).toContain('<failure type="NOT_LISTED"');
    expect(await readFile(join(cwd, 'report.text'), 'utf8')).toMatch(/^FAIL/);
  });
});

describe('a real list with its quote', () => {
  const shared = process.env['IMA_ASSAY_SHARED'] ?? '';
  const clean = join(shared, 'corpus/clean');

  async function truth(context: TestContext): Promise<readonly string[]> {
    const lists = needsShared(context, 'corpus/truth');
    const directory = join(await freshDirectory(), 'truth');
    await mkdir(directory);
    const names = ['initramfs-61.sha256', 'rootfs.sha256'];
    const files = names.map((name) => join(directory, name));
    for (const [index, name] of names.entries()) {
      const packed = await readFile(join(lists, `${name}.gz`));
      await writeFile(files[index] ?? '', gunzipSync(packed));
    }
    return files;
  }

  const quote = (nonce: string) => ({
    message: join(clean, 'quote/sha256-10.msg'),
    signature: join(clean, 'quote/sha256-10.sig'),
    key: join(clean, 'quote/ak.tpm2b'),
    nonce: Buffer.from(nonce, 'hex'),
  });

  test('passes with everything that is known of it', async (context) => {
    const policies = await truth(context);
    const nonce = (await readFile(join(clean, 'quote/nonce'), 'utf8')).trim();
    const report = await verify({
      list: join(clean, 'binary_runtime_measurements'),
      policies,
      pcrFiles: [join(clean, 'pcrs')],
      quote: quote(nonce),
      eventLog: join(clean, 'binary_bios_measurements'),
    });
    expect(report).toMatchObject({
      verdict: 'pass',
      quote: { status: 'verified' },
      accepted: { listed: 120 },
    });
    expect(report.pcrs.every(({ matchedEntries }) => matchedEntries === 120)).toBe(true);
  });

  test('fails with another nonce', async (context) => {
    const policies = await truth(context);
    const report = await verify({
      list: join(clean, 'ascii_runtime_measurements'),
      policies,
      pcrFiles: [join(clean, 'pcrs')],
      quote: quote('00'.repeat(20)),
    });
    expect(report.verdict).toBe('fail');
    expect(report.findings.map(({ code }) => code)).toContain('NONCE_MISMATCH');
  });
});
