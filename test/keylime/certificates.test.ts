// The files that other machines need of a verifier's CA; certificates are OpenSSL's.

import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { beforeAll, describe, expect, test } from 'vitest';

import { checkCertificates, readCertificates } from '../../src/keylime/certificates.ts';
import { runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import { makeCa } from '../support/keylime-ca.ts';

const certs = (...args: readonly string[]) => runCli(['server', 'certs', ...args]);

/** A directory with a CA of its own for each test. */
async function freshCa(options: Parameters<typeof makeCa>[1] = {}): Promise<string> {
  const directory = await freshDirectory();
  await makeCa(directory, options);
  return directory;
}

describe('server certs', () => {
  test.each([
    { role: 'tenant', files: ['cacert.crt', 'client-cert.crt', 'client-private.pem'] },
    { role: 'node', files: ['cacert.crt'] },
  ])('gives a $role exactly $files', async ({ role, files }) => {
    const from = await freshCa();
    const to = join(await freshDirectory(), 'new');
    const { stdout, code } = await certs('--for', role, '--from', from, '-o', to);
    expect(code).toBe(0);
    expect(stdout).toMatch(/good until \d{4}-\d\d-\d\d\n$/);
    expect((await readdir(to)).sort()).toEqual(files);
    expect((await stat(to)).mode & 0o777).toBe(0o700);
    for (const name of files) {
      expect(await readFile(join(to, name))).toEqual(await readFile(join(from, name)));
      expect((await stat(join(to, name))).mode & 0o777).toBe(name.endsWith('.pem') ? 0o600 : 0o644);
    }
  });

  test('closes a key that others could read before', async () => {
    const from = await freshCa();
    const to = await freshDirectory();
    await writeFile(join(to, 'client-private.pem'), 'old', { mode: 0o666 });
    expect(await certs('--for', 'tenant', '--from', from, '-o', to, '-q')).toMatchObject({
      code: 0,
      stdout: '',
    });
    expect((await stat(join(to, 'client-private.pem'))).mode & 0o777).toBe(0o600);
  });

  test('tells the end of validity as JSON', async () => {
    const from = await freshCa({ clientDays: 30 });
    const { stdout } = await certs('--for', 'tenant', '--from', from, '-o', await freshDirectory(), '--json');
    const { notAfter, written } = JSON.parse(stdout);
    const days = (Date.parse(notAfter) - Date.now()) / 86_400_000;
    expect(Math.round(days)).toBe(30);
    expect(written).toHaveLength(3);
  });

  test('has no place for a key on standard output', async () => {
    expect(await certs('--for', 'tenant', '-o', '-')).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('certificates that do not fit', () => {
  const cases: readonly {
    readonly why: string;
    readonly code: string;
    readonly spoil: (directory: string, other: string) => Promise<void>;
  }[] = [
    {
      why: 'of another CA',
      code: 'CERTIFICATE_FOREIGN',
      spoil: (directory, other) => cp(join(other, 'cacert.crt'), join(directory, 'cacert.crt')),
    },
    {
      why: 'with the key of another',
      code: 'CERTIFICATE_KEY_FOREIGN',
      spoil: (directory, other) =>
        cp(join(other, 'client-private.pem'), join(directory, 'client-private.pem')),
    },
    {
      why: 'missing',
      code: 'CERTIFICATE_MISSING',
      spoil: (directory) => rm(join(directory, 'client-cert.crt')),
    },
    {
      why: 'that are no certificates',
      code: 'CERTIFICATE_MALFORMED',
      spoil: (directory) => writeFile(join(directory, 'cacert.crt'), 'hello\n'),
    },
    {
      why: 'cut short',
      code: 'CERTIFICATE_MALFORMED',
      spoil: async (directory) => {
        const path = join(directory, 'client-cert.crt');
        const whole = await readFile(path, 'utf8');
        await writeFile(path, whole.slice(0, whole.length / 2));
      },
    },
    {
      why: 'whose key is no key',
      code: 'CERTIFICATE_MALFORMED',
      spoil: (directory) => writeFile(join(directory, 'client-private.pem'), ''),
    },
    {
      why: 'whose key is encrypted',
      code: 'CERTIFICATE_KEY_LOCKED',
      spoil: (directory) =>
        writeFile(join(directory, 'client-private.pem'), '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n'),
    },
  ];
  let pristine: string;
  let other: string;
  beforeAll(async () => {
    [pristine, other] = [
      await mkdtemp(join(tmpdir(), 'ima-assay-')),
      await mkdtemp(join(tmpdir(), 'ima-assay-')),
    ];
    await Promise.all([makeCa(pristine), makeCa(other)]);
    return () => Promise.all([pristine, other].map((directory) => rm(directory, { recursive: true })));
  });

  test.each(cases)('$why are refused with $code, and nothing is written', async ({ code, spoil }) => {
    const from = await freshDirectory();
    await cp(pristine, from, { recursive: true });
    await spoil(from, other);
    const to = join(await freshDirectory(), 'to');
    const result = await certs('--for', 'tenant', '--from', from, '-o', to);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain(`[${code}]`);
    await expect(stat(to)).rejects.toThrow('ENOENT');
  });

  test('expired ones are refused, by the clock', async () => {
    const from = await freshCa({ clientDays: -1 });
    const { stderr, code } = await certs('--for', 'tenant', '--from', from, '-o', await freshDirectory());
    expect(code).toBe(2);
    expect(stderr).toContain('client-cert.crt: was good until');
    expect(stderr).toContain('[CERTIFICATE_EXPIRED]');
  });

  test('ones of the future are refused: the clock is wrong', async () => {
    const certificates = await readCertificates(pristine);
    expect(() => checkCertificates(certificates, new Date(2020, 1))).toThrow('is the clock right?');
  });
});
