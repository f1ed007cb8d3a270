// Lists, policies and quotes of somebody who means harm, or of a broken machine: they never pass, never crash the program,
// and what is wrong is said.

import { generateKeyPairSync, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { AssayError, verify } from '../../src/index.ts';
import { runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import {
  bytesField,
  digestField,
  entry,
  hashOf,
  imaEntry,
  type Made,
  nameField,
  replay,
  toAscii,
  toBinary,
} from '../support/made-list.ts';
import { makeQuote } from '../support/quote.ts';
import { expectSchema, verifyByCli } from '../support/report.ts';
import { needsTool } from '../support/tools.ts';
import { certify } from './differential/signers.ts';

const file = (name: string | Buffer): Made =>
  entry('ima-ng', [digestField('sha256', hashOf('sha256', name)), nameField(name)]);
const buffer = (name: string, bytes: Buffer, digest: Buffer = hashOf('sha256', bytes)): Made =>
  entry('ima-buf', [digestField('sha256', digest), nameField(name), bytesField(bytes)]);
const BOOTED: readonly Made[] = [file('boot_aggregate'), file('/init'), file('/usr/bin/hello')];
const EMPTY_POLICY = {
  meta: { version: 1, generator: 0 },
  release: 0,
  digests: {},
  excludes: [] as readonly string[],
  keyrings: {},
  ima: { ignored_keyrings: [] as readonly string[], log_hash_alg: 'sha1', dm_policy: null },
  'ima-buf': {},
  'verification-keys': '',
};

/** Lists the names of `BOOTED`, and more. */
function policyOf(...names: readonly string[]): typeof EMPTY_POLICY {
  const all = ['boot_aggregate', '/init', '/usr/bin/hello', ...names];
  const digests = Object.fromEntries(all.map((name) => [name, [hashOf('sha256', name).toString('hex')]]));
  return { ...EMPTY_POLICY, digests };
}

/** A directory with `list` and `policy.json`; returns their paths. */
async function write(
  list: Buffer,
  policy: unknown,
): Promise<{ list: string; policy: string; directory: string }> {
  const directory = await freshDirectory();
  const paths = { list: join(directory, 'list'), policy: join(directory, 'policy.json'), directory };
  writeFileSync(paths.list, list);
  writeFileSync(paths.policy, typeof policy === 'string' ? policy : JSON.stringify(policy));
  return paths;
}

async function check(
  list: Buffer,
  policy: unknown,
  ...args: readonly string[]
): ReturnType<typeof verifyByCli> {
  const paths = await write(list, policy);
  return verifyByCli(paths.list, ['--policy', paths.policy, ...args]);
}

describe('a list that is cut', () => {
  const entries: readonly Made[] = [
    ...BOOTED,
    entry('ima-sig', [digestField('sha1', hashOf('sha1', 'x')), nameField('/x'), bytesField(Buffer.of())]),
    buffer('kernel_version', Buffer.from('6.12.9')),
  ];
  const policy = { ...EMPTY_POLICY, excludes: ['/', 'boot_aggregate', 'kernel'] };

  test.each([
    { form: 'ASCII', whole: toAscii(entries) },
    { form: 'binary', whole: toBinary(entries) },
  ])('at any byte ($form) never passes where the PCR is known', async ({ form, whole }) => {
    const paths = await write(whole, policy);
    const pcrValues = [`sha256:10=${replay(entries, 'sha256')}`];
    for (let length = 0; length <= whole.length; length += 1) {
      writeFileSync(paths.list, whole.subarray(0, length));
      // A line needs no line end to be whole.
      const isWhole = length >= whole.length - (form === 'ASCII' ? 1 : 0);
      const verdict = await verify({ list: paths.list, policies: [paths.policy], pcrValues }).then(
        (report) => {
          expectSchema(report);
          return report.verdict;
        },
        (error: unknown) => {
          if (!(error instanceof AssayError)) throw error;
          return error.code;
        },
      );
      if (isWhole) expect(verdict, `${length} bytes`).toBe('pass');
      else expect(verdict, `${length} bytes`).not.toBe('pass');
    }
  });

  test('between two entries only the PCR can tell, and the report says that it was not given', async () => {
    const { report } = await check(toBinary(entries.slice(0, 3)), policy);
    expect(report.verdict).toBe('pass');
    expect(report.unchecked.join('\n')).toMatch(/PCR/);
  });
});

describe('what stands in a line', () => {
  const rows: readonly { what: string; list: Buffer; finding: string | null }[] = [
    {
      what: 'CR LF',
      list: Buffer.from(toAscii(BOOTED).toString('latin1').replaceAll('\n', '\r\n')),
      finding: null,
    },
    { what: 'no last line end', list: toAscii(BOOTED).subarray(0, -1), finding: null },
    { what: 'a NUL in a name', list: change('hello', 'he\0llo'), finding: 'ENTRY_MALFORMED' },
    { what: 'a NUL behind a name', list: change('hello', 'hello\0'), finding: 'ENTRY_MALFORMED' },
    { what: 'NULs for a line', list: change(/^.*init$/m, '\0'.repeat(100)), finding: 'ENTRY_MALFORMED' },
    { what: 'free text', list: change(/^.*init$/m, 'free text'), finding: 'ENTRY_MALFORMED' },
    {
      what: 'an unknown template',
      list: change(/ima-ng(.*init)$/m, 'ima-zz$1'),
      finding: 'TEMPLATE_UNKNOWN',
    },
    { what: 'PCR 24', list: change(/^10(.*init)$/m, '24$1'), finding: 'ENTRY_MALFORMED' },
    { what: 'a short hash', list: change(/^10 ..(.*init)$/m, '10 $1'), finding: 'ENTRY_MALFORMED' },
    {
      what: 'tabs for blanks',
      list: change(/^10 (.*) (.*init)$/m, '10\t$1\t$2'),
      finding: 'ENTRY_MALFORMED',
    },
  ];

  test.each(rows)('$what', async ({ list, finding }) => {
    const { report, findings } = await check(list, policyOf());
    if (finding === null) expect(findings).toEqual([]);
    else expect(report.findings.map(({ code }) => code)).toContain(finding);
  });

  function change(what: string | RegExp, by: string): Buffer {
    return Buffer.from(toAscii(BOOTED).toString('latin1').replace(what, by), 'latin1');
  }
});

describe('names', () => {
  const long = `/${'n'.repeat(299)}`;

  test('of 300 bytes are names like others, but for the template that has no room for them', async () => {
    const roomy = [...BOOTED, file(long)];
    for (const list of [toAscii(roomy), toBinary(roomy)]) {
      expect((await check(list, policyOf(long))).findings).toEqual([]);
    }
    const legacy = [...BOOTED, imaEntry(hashOf('sha1', long), long)];
    for (const list of [toAscii(legacy), toBinary(legacy)]) {
      const { report } = await check(list, policyOf(long));
      expect(report.verdict).toBe('fail');
    }
  });

  test('that are not UTF-8 are shown so that a terminal can bear it, and can be listed', async () => {
    const name = Buffer.from('/usr/bin/\xff\x1b[2J\x07', 'latin1');
    const list = [...BOOTED, file(name)];
    const { report } = await check(toBinary(list), policyOf());
    expect(report.findings.map(({ entry: at, code }) => [at, code])).toEqual([[4, 'NOT_LISTED']]);
    expect(report.findings[0]?.path).toMatch(/^[\x20-\x7e]*$/);
    const { directory, ...paths } = await write(toBinary(list), policyOf());
    const allowlist = join(directory, 'allowlist');
    const line = [Buffer.from(`${hashOf('sha256', name).toString('hex')}  `), name, Buffer.from('\n')];
    writeFileSync(allowlist, Buffer.concat(line));
    const listed = await verifyByCli(paths.list, ['--policy', paths.policy, '--allowlist', allowlist]);
    expect(listed.findings).toEqual([]);
  });

  test('with a line end are one entry in the binary form, and never two in the other', async () => {
    const name = `/usr/bin/hello\n${file('/usr/bin/evil').line}`;
    const list = [...BOOTED, file(name)];
    const policy = policyOf('/usr/bin/evil');
    for (const form of [toBinary(list), toAscii(list)]) {
      const { report } = await check(form, policy, '--pcr', `sha256:10=${replay(list, 'sha256')}`);
      expect(report.verdict).toBe('fail');
    }
  });
});

describe('sizes', () => {
  test('a line of 48 MiB is refused', async () => {
    for (const head of ['', `${file('/x').line}`]) {
      const { policy } = await write(Buffer.of(), policyOf());
      const input = Buffer.concat([Buffer.from(head), Buffer.alloc(48 << 20, 'a')]);
      const { code } = await runCli(['verify', '-', '--policy', policy, '--json'], { input });
      expect([1, 2]).toContain(code);
    }
  });

  test('a length of 4 GiB, wherever one stands, is refused', async () => {
    const whole = toBinary(BOOTED);
    const paths = await write(whole, policyOf());
    // Of the second record: the template's name, its data, the digest, and the file's name.
    const second = BOOTED[0]?.record.length ?? 0;
    for (const at of [24, 34, 38, 82].map((offset) => second + offset)) {
      for (const length of [0xffffffff, 0x80000000, 0x7fffffff, whole.length]) {
        const list = Buffer.from(whole);
        list.writeUInt32LE(length, at);
        writeFileSync(paths.list, list);
        const { stdout, code } = await runCli(['verify', paths.list, '--policy', paths.policy, '--json']);
        expect([1, 2], `${length} at ${at}`).toContain(code);
        if (code === 1) expectSchema(JSON.parse(stdout));
      }
    }
  });

  test('a policy of 50 MB is read', async () => {
    const digests: Record<string, string[]> = { ...policyOf().digests };
    for (let number = 0; number < 350_000; number += 1) {
      digests[`/usr/share/long/directory/for/files/number/${number}`] = [String(number).padStart(64, '0')];
    }
    const text = JSON.stringify({ ...EMPTY_POLICY, digests });
    expect(text.length).toBeGreaterThan(40e6);
    expect((await check(toAscii(BOOTED), text)).findings).toEqual([]);
  });
});

describe('another machine’s values', () => {
  test('the PCR of another boot', async () => {
    const other = replay([file('boot_aggregate'), file('/init'), file('/usr/bin/other')], 'sha256');
    const { findings } = await check(toAscii(BOOTED), policyOf(), '--pcr', `sha256:10=${other}`);
    expect(findings).toEqual([[0, 'PCR_MISMATCH']]);
  });

  test('a list that is longer than what the PCR covers passes, and the rest is named', async () => {
    const value = replay(BOOTED.slice(0, 2), 'sha256');
    const { report } = await check(toAscii(BOOTED), policyOf(), '--pcr', `sha256:10=${value}`);
    expect(report.verdict).toBe('pass');
    expect(report.pcrs).toContainEqual(expect.objectContaining({ matchedEntries: 2 }));
    expect(report.unchecked.join('\n')).toMatch(/entr(y|ies) 3/);
  });

  test('one of two banks', async () => {
    const never = hashOf('sha1', 'never').toString('hex');
    const values = ['--pcr', `sha256:10=${replay(BOOTED, 'sha256')}`, '--pcr', `sha1:10=${never}`];
    const { findings } = await check(toAscii(BOOTED), policyOf(), ...values);
    expect(findings).toContainEqual([0, 'PCR_MISMATCH']);
  });
});

describe('policies of no shape', () => {
  test.each([
    ['nothing', ''],
    ['half', '{"digests": {"/init": ["'],
    ['a list', '[]'],
    ['a text', '"digests"'],
    ['a number', '7'],
    ['null', 'null'],
    ['no digests and no hashes', '{}'],
    ['digests in a list', '{"digests": ["/init"]}'],
    ['digests that are numbers', '{"digests": {"/init": [5891]}}'],
    ['digests that are null', '{"digests": null}'],
    ['hashes in a list', '{"hashes": ["/init"]}'],
    ['excludes as text', '{"digests": {}, "excludes": "/"}'],
    ['excludes that are numbers', '{"digests": {}, "excludes": [1]}'],
    ['settings in a list', '{"digests": {}, "ima": []}'],
    ['keyrings in a list', '{"digests": {}, "keyrings": []}'],
    ['two of them', '{"digests": {}}{"digests": {}}'],
    ['a thousand levels', `{"digests": {}, "x": ${'['.repeat(1000)}${']'.repeat(1000)}}`],
    ['a hundred thousand levels', '['.repeat(100_000)],
    ['not UTF-8', Buffer.from('{"digests": {"/\xff": []}}', 'latin1')],
    ['an envelope without signatures', '{"payload": "e30=", "payloadType": "application/vnd.keylime+json"}'],
  ])('%s', async (_, text) => {
    const { list, policy } = await write(toAscii(BOOTED), '');
    writeFileSync(policy, text);
    const { stdout, stderr, code } = await runCli(['verify', list, '--policy', policy, '--json']);
    expect({ stdout, code }, stderr).toEqual({ stdout: '', code: 2 });
    expect(stderr).toMatch(/\[(POLICY|ALLOWLIST|ENVELOPE)_[A-Z0-9_]+\]/);
  });

  test.each([
    ['digests as text', '{"digests": {"/init": "5891"}}'],
    ['hashes as text', '{"hashes": {"/init": "5891"}}'],
    ['hashes that are null', '{"hashes": null}'],
  ])('%s: a verifier would refuse it, which is said, and nothing passes by it', async (_, text) => {
    const { report } = await check(toAscii(BOOTED), text);
    expect(report).toMatchObject({ verdict: 'fail', keylimeVerdict: 'fail', accepted: { listed: 0 } });
    expect(report.unchecked.join('\n')).toContain('would refuse');
  });

  test('the old JSON allowlist is one of its own', async () => {
    const hashes = policyOf().digests;
    expect((await check(toAscii(BOOTED), { hashes })).findings).toEqual([]);
    // `exclude`, the older name of it, is of no effect: it is not silently taken for `excludes`.
    const { report } = await check(toAscii(BOOTED), { hashes: {}, exclude: ['/'] });
    expect(report.verdict).toBe('fail');
  });
});

describe('patterns that take time', () => {
  const name = `/${'a'.repeat(4000)}!`;

  test.each([
    '/(a+)+$',
    '/(a|a)*b',
    '/(a*)*b',
    '/(?=(a+)+b)',
    '/(a+)+\\1b',
    '/(?:a?){60}a{60}b',
    '/(.*)*(.*)*x',
  ])('%s excludes nothing, and soon', async (pattern) => {
    const started = Date.now();
    const list = [...BOOTED, file(name)];
    const { findings } = await check(toAscii(list), { ...policyOf(), excludes: [pattern] });
    expect(findings).toEqual([[4, 'NOT_LISTED']]);
    expect(Date.now() - started).toBeLessThan(20_000);
  });
});

describe('what Keylime lets pass', () => {
  test('a template hash of ones, for a file that was really extended', async () => {
    const evil = file('/usr/bin/evil');
    const shown = entry(
      'ima-ng',
      [digestField('sha256', hashOf('sha256', '/usr/bin/evil')), nameField('/usr/bin/evil')],
      {
        recorded: 'ff'.repeat(20),
      },
    );
    const value = replay([...BOOTED, evil], 'sha256');
    for (const list of [toAscii([...BOOTED, shown]), toBinary([...BOOTED, shown])]) {
      const { report } = await check(list, policyOf(), '--pcr', `sha256:10=${value}`);
      expect(report).toMatchObject({ verdict: 'fail', keylimeVerdict: 'pass' });
      expect(report.findings.map(({ entry: at, code }) => [at, code])).toEqual([
        [4, 'TEMPLATE_HASH_MISMATCH'],
      ]);
      expect(report.differences).toContainEqual(expect.objectContaining({ entry: 4, keylime: null }));
    }
  });

  test('a keyring that a pattern excludes: it makes no key trusted', async (context) => {
    needsTool(context, 'openssl');
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const keyFile = join(await freshDirectory(), 'key.pem');
    writeFileSync(keyFile, privateKey.export({ format: 'pem', type: 'pkcs8' }));
    const key = certify(keyFile);
    const id = hashOf('sha1', publicKey.export({ format: 'der', type: 'pkcs1' })).subarray(-4);
    const signed = sign('sha256', Buffer.from('/usr/bin/evil'), privateKey);
    const header = Buffer.from([3, 2, 4, ...id, signed.length >> 8, signed.length & 0xff]);
    const list = [
      ...BOOTED,
      buffer('.ima', key),
      entry('ima-sig', [
        digestField('sha256', hashOf('sha256', '/usr/bin/evil')),
        nameField('/usr/bin/evil'),
        bytesField(Buffer.concat([header, signed])),
      ]),
    ];
    const { report } = await check(toAscii(list), { ...policyOf(), excludes: ['\\.ima'] });
    expect(report).toMatchObject({ verdict: 'fail', keylimeVerdict: 'pass', accepted: { signed: 0 } });
    expect(report.findings.map(({ entry: at, code }) => [at, code])).toContainEqual([5, 'NOT_LISTED']);
    // Listed, it is trusted: so it is the pattern that made the difference.
    const keyrings = { '.ima': [hashOf('sha256', key).toString('hex')] };
    const trusted = await check(toAscii(list), { ...policyOf(), keyrings });
    expect(trusted.findings).toEqual([]);
    expect(trusted.report).toMatchObject({ verdict: 'pass', accepted: { signed: 1 } });
  });

  test('a buffer that is not what its digest says', async () => {
    const listed = hashOf('sha256', '6.12.9');
    const list = [...BOOTED, buffer('kernel_version', Buffer.from('6.12.8'), listed)];
    const policy = { ...policyOf(), 'ima-buf': { kernel_version: [listed.toString('hex')] } };
    const { report, findings } = await check(toAscii(list), policy);
    expect(report).toMatchObject({ verdict: 'fail', keylimeVerdict: 'pass' });
    expect(findings).toEqual([[4, 'BUFFER_DIGEST_MISMATCH']]);
  });
});

describe('a quote', () => {
  const ak = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const nonce = Buffer.from('0123456789abcdef', 'hex');
  const value = replay(BOOTED, 'sha256');
  const good = { key: ak.privateKey, nonce, pcrs: { 10: value } };
  const never = hashOf('sha256', 'never').toString('hex');

  const rows: readonly {
    what: string;
    quote: ReturnType<typeof makeQuote>;
    args?: readonly string[];
    finding: string | null;
  }[] = [
    { what: 'that holds', quote: makeQuote(good), finding: null },
    {
      what: 'of several PCRs, whose values are given',
      quote: makeQuote({ ...good, pcrs: { 0: never, 10: value } }),
      args: ['--pcr', `sha256:0=${never}`],
      finding: null,
    },
    {
      what: 'of several PCRs, of which one has another value',
      quote: makeQuote({ ...good, pcrs: { 0: never, 10: value } }),
      args: ['--pcr', `sha256:0=${value}`],
      finding: 'PCR_MISMATCH',
    },
    {
      what: 'of another nonce',
      quote: makeQuote({ ...good, nonce: Buffer.alloc(8) }),
      finding: 'NONCE_MISMATCH',
    },
    {
      what: 'of a longer nonce',
      quote: makeQuote({ ...good, nonce: Buffer.concat([nonce, nonce]) }),
      finding: 'NONCE_MISMATCH',
    },
    {
      what: 'by another key',
      quote: makeQuote({ ...good, key: other.privateKey }),
      finding: 'QUOTE_INVALID',
    },
    { what: 'of another value', quote: makeQuote({ ...good, pcrs: { 10: never } }), finding: 'PCR_MISMATCH' },
    { what: 'of PCR 11 alone', quote: makeQuote({ ...good, pcrs: { 11: value } }), finding: 'QUOTE_INVALID' },
    { what: 'of nothing', quote: makeQuote({ ...good, pcrs: {} }), finding: 'QUOTE_INVALID' },
    { what: 'not made by a TPM', quote: makeQuote({ ...good, magic: 1 }), finding: 'QUOTE_INVALID' },
    { what: 'that is no quote', quote: makeQuote({ ...good, type: 0x8017 }), finding: 'QUOTE_INVALID' },
    {
      what: 'with trailing bytes',
      quote: makeQuote({ ...good, trailing: Buffer.alloc(1) }),
      finding: 'QUOTE_INVALID',
    },
  ];

  test.each(rows)('$what', async ({ quote, args = [], finding }) => {
    const { report, findings } = await checkQuote(quote, args);
    if (finding === null) {
      expect(findings).toEqual([]);
      expect(report.quote.status).toBe('verified');
      expect(report.unchecked.join('\n')).toMatch(/key/i); // a PEM does not say whether a TPM holds the key
    } else {
      expect(findings).toContainEqual([0, finding]);
      expect(report).toMatchObject({ verdict: 'fail', quote: { status: 'failed' } });
    }
  });

  test('cut at any byte is never taken', async () => {
    const { message, signature } = makeQuote(good);
    const { list, policy, directory } = await write(toAscii(BOOTED), policyOf());
    const files = {
      message: join(directory, 'msg'),
      signature: join(directory, 'sig'),
      key: join(directory, 'ak'),
    };
    writeFileSync(files.key, ak.publicKey.export({ format: 'pem', type: 'spki' }));
    const attempts = [
      ...Array.from(message, (_, length) => [message.subarray(0, length), signature] as const),
      ...Array.from(signature, (_, length) => [message, signature.subarray(0, length)] as const),
      [message, Buffer.concat([signature, Buffer.alloc(1)])] as const,
    ];
    for (const [cutMessage, cutSignature] of attempts) {
      writeFileSync(files.message, cutMessage);
      writeFileSync(files.signature, cutSignature);
      const verdict = await verify({ list, policies: [policy], quote: { ...files, nonce } }).then(
        ({ verdict: reported }) => reported,
        (error: unknown) => {
          if (!(error instanceof AssayError)) throw error;
          return error.code;
        },
      );
      expect(verdict, `${cutMessage.length} and ${cutSignature.length} bytes`).not.toBe('pass');
    }
  });

  async function checkQuote(
    { message, signature }: ReturnType<typeof makeQuote>,
    args: readonly string[],
  ): ReturnType<typeof verifyByCli> {
    const { list, policy, directory } = await write(toAscii(BOOTED), policyOf());
    const [msg, sig, pem] = ['msg', 'sig', 'ak.pem'].map((name) => join(directory, name));
    writeFileSync(msg ?? '', message);
    writeFileSync(sig ?? '', signature);
    writeFileSync(pem ?? '', ak.publicKey.export({ format: 'pem', type: 'spki' }));
    const evidence = [
      '--quote',
      msg ?? '',
      '--signature',
      sig ?? '',
      '--ak',
      pem ?? '',
      '--nonce',
      nonce.toString('hex'),
    ];
    return verifyByCli(list, ['--policy', policy, ...evidence, ...args]);
  }
});
