import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AssayError } from '../error.ts';

/** Why certificates of a Keylime CA cannot be used. */
export class CertificateError extends AssayError<
  | 'CERTIFICATE_EXPIRED'
  | 'CERTIFICATE_FOREIGN'
  | 'CERTIFICATE_KEY_FOREIGN'
  | 'CERTIFICATE_KEY_LOCKED'
  | 'CERTIFICATE_MALFORMED'
  | 'CERTIFICATE_MISSING'
> {}

/** Where a verifier keeps its CA unless it is told otherwise. */
export const CA_DIRECTORY = '/var/lib/keylime/cv_ca';

/** The names that Keylime gives to what a client needs: its CA, its certificate and its private key. */
export const clientFiles = {
  ca: 'cacert.crt',
  certificate: 'client-cert.crt',
  key: 'client-private.pem',
} as const;

/** What a client of verifier and registrar needs, in PEM. */
export interface ClientCertificates {
  readonly directory: string;
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** How long certificates are good. */
export interface CertificateDates {
  readonly ca: Validity;
  readonly certificate: Validity;
}

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/**
 * Reads the three files of a client.
 * @throws CertificateError `CERTIFICATE_MISSING`
 */
export async function readCertificates(directory: string): Promise<ClientCertificates> {
  const [ca, certificate, key] = await Promise.all(
    Object.values(clientFiles).map((name) => readPem(join(directory, name))),
  );
  return { directory, ca: ca ?? '', certificate: certificate ?? '', key: key ?? '' };
}

async function readPem(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    throw new CertificateError('CERTIFICATE_MISSING', {
      problem:
        code === 'ENOENT'
          ? 'is not there'
          : `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      at: { input: path },
      hint:
        code === 'EACCES'
          ? "the CA's directory belongs to root: run this with sudo, or let `server certs` copy what is needed"
          : 'give a directory that `ima-assay server certs` made, or the CA of a verifier, ' + CA_DIRECTORY,
      cause,
    });
  });
}

/**
 * Whether the client's certificate is from this CA, belongs to this key, and both are good now.
 * @throws CertificateError
 */
export function checkCertificates(certificates: ClientCertificates, now: Date): CertificateDates {
  const { directory } = certificates;
  const place = (file: string): string => join(directory, file);
  const ca = parse(certificates.ca, place(clientFiles.ca));
  const client = parse(certificates.certificate, place(clientFiles.certificate));
  const key = parseKey(certificates.key, place(clientFiles.key));
  if (!client.checkIssued(ca) || !client.verify(ca.publicKey)) {
    throw new CertificateError('CERTIFICATE_FOREIGN', {
      problem: `was not signed by the CA in ${clientFiles.ca}`,
      at: { input: place(clientFiles.certificate) },
      hint: 'a verifier that lost its CA makes a new one: copy the certificates from it again',
    });
  }
  if (!client.checkPrivateKey(key)) {
    throw new CertificateError('CERTIFICATE_KEY_FOREIGN', {
      problem: `is not the key of ${clientFiles.certificate}`,
      at: { input: place(clientFiles.key) },
      hint: 'copy certificate and key together',
    });
  }
  return {
    ca: requireValid(ca, place(clientFiles.ca), now),
    certificate: requireValid(client, place(clientFiles.certificate), now),
  };
}

function parse(pem: string, input: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new CertificateError('CERTIFICATE_MALFORMED', {
      problem: 'is no certificate',
      at: { input },
      hint: 'it should be PEM, and begin with -----BEGIN CERTIFICATE-----',
      cause,
    });
  }
}

function parseKey(pem: string, input: string): KeyObject {
  if (pem.includes('ENCRYPTED')) {
    throw new CertificateError('CERTIFICATE_KEY_LOCKED', {
      problem: 'is encrypted',
      at: { input },
      hint: 'decrypt a copy for this client: `openssl pkey -in FILE -out client-private.pem`',
    });
  }
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new CertificateError('CERTIFICATE_MALFORMED', {
      problem: 'is no private key',
      at: { input },
      hint: 'it should be PEM, and begin with -----BEGIN PRIVATE KEY-----',
      cause,
    });
  }
}

function requireValid(certificate: X509Certificate, input: string, now: Date): Validity {
  const validity = {
    notBefore: new Date(certificate.validFrom),
    notAfter: new Date(certificate.validTo),
  };
  const isEarly = now < validity.notBefore;
  if (isEarly || now > validity.notAfter) {
    throw new CertificateError('CERTIFICATE_EXPIRED', {
      problem: isEarly
        ? `is good only from ${validity.notBefore.toISOString()}: is the clock right?`
        : `was good until ${validity.notAfter.toISOString()}`,
      at: { input },
      hint: isEarly
        ? 'set the clock of this machine'
        : "Keylime's certificates are good for 365 days: make new ones on the verifier (`keylime_ca -c create`), and copy them again",
    });
  }
  return validity;
}
