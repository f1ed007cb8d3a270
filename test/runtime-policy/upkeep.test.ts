// Looking after a policy: lint, explain, update; and extractions that are split over machines.

import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  type Finding,
  findPackages,
  lintRuntimePolicy,
  loadPolicy,
  type Policy,
  proposeUpdate,
  type Report,
  toAdditions,
} from '../../src/index.ts';
import { runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import { DIGEST, LINE } from '../support/hello.ts';

const OTHER = 'e258d248fda94c63753607f7c4494ee0fcbe92f1a76bfdac795c9d84101eb317';

async function files(content: Readonly<Record<string, string>>): Promise<string> {
  const directory = await freshDirectory();
  for (const [name, text] of Object.entries(content)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), text);
  }
  return directory;
}

describe('policy lint', () => {
  test('finds nothing in a policy that was made here', async () => {
    const cwd = await files({ list: `${DIGEST}  boot_aggregate\n${DIGEST}  /a\n` });
    await runCli(['policy', 'convert', 'list', '-o', 'policy.json'], { cwd });
    expect(await runCli(['policy', 'lint', 'policy.json'], { cwd })).toMatchObject({
      code: 0,
      stdout: 'policy.json: 0 errors, 0 warnings, 0 notes\n',
    });
  });

  test('says what is wrong, where, and how much it matters', async () => {
    const input = `{"digests": {"/proc/x": ["${DIGEST}"], "/a": ["${DIGEST.slice(0, 40)}"]}, "excludes": [".*", "(a"]}`;
    const { stdout, code } = await runCli(['policy', 'lint', '-'], { input });
    expect(code).toBe(1);
    expect(stdout).toContain(
      'error: excludes[1]: exclude pattern 2 ((a): missing ), unterminated subpattern at position 0 [PATTERN_INVALID]\n',
    );
    expect(stdout).toContain('[EXCLUDES_IGNORED]\n');
    expect(stdout).toMatch(/warning: digests\["\/proc\/x"\], line 1: .* \[PATH_NEVER_MEASURED\]\n/);
    expect(stdout).toContain('[ALGORITHMS_MIXED]\n');
    const json = await runCli(['policy', 'lint', '-', '--json'], { input });
    expect(JSON.parse(json.stdout)).toMatchObject({ schemaVersion: 1, codes: { PATTERN_INVALID: 1 } });
  });

  test('notes patterns without effect on a list', async () => {
    const cwd = await files({
      list: LINE,
      'policy.json': '{"digests": {}, "excludes": ["/usr/bin", "/opt", "/usr/bin/hello"]}',
    });
    const { findings } = await lintRuntimePolicy(join(cwd, 'policy.json'), {
      measurementLists: [join(cwd, 'list')],
    });
    const idle = findings.filter(({ code }) => code === 'EXCLUDE_WITHOUT_EFFECT').map(({ at }) => at);
    expect(idle).toEqual(['excludes[1]', 'excludes[2]']);
  });
});

describe('policy explain', () => {
  const policy = `{"digests": {"/usr/bin/a": ["${DIGEST}"]}, "excludes": ["/tmp", "/t"]}`;

  test.each([
    {
      question: '/usr/bin/a',
      code: 0,
      says: [`/usr/bin/a: listed\nlisted    sha256:${DIGEST}  in policy.json, line 1`],
    },
    {
      question: '/tmp/x',
      code: 1,
      says: ['/tmp/x: excluded\n', '/t  by excludes[1] of policy.json\n', 'by line 2 of more'],
    },
    {
      question: '/bin/a',
      code: 1,
      says: ['/bin/a: not listed\n', `near      usr-merge: /usr/bin/a sha256:${DIGEST}`],
    },
    { question: '/opt/a', code: 1, says: ['near      same-name: /usr/bin/a'] },
    {
      question: DIGEST,
      code: 0,
      says: [`${DIGEST}: listed\nlisted    /usr/bin/a  in policy.json, line 1\n`],
    },
    { question: OTHER, code: 1, says: [`${OTHER}: not listed\n`] },
  ])('answers for $question', async ({ question, code, says }) => {
    const cwd = await files({ 'policy.json': policy, more: '# more\n/tmp/x$\n' });
    const answer = await runCli(['policy', 'explain', question, '-p', 'policy.json', '-e', 'more'], { cwd });
    expect(answer.code).toBe(code);
    for (const text of says) expect(answer.stdout).toContain(text);
  });

  test.each([
    { question: 'sha256:abcd', says: 'a digest of sha256 does not have 4 hex digits' },
    { question: `sha1:${DIGEST}`, says: 'a digest of sha1 does not have 64 hex digits' },
    { question: `sha999:${DIGEST}`, says: '"sha999" is no hash algorithm' },
    { question: DIGEST.slice(1), says: 'a digest does not have 63 hex digits' },
  ])('does not take $question for a path', async ({ question, says }) => {
    const cwd = await files({ list: `${DIGEST}  /a\n` });
    const { stdout, stderr, code } = await runCli(['policy', 'explain', question, '-p', 'list'], { cwd });
    expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
    expect(stderr).toContain(says);
  });

  test.each(['root', 'root.tar'])(
    'names the image and the package that a path is from: %s',
    async (image) => {
      const cwd = await files({
        list: `${OTHER}  /usr/bin/tool\n`,
        'root/usr/bin/tool': 'hello\n',
        'root/var/lib/dpkg/info/tool:amd64.list': '/.\n/usr\n/usr/bin\n/bin/tool\n',
        'root/var/lib/dpkg/info/other.list': '/usr/bin/toolbox\n',
        'root/var/lib/dpkg/status':
          'Package: toolbox\nVersion: 9\n\nPackage: tool\nStatus: install ok\nVersion: 1.2-3\n',
        'root/lib/apk/db/installed': 'P:busybox\nV:1.36\nF:usr/bin\nR:tool\n\nP:x\nV:1\nF:usr\nR:tool\n',
      });
      execFileSync('tar', ['-C', 'root', '-cf', 'root.tar', '--owner=0', '--group=0', '.'], { cwd });
      const args = [
        'policy',
        'explain',
        '/usr/bin/tool',
        '-p',
        'list',
        '--image',
        image,
        '--all-owners',
        '-q',
      ];
      const { stdout } = await runCli(args, { cwd });
      expect(stdout).toContain(`image     sha256:${DIGEST}  /usr/bin/tool in ${image}, not listed\n`);
      expect(stdout).toContain(`package   tool 1.2-3 (dpkg)  /usr/bin/tool in ${image}\n`);
      expect(stdout).toContain(`package   busybox 1.36 (apk)  /usr/bin/tool in ${image}\n`);
      expect(await findPackages(join(cwd, image), ['/usr/bin/none'])).toEqual({ owners: [], unread: [] });
    },
  );
});

function report(findings: readonly Partial<Finding>[], more: Partial<Report> = {}): Report {
  return {
    schemaVersion: 1,
    program: 'ima-assay',
    sources: {
      list: ['list'],
      policies: [],
      excludeLists: [],
      pcrs: [],
      keys: [],
      quote: null,
      eventLog: null,
    },
    verdict: 'fail',
    rules: 'strict',
    strictVerdict: 'fail',
    keylimeVerdict: 'fail',
    differences: [],
    list: { format: 'ascii', entries: 10, templates: {}, violations: 0 },
    pcrs: [],
    quote: { status: 'not-given' },
    accepted: { listed: 0, excluded: 0, signed: 0 },
    findings: findings.map((finding) => ({
      code: 'NOT_LISTED',
      expected: [],
      problem: 'no policy lists this path',
      hint: '',
      near: [],
      ...finding,
    })),
    findingCount: findings.length,
    unchecked: [],
    ...more,
  };
}

describe('policy update', () => {
  const found = `sha256:${DIGEST}`;
  // What a report claims is not believed: the policy decides.
  const claim = { kind: 'usr-merge', path: '/usr/bin/a', digest: found };

  async function policyWith(path: string): Promise<Policy> {
    const file = join(await freshDirectory(), 'policy');
    await writeFile(file, `${DIGEST}  ${path}\n`);
    return loadPolicy(file);
  }

  test('takes known content, asks for new content, and never widens what is excluded', async () => {
    const other = `sha256:${'1'.repeat(64)}`;
    const plan = proposeUpdate(
      report([
        { entry: 2, path: '/bin/a', found },
        { entry: 3, path: '/opt/new', found: other, near: [claim] },
        { entry: 4, path: '/opt/moved', found, near: [claim] },
        { entry: 5, code: 'KEY_NOT_LISTED', path: '.ima', found, near: [claim] },
        { entry: 6, path: '/bin/a', found },
      ]),
      await policyWith('/usr/bin/a'),
    );
    expect(plan.proposals.map(({ kind, section, name }) => [kind, section, name])).toEqual([
      ['known', 'digests', '/bin/a'],
      ['new', 'digests', '/opt/new'],
      ['new', 'digests', '/opt/moved'],
      ['new', 'keyrings', '.ima'],
    ]);
    expect(plan.warnings).toEqual([expect.stringContaining('nothing vouches for the list')]);
  });

  test.each([
    { why: 'a violation', finding: { code: 'VIOLATION', path: '/x' }, says: 'no policy settles it' },
    {
      why: 'a bad signature',
      finding: { code: 'SIGNATURE_INVALID', path: '/x', found },
      says: 'no policy settles',
    },
    { why: 'a zero digest', finding: { path: '/x', found: `sha256:${'0'.repeat(64)}` }, says: 'is zero' },
    { why: 'an entry beyond the PCRs', finding: { entry: 9, path: '/x', found }, says: 'first 8 entries' },
    { why: 'no digest', finding: { path: '/x' }, says: 'no digest' },
  ] as const)('proposes nothing for $why', async ({ finding, says }) => {
    const pcr = {
      bank: 'sha256',
      index: 10,
      replayed: '',
      expected: '',
      matchedEntries: 8,
      extend: 'per-bank',
    } as const;
    const { proposals, withheld } = proposeUpdate(report([finding], { pcrs: [pcr] }), await policyWith('/a'));
    expect(proposals).toEqual([]);
    expect(withheld[0]?.reason).toContain(says);
  });

  test('proposes nothing at all from a list that was altered', async () => {
    const policy = await policyWith('/usr/bin/a');
    for (const code of [
      'TEMPLATE_HASH_MISMATCH',
      'PCR_MISMATCH',
      'QUOTE_INVALID',
      'LIST_TRUNCATED',
    ] as const) {
      const plan = proposeUpdate(report([{ path: '/bin/a', found }, { code }]), policy);
      expect(plan.proposals).toEqual([]);
      expect(plan.withheld).toHaveLength(2);
    }
  });

  test('reads names as reports escape them', async () => {
    const name = String.raw`/a\\b\n\u{1b}\xff é`;
    const { proposals } = proposeUpdate(report([{ path: name, found }]), await policyWith('/a'));
    const [addition] = toAdditions(proposals, 'report');
    expect(addition?.name).toEqual(
      Buffer.concat([Buffer.from('/a\\b\n\u001b'), Buffer.of(0xff), Buffer.from(' é')]),
    );
  });

  test('from the report of a real verification to a policy that settles it', async () => {
    const cwd = await files({ list: LINE, 'policy.txt': `${OTHER}  /usr/bin/hello\n` });
    const verify = ['verify', 'list', '-p'];
    const failed = await runCli([...verify, 'policy.txt', '--json', '-o', 'report.json', '-q'], { cwd });
    expect(failed.code).toBe(1);
    const update = ['policy', 'update', 'policy.txt', '--from-report', 'report.json'];
    const proposed = await runCli(update, { cwd });
    expect(proposed.code).toBe(1);
    expect(proposed.stdout).toContain(
      `new, not taken: entry 1 DIGEST_MISMATCH /usr/bin/hello sha256:${DIGEST}\n`,
    );
    expect(proposed.stdout).toContain('no differences\n');
    const taken = await runCli([...update, '--accept', '/usr/bin/hello', '-o', 'new.txt', '-q'], { cwd });
    expect(taken).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`+ ${DIGEST}  /usr/bin/hello\n`),
    });
    expect(await readFile(join(cwd, 'new.txt'), 'utf8')).toBe(
      `${DIGEST}  /usr/bin/hello\n${OTHER}  /usr/bin/hello\n`,
    );
    expect((await runCli([...verify, 'new.txt', '-q'], { cwd })).code).toBe(0);
    expect(await runCli([...update, '--accept', '/none'], { cwd })).toMatchObject({ code: 2, stdout: '' });
    expect(await runCli(['policy', 'update', 'list', '--from-report', 'list'], { cwd })).toMatchObject({
      code: 2,
    });
  });
});

describe('extract --shard', () => {
  test('parts together are the whole, byte for byte', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `root/usr/share/${index % 4}/file ${index}`);
    const cwd = await files({
      ...Object.fromEntries(names.map((name) => [name, name])),
      'root/usr/bin/one': '1',
    });
    for (const format of ['allowlist', 'runtime-policy']) {
      const args = ['extract', 'root', '--all-owners', '-q', '--format', format];
      const env = { SOURCE_DATE_EPOCH: '1767225600' };
      const whole = (await runCli(args, { cwd, env })).stdout;
      for (const count of [1, 3, 8]) {
        const parts: string[] = [];
        for (let index = 1; index <= count; index += 1) {
          const part = `${format}-${index}-of-${count}`;
          parts.push(part);
          const shard = await runCli([...args, '--shard', `${index}/${count}`, '-o', part], { cwd, env });
          expect(shard).toMatchObject({ code: 0, stderr: '' });
        }
        const merged = await runCli(['policy', 'merge', ...parts, '--expect', String(count), '-q'], { cwd });
        expect(merged).toMatchObject({ code: 0, stdout: whole });
        const missing = await runCli(['policy', 'merge', ...parts.slice(1), '--expect', String(count)], {
          cwd,
        });
        expect(missing).toMatchObject({ code: 2, stdout: '' });
      }
    }
  });

  test('files are counted, not names of them', async () => {
    const cwd = await files({ 'shard-1': `${DIGEST}  /a\n`, 'shard-2': '' });
    const merge = async (...args: readonly string[]) => runCli(['policy', 'merge', ...args, '-q'], { cwd });
    expect(await merge('shard-1', 'shard-2', '--expect', '2')).toMatchObject({ code: 0 });
    const twice = await merge('shard-1', './shard-1', '--expect', '2');
    expect(twice).toMatchObject({ code: 2, stdout: '' });
    expect(twice.stderr).toContain('1 file is given, not 2');
    expect((await merge('shard-*', '--expect', '3')).stderr).toContain('2 files are given, not 3');
  });

  test('a path is in one part, whatever the image', async () => {
    const image = join(import.meta.dirname, '../../fixtures/initramfs/gzip.img');
    const whole = (await runCli(['extract', image])).stdout.split('\n').toSorted();
    const parts: string[] = [];
    const skips: string[] = [];
    for (const shard of ['1/2', '2/2']) {
      const { stdout, stderr } = await runCli(['extract', image, '--shard', shard]);
      parts.push(...stdout.split('\n').filter((line) => line !== ''));
      skips.push(stderr);
    }
    expect(['', ...parts].toSorted()).toEqual(whole);
    expect(skips.join('')).toContain('of another shard');
  });

  test('needs a part that there is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('0/2', '3/2', '1/0', '1', 'a/b', '1/99999999'), async (shard) => {
        const { code, stdout } = await runCli(['extract', '.', '--shard', shard]);
        expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      }),
      { numRuns: 6 },
    );
  });
});
