import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  X509Certificate,
} from 'node:crypto';
import { AssayError } from '../error.ts';
import { makeCertificate } from './certificate.ts';

/** Why a key cannot sign. */
export class SigningKeyError extends AssayError<
  'SIGNING_KEY_FOREIGN' | 'SIGNING_KEY_LOCKED' | 'SIGNING_KEY_MALFORMED' | 'SIGNING_CERTIFICATE_FOREIGN'
> {}

/** Curves of new keys. */
export const curves = ['P-256', 'P-384', 'P-521'] as const;

/** By OpenSSL's names. */
const NAMES: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
};

/** A private key that policies are signed with: ECDSA on P-256, P-384 or P-521. OpenSSL holds it, through Node. */
export class SigningKey {
  readonly #key: KeyObject;
  /** `P-256`, `P-384` or `P-521`. */
  readonly curve: string;

  private constructor(key: KeyObject, curve: string) {
    this.#key = key;
    this.curve = curve;
  }

  /**
   * Reads a private key: PEM or DER, SEC 1 or PKCS #8.
   * @param input - the file's name, for errors
   * @param passphrase - of an encrypted key
   * @throws SigningKeyError `SIGNING_KEY_MALFORMED`, `SIGNING_KEY_LOCKED`, `SIGNING_KEY_FOREIGN` for RSA and other curves
   */
  static parse(bytes: Uint8Array, input: string, passphrase?: string): SigningKey {
    const key = readPrivateKey(Buffer.from(bytes), input, passphrase);
    const curve = NAMES[key.asymmetricKeyDetails?.namedCurve ?? ''];
    if (curve === undefined) {
      const found = key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? 'unknown';
      throw new SigningKeyError('SIGNING_KEY_FOREIGN', {
        problem: `policies are signed with ECDSA on P-256, P-384 or P-521, and this key is of another kind: ${found}`,
        at: { input },
        hint: 'make one with `openssl ecparam -name prime256v1 -genkey -noout`, or let --keypath make one',
      });
    }
    return new SigningKey(key, curve);
  }

  /** A new key. */
  static generate(curve: (typeof curves)[number] = 'P-256'): SigningKey {
    return new SigningKey(generateKeyPairSync('ec', { namedCurve: curve }).privateKey, curve);
  }

  /** The key as Keylime's tools write and read it: PEM `EC PRIVATE KEY`, unencrypted. */
  toPem(): string {
    return String(this.#key.export({ type: 'sec1', format: 'pem' }));
  }

  /** The public key as PEM: what `keylime_tenant --runtime-policy-sig-key` and `policy check --key` take. */
  publicPem(): string {
    return String(createPublicKey(this.#key).export({ type: 'spki', format: 'pem' }));
  }

  /** What Keylime calls the key: SHA-256 of the public key's PEM, in hex. */
  keyId(): string {
    return createHash('sha256').update(this.publicPem()).digest('hex');
  }

  /** Signs: DER, ECDSA with SHA-256 whatever the curve. */
  sign(data: Uint8Array): Buffer {
    return sign('sha256', data, this.#key);
  }

  /** A certificate that this key has signed for itself, as PEM. */
  certify(subject: string, notBefore: Date, days: number): string {
    const publicKey = createPublicKey(this.#key).export({ type: 'spki', format: 'der' });
    return makeCertificate({ subject, publicKey, notBefore, days }, (data) => this.sign(data));
  }

  /**
   * Takes a certificate of this key.
   * @returns its PEM
   * @throws SigningKeyError `SIGNING_CERTIFICATE_FOREIGN`
   */
  acceptCertificate(bytes: Uint8Array, input: string): string {
    const foreign = (problem: string, cause?: unknown): SigningKeyError =>
      new SigningKeyError('SIGNING_CERTIFICATE_FOREIGN', {
        problem,
        at: { input },
        hint: 'give the X.509 certificate of the key that signs',
        cause,
      });
    let certificate: X509Certificate;
    try {
      certificate = new X509Certificate(bytes);
    } catch (cause) {
      throw foreign('this is no X.509 certificate', cause);
    }
    if (!certificate.checkPrivateKey(this.#key)) throw foreign('the certificate is of another key');
    return certificate.toString();
  }
}

type KeyForm = { readonly format: 'pem' } | { readonly format: 'der'; readonly type: 'pkcs8' | 'sec1' };

function readPrivateKey(key: Buffer, input: string, passphrase: string | undefined): KeyObject {
  const isPem = key.includes('-----BEGIN ');
  const forms: readonly KeyForm[] = isPem
    ? [{ format: 'pem' }]
    : [
        { format: 'der', type: 'pkcs8' },
        { format: 'der', type: 'sec1' },
      ];
  const unlocked = passphrase === undefined ? {} : { passphrase };
  let cause: unknown;
  for (const form of forms) {
    try {
      return createPrivateKey({ key, ...form, ...unlocked });
    } catch (error) {
      cause = error;
    }
  }
  const isLocked = key.includes('ENCRYPTED');
  throw new SigningKeyError(isLocked ? 'SIGNING_KEY_LOCKED' : 'SIGNING_KEY_MALFORMED', {
    problem: isLocked
      ? `the key is encrypted, and ${passphrase === undefined ? 'no passphrase is given' : 'this is not its passphrase'}`
      : 'this is no private key',
    at: { input },
    hint: isLocked ? lockedHint(passphrase) : 'give an EC private key, as PEM or DER',
    cause,
  });
}

function lockedHint(passphrase: string | undefined): string {
  return passphrase === undefined
    ? 'give the passphrase with --passphrase-file'
    : 'try it with `openssl pkey -noout`; one line end behind the passphrase does not count, all else does';
}
