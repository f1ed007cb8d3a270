// Keys that are made for one run, and signatures that evmctl makes with them.

import { execFileSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { hashOf } from '../../support/made-list.ts';

export interface Signer {
  readonly name: string;
  /** PEM. */
  readonly publicKey: Buffer;
  /** DER. */
  readonly spki: Buffer;
  /** DER, with the same key. */
  readonly certificate: Buffer;
  /** As evmctl writes it in signatures. */
  readonly keyId: number;
  /** Algorithms of digests that it has signed. */
  readonly algorithms: readonly string[];
  /** `security.ima` of a file's digest. */
  readonly sign: (algorithm: string, digest: Buffer) => Buffer;
}

/** Algorithms that are signed with. */
const ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  rsa: ['sha1', 'sha256', 'sha384', 'sha512'],
  ec: ['sha256'],
};

/**
 * Makes keys of both kinds, and has evmctl sign every file with each: one call signs them all.
 * @param contents of the files
 */
export function makeSigners(directory: string, contents: readonly string[]): readonly Signer[] {
  const pairs = [
    { name: 'rsa', kind: 'rsa', key: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey },
    { name: 'ec', kind: 'ec', key: generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey },
    { name: 'other', kind: 'rsa', key: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey },
  ];
  return pairs.map(({ name, kind, key }) =>
    makeSigner(directory, name, key, ALGORITHMS[kind] ?? [], contents),
  );
}

function makeSigner(
  directory: string,
  name: string,
  key: KeyObject,
  algorithms: readonly string[],
  contents: readonly string[],
): Signer {
  const file = join(directory, `${name}.pem`);
  writeFileSync(file, key.export({ format: 'pem', type: 'pkcs8' }));
  const signatures = new Map<string, Buffer>();
  for (const algorithm of algorithms) {
    const digests = contents.map((content) => hashOf(algorithm, content).toString('hex'));
    const input = digests.map((digest) => `${digest}\n`).join('');
    const output = execFileSync('evmctl', ['sign_hash', '-a', algorithm, '--key', file], {
      input,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    for (const line of output.trim().split('\n')) {
      const [digest = '', signature = ''] = line.split(' ');
      signatures.set(`${algorithm}:${digest}`, Buffer.from(signature, 'hex'));
    }
  }
  const first = signatures.values().next().value;
  const publicKey = createPublicKey(key);
  return {
    name,
    publicKey: Buffer.from(publicKey.export({ format: 'pem', type: 'spki' })),
    spki: publicKey.export({ format: 'der', type: 'spki' }),
    certificate: certify(file),
    // Behind the type, the version and the hash algorithm.
    keyId: first?.readUInt32BE(3) ?? 0,
    algorithms,
    sign: (algorithm, digest) => {
      const signature = signatures.get(`${algorithm}:${digest.toString('hex')}`);
      if (signature === undefined)
        throw new Error(`evmctl signed nothing like it with ${name} and ${algorithm}`);
      return signature;
    },
  };
}

/** A certificate, DER, without a key identifier: so that the key's own id is that of the signatures. */
export function certify(keyFile: string): Buffer {
  const args = [
    'req',
    '-x509',
    '-new',
    '-key',
    keyFile,
    '-subj',
    '/CN=test',
    '-days',
    '36500',
    '-outform',
    'DER',
  ];
  return execFileSync('openssl', [...args, '-addext', 'subjectKeyIdentifier=none'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

/** A certificate of a kind of key that Keylime does not take. */
export function makeEd25519Certificate(directory: string): Buffer {
  const file = join(directory, 'ed25519.pem');
  const { privateKey } = generateKeyPairSync('ed25519');
  writeFileSync(file, privateKey.export({ format: 'pem', type: 'pkcs8' }));
  return certify(file);
}
