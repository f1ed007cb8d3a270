// Signed policies: made here and verified by Keylime and OpenSSL, made by Keylime and verified here.

import { execFile } from 'node:child_process';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { describe, expect, test } from 'vitest';

import { checkRuntimePolicy, SigningKey, signRuntimePolicy } from '../../src/index.ts';
import { runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import { DIGEST } from '../support/hello.ts';
import { needsKeylime } from '../support/keylime.ts';
import { needsTool, skipAloud } from '../support/tools.ts';

const run = promisify(execFile);

const POLICY = `{"meta": {"version": 1, "generator": 3}, "release": 0, "digests": {"/a": ["${DIGEST}"]}, "excludes": [], "keyrings": {}, "ima": {"ignored_keyrings": [], "log_hash_alg": "sha1", "dm_policy": null}, "ima-buf": {}, "verification-keys": ""}`;

async function files(content: Readonly<Record<string, string>> = {}): Promise<string> {
  const directory = await freshDirectory();
  await writeFile(join(directory, 'policy.json'), POLICY);
  for (const [name, text] of Object.entries(content)) await writeFile(join(directory, name), text);
  return directory;
}

interface Envelope {
  readonly payload: string;
  readonly payloadType: string;
  readonly signatures: readonly { readonly keyid?: string; readonly sig: string }[];
}

async function envelopeIn(path: string): Promise<Envelope> {
  const envelope: Envelope = JSON.parse(await readFile(path, 'utf8'));
  return envelope;
}

/** What Keylime says of a signed policy and a key: `good`, or why not. */
async function askKeylime(keylime: string, policy: string, key: string): Promise<string> {
  const program = `
import sys
from keylime.ima import ima
policy, key = (open(name, "rb").read() for name in sys.argv[1:])
try:
    ima.verify_runtime_policy(policy, key)
    print("good")
except ima.ImaValidationError as error:
    print(error.message)
`;
  const { stdout } = await run(join(keylime, 'bin/python'), ['-c', program, policy, key]);
  return stdout.trim().split('\n').at(-1) ?? '';
}

describe('policy sign', () => {
  test.each(['P-256', 'P-384', 'P-521'])(
    'signs the bytes of the file with a new key on %s',
    async (curve) => {
      const cwd = await files();
      const args = [
        'policy',
        'sign',
        'policy.json',
        '-p',
        'key.pem',
        '--curve',
        curve,
        '--public-key',
        'key.pub',
      ];
      const { code, stderr } = await runCli([...args, '-o', 'signed.json'], { cwd });
      const id = (await run('sha256sum', ['key.pub'], { cwd })).stdout.slice(0, 64);
      expect({ code, stderr }).toEqual({
        code: 0,
        stderr: expect.stringContaining(
          `signed with ECDSA ${curve}, key ${id}\nwrote key.pem\nwrote key.pub\n`,
        ),
      });
      const { payload, payloadType, signatures } = await envelopeIn(join(cwd, 'signed.json'));
      expect(Buffer.from(payload, 'base64').toString()).toBe(POLICY);
      expect(payloadType).toBe('application/vnd.keylime+json');
      expect(signatures.map(({ keyid }) => keyid)).toEqual([id]);
      expect((await stat(join(cwd, 'key.pem'))).mode & 0o777).toBe(0o600);
      expect(await readFile(join(cwd, 'key.pem'), 'utf8')).toMatch(/^-----BEGIN EC PRIVATE KEY-----\n/);
      const checked = await runCli(['policy', 'check', 'signed.json', '-k', 'key.pub'], { cwd });
      expect(checked).toMatchObject({ code: 0, stdout: expect.stringContaining(`verified by EC ${curve}`) });
    },
  );

  test('takes keys of OpenSSL: SEC 1 and PKCS #8, PEM and DER, encrypted, from a file or standard input', async (context) => {
    needsTool(context, 'openssl');
    const cwd = await files({ secret: 'open sesame\n' });
    await run('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'sec1.pem'], {
      cwd,
    });
    await run('openssl', ['pkey', '-in', 'sec1.pem', '-pubout', '-out', 'key.pub'], { cwd });
    await run('openssl', ['pkcs8', '-topk8', '-nocrypt', '-in', 'sec1.pem', '-out', 'pkcs8.pem'], { cwd });
    await run(
      'openssl',
      ['pkcs8', '-topk8', '-nocrypt', '-in', 'sec1.pem', '-outform', 'DER', '-out', 'pkcs8.der'],
      { cwd },
    );
    await run('openssl', ['ec', '-in', 'sec1.pem', '-outform', 'DER', '-out', 'sec1.der'], { cwd });
    await run(
      'openssl',
      ['pkcs8', '-topk8', '-in', 'sec1.pem', '-passout', 'file:secret', '-out', 'locked.pem'],
      { cwd },
    );
    const rows = [
      ['-k', 'sec1.pem'],
      ['-k', 'pkcs8.pem'],
      ['-k', 'pkcs8.der'],
      ['-k', 'sec1.der'],
      ['-k', '-'],
      ['-k', 'locked.pem', '--passphrase-file', 'secret'],
    ];
    for (const row of rows) {
      const input = await readFile(join(cwd, 'sec1.pem'));
      const signed = await runCli(['policy', 'sign', 'policy.json', ...row, '-o', 'signed.json', '-q'], {
        cwd,
        input,
      });
      expect(signed, row.join(' ')).toMatchObject({ code: 0, stderr: '' });
      expect(await runCli(['policy', 'check', 'signed.json', '-k', 'key.pub', '-q'], { cwd })).toMatchObject({
        code: 0,
      });
    }
    const locked = await runCli(['policy', 'sign', 'policy.json', '-k', 'locked.pem'], { cwd });
    expect(locked).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining(
        'no passphrase is given\n  hint: give the passphrase with --passphrase-file',
      ),
    });
    await writeFile(join(cwd, 'wrong'), 'another\n');
    const wrong = await runCli(
      ['policy', 'sign', 'policy.json', '-k', 'locked.pem', '--passphrase-file', 'wrong'],
      { cwd },
    );
    expect(wrong.stderr).toContain('this is not its passphrase');
    expect(wrong.stderr).not.toContain('--passphrase-file');
    expect(wrong.stderr).toContain('[SIGNING_KEY_LOCKED]');
  });

  test('takes no private key for a public one, and says how to get that', async () => {
    const cwd = await files();
    await runCli(['policy', 'sign', 'policy.json', '-p', 'key.pem', '-o', 'signed.json'], { cwd });
    const { stdout, stderr, code } = await runCli(['policy', 'check', 'signed.json', '-k', 'key.pem'], {
      cwd,
    });
    expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
    expect(stderr).toContain('`openssl pkey -in KEY -pubout`');
    const [secret = ''] = (await readFile(join(cwd, 'key.pem'), 'utf8')).split('\n').slice(1);
    expect(stderr).not.toContain(secret.slice(0, 16));
  });

  test('has files for a manifest only where there is one, and says that it wrote it', async () => {
    const cwd = await files();
    const sign = async (...args: readonly string[]) =>
      runCli(['policy', 'sign', 'policy.json', '-o', 'signed.json', ...args], { cwd });
    const refused = await sign('-p', 'key.pem', '--with', 'policy.json');
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('--with needs --checksum');
    const signed = await sign('-p', 'key.pem', '--with', 'policy.json', '--checksum', 'all');
    expect(signed).toMatchObject({ code: 0, stderr: expect.stringMatching(/^wrote all \(\d+ bytes\)$/m) });
  });

  test('names a certificate as the x509 backend does, new or given', async (context) => {
    needsTool(context, 'openssl');
    const cwd = await files();
    const args = ['policy', 'sign', 'policy.json', '-b', 'x509', '-q', '-o', 'signed.json'];
    expect(
      await runCli([...args, '-p', 'key.pem', '-c', 'cert.pem', '--subject', 'policy signer'], { cwd }),
    ).toMatchObject({ code: 0, stderr: '' });
    const shown = await run(
      'openssl',
      ['x509', '-in', 'cert.pem', '-noout', '-subject', '-ext', 'basicConstraints,subjectAltName'],
      { cwd },
    );
    expect(shown.stdout).toMatch(/CN = policy signer[^]*CA:FALSE|CA:FALSE[^]*policy signer/);
    await run('openssl', ['verify', '-CAfile', 'cert.pem', '-check_ss_sig', 'cert.pem'], { cwd });
    const certificate = await readFile(join(cwd, 'cert.pem'));
    const [signature] = (await envelopeIn(join(cwd, 'signed.json'))).signatures;
    expect(signature?.keyid).toBe(certificate.toString('base64'));
    const { stdout: fingerprint } = await run(
      'openssl',
      ['x509', '-in', 'cert.pem', '-noout', '-fingerprint', '-sha256'],
      { cwd },
    );
    const hex = fingerprint.trim().replace(/^.*=/, '').replaceAll(':', '').toLowerCase();
    const checked = await runCli(['policy', 'check', 'signed.json', '-k', 'cert.pem'], { cwd });
    expect(checked).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`keyid certificate sha256:${hex}\n`),
    });
    expect(await runCli([...args, '-k', 'key.pem', '--certificate', 'cert.pem'], { cwd })).toMatchObject({
      code: 0,
    });
    const other = await runCli([...args, '-p', 'other.pem', '--certificate', 'cert.pem'], { cwd });
    expect(other.stderr).toContain('[SIGNING_CERTIFICATE_FOREIGN]');
  });

  test('refuses what no verifier would take', async (context) => {
    needsTool(context, 'openssl');
    const cwd = await files({
      list: `${DIGEST}  /a\n`,
      'bad.json': POLICY.replace(DIGEST, DIGEST.toUpperCase()),
    });
    await run('openssl', ['genrsa', '-out', 'rsa.pem', '2048'], { cwd });
    await run('openssl', ['ecparam', '-name', 'secp256k1', '-genkey', '-noout', '-out', 'k1.pem'], { cwd });
    const rows = [
      { args: ['policy.json', '-k', 'rsa.pem'], code: 'SIGNING_KEY_FOREIGN' },
      { args: ['policy.json', '-k', 'k1.pem'], code: 'SIGNING_KEY_FOREIGN' },
      { args: ['policy.json', '-k', 'list'], code: 'SIGNING_KEY_MALFORMED' },
      { args: ['list', '-p', 'new.pem'], code: 'POLICY_UNUSABLE' },
      { args: ['bad.json', '-p', 'new.pem'], code: 'POLICY_UNUSABLE' },
      { args: ['policy.json', '-p', 'rsa.pem'], code: 'OUTPUT_UNWRITABLE' },
      { args: ['policy.json', '-p', 'x', '-k', 'rsa.pem'], code: 'ARGUMENT_INVALID' },
      { args: ['policy.json', '-k', 'none'], code: 'INPUT_UNREADABLE' },
    ];
    for (const { args, code } of rows) {
      const refused = await runCli(['policy', 'sign', ...args, '-o', 'out.json'], { cwd });
      expect(refused, args.join(' ')).toMatchObject({
        code: 2,
        stdout: '',
        stderr: expect.stringContaining(`[${code}]`),
      });
      await expect(stat(join(cwd, 'out.json'))).rejects.toThrow('ENOENT');
    }
  });
});

describe('policy check', () => {
  test('wants one of several signatures to be of a given key, and all of the envelope to be as it was', async () => {
    const cwd = await files();
    const path = join(cwd, 'policy.json');
    const [first, second, stranger] = [
      SigningKey.generate(),
      SigningKey.generate('P-384'),
      SigningKey.generate(),
    ];
    const signed = join(cwd, 'signed.json');
    await writeFile(signed, await signRuntimePolicy(path, first));
    await expect(signRuntimePolicy(signed, second)).rejects.toThrow('signed already');
    await writeFile(signed, await signRuntimePolicy(signed, second, { addSignature: true }));
    for (const [name, key] of Object.entries({ first, second, stranger })) {
      await writeFile(join(cwd, name), key.publicPem());
    }
    const check = async (
      name: string,
      ...keys: readonly string[]
    ): Promise<readonly [number | null, string]> => {
      const args = ['policy', 'check', name, '--json', ...keys.flatMap((key) => ['-k', key])];
      const { code, stdout } = await runCli(args, { cwd });
      return [code, JSON.parse(stdout).signature.status];
    };
    expect(await check('signed.json', 'first')).toEqual([0, 'verified']);
    expect(await check('signed.json', 'stranger', 'second')).toEqual([0, 'verified']);
    expect(await check('signed.json', 'stranger')).toEqual([1, 'failed']);
    expect(await check('signed.json')).toEqual([2, 'unchecked']);
    expect(await check('policy.json')).toEqual([0, 'unsigned']);
    expect(await check('policy.json', 'first')).toEqual([1, 'unsigned']);

    const envelope = await envelopeIn(signed);
    const changed = { ...envelope, payload: Buffer.from(POLICY.replace('/a', '/b')).toString('base64') };
    const foreign = { ...envelope, payloadType: 'application/json' };
    for (const wrong of [changed, foreign]) {
      await writeFile(join(cwd, 'wrong.json'), JSON.stringify(wrong));
      expect(await check('wrong.json', 'first', 'second')).toEqual([1, 'failed']);
    }
    await writeFile(join(cwd, 'none.json'), JSON.stringify({ ...envelope, signatures: [] }));
    expect((await runCli(['policy', 'check', 'none.json', '-k', 'first'], { cwd })).stderr).toContain(
      '[ENVELOPE_MALFORMED]',
    );
    expect(await checkRuntimePolicy(signed, { keys: [join(cwd, 'first')] })).toMatchObject({
      shape: 'runtime-policy',
      signature: { status: 'verified', key: 'EC P-256', keyId: first.keyId() },
      keylime: 'taken',
    });
  });

  test('compares a manifest with what is there', async () => {
    const cwd = await files({ excludes: '/tmp/.*\n' });
    const made = [
      '-p',
      'key.pem',
      '-o',
      'signed.json',
      '--checksum',
      'all.sha256',
      '--with',
      'excludes',
      '-q',
    ];
    expect(await runCli(['policy', 'sign', 'policy.json', ...made], { cwd })).toMatchObject({
      code: 0,
      stderr: '',
    });
    const check = ['policy', 'check', 'policy.json', '--checksum', 'all.sha256'];
    expect(await runCli(check, { cwd })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('signed.json: OK\nexcludes: OK\n'),
    });
    await writeFile(join(cwd, 'excludes'), '/.*\n');
    expect(await runCli(check, { cwd })).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('excludes: FAILED\n'),
    });
    await writeFile(join(cwd, 'all.sha256'), 'no line\n');
    expect(await runCli(check, { cwd })).toMatchObject({ code: 2, stdout: '' });
  });

  test('says what a verifier would refuse', async () => {
    const cwd = await files({ 'bad.json': POLICY.replace(DIGEST, `sha256:${DIGEST}`) });
    const { stdout, code } = await runCli(['policy', 'check', 'bad.json'], { cwd });
    expect(code).toBe(1);
    expect(stdout).toContain('keylime: refused\n  refused: digests["/a"][0], line 1: ');
  });
});

describe('beside Keylime', () => {
  for (const curve of ['P-256', 'P-384', 'P-521']) {
    test(`its verifier takes what is signed here on ${curve}, and nothing else`, async (context) => {
      const keylime = needsKeylime(context);
      const cwd = await files();
      const key = ['-p', 'key.pem', '--curve', curve, '--public-key', 'key.pub'];
      await runCli(['policy', 'sign', 'policy.json', ...key, '-o', 'signed.json', '-q'], { cwd });
      const [signed, pub] = [join(cwd, 'signed.json'), join(cwd, 'key.pub')];
      expect(await askKeylime(keylime, signed, pub)).toBe('good');
      await writeFile(pub, SigningKey.generate().publicPem());
      expect(await askKeylime(keylime, signed, pub)).toContain('failed');
    });
  }

  for (const backend of ['ecdsa', 'x509']) {
    test(`what keylime-policy signs with ${backend} is verified here`, async (context) => {
      const keylime = needsKeylime(context);
      if (process.getuid?.() !== 0) skipAloud(context, 'keylime-policy runs only as root');
      needsTool(context, 'openssl');
      const cwd = await files();
      const certificate = backend === 'x509' ? ['-c', 'cert.pem'] : [];
      const args = [
        'sign',
        'runtime',
        '-r',
        'policy.json',
        '-o',
        'signed.json',
        '-p',
        'key.pem',
        '-b',
        backend,
      ];
      await run(join(keylime, 'bin/keylime-policy'), [...args, ...certificate], { cwd });
      await run('openssl', ['pkey', '-in', 'key.pem', '-pubout', '-out', 'key.pub'], { cwd });
      const key = backend === 'x509' ? 'cert.pem' : 'key.pub';
      expect(await runCli(['policy', 'check', 'signed.json', '-k', key], { cwd })).toMatchObject({ code: 0 });
      // And its key signs here.
      const again = ['policy', 'sign', 'policy.json', '-k', 'key.pem', '-o', 'again.json', '-q'];
      expect(await runCli(again, { cwd })).toMatchObject({ code: 0, stderr: '' });
      expect(await askKeylime(keylime, join(cwd, 'again.json'), join(cwd, 'key.pub'))).toBe('good');
    });
  }
});
