import { randomBytes } from 'node:crypto';

/** What a certificate says. */
export interface CertificateFacts {
  /** Common name of subject and issuer, and DNS name. */
  readonly subject: string;
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  readonly notBefore: Date;
  readonly days: number;
}

// DER (X.690) tags, and the object identifiers of RFC 5280 and RFC 5758 that are needed, encoded.
const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const BOOLEAN = 0x01;
const EXPLICIT_VERSION = 0xa0;
const EXPLICIT_EXTENSIONS = 0xa3;
const DNS_NAME = 0x82;
const ECDSA_WITH_SHA256 = Buffer.from('06082a8648ce3d040302', 'hex');
const COMMON_NAME = Buffer.from('0603550403', 'hex');
const SUBJECT_ALT_NAME = Buffer.from('0603551d11', 'hex');
const BASIC_CONSTRAINTS = Buffer.from('0603551d13', 'hex');

const SERIAL_BYTES = 16;
const DAY_MS = 86_400_000;
const FIRST_GENERALIZED_YEAR = 2050;

/**
 * Makes a certificate that a key signs for itself: X.509 version 3, no CA, ECDSA with SHA-256.
 * @param sign - gives the DER signature over bytes
 * @returns PEM
 */
export function makeCertificate(facts: CertificateFacts, sign: (data: Uint8Array) => Uint8Array): string {
  const name = der(
    SEQUENCE,
    der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8_STRING, Buffer.from(facts.subject)))),
  );
  const algorithm = der(SEQUENCE, ECDSA_WITH_SHA256);
  // The first bit is clear, so that the number is positive, the second set, so that DER needs no other form of it.
  const serial = randomBytes(SERIAL_BYTES);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const notAfter = new Date(facts.notBefore.getTime() + facts.days * DAY_MS);
  const names = der(SEQUENCE, der(DNS_NAME, Buffer.from(facts.subject)));
  const extensions = der(
    SEQUENCE,
    der(SEQUENCE, SUBJECT_ALT_NAME, der(OCTET_STRING, names)),
    der(SEQUENCE, BASIC_CONSTRAINTS, der(BOOLEAN, Buffer.of(0xff)), der(OCTET_STRING, der(SEQUENCE))),
  );
  const toSign = der(
    SEQUENCE,
    der(EXPLICIT_VERSION, der(INTEGER, Buffer.of(2))),
    der(INTEGER, serial),
    algorithm,
    name,
    der(SEQUENCE, time(facts.notBefore), time(notAfter)),
    name,
    facts.publicKey,
    der(EXPLICIT_EXTENSIONS, extensions),
  );
  const certificate = der(SEQUENCE, toSign, algorithm, der(BIT_STRING, Buffer.of(0), sign(toSign)));
  const lines = certificate.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const length = content.reduce((sum, piece) => sum + piece.length, 0);
  return Buffer.concat([Buffer.of(tag), lengthOf(length), ...content]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  return length < 0x100 ? Buffer.of(0x81, length) : Buffer.of(0x82, length >> 8, length & 0xff);
}

function time(date: Date): Buffer {
  const digits = `${date.toISOString().replace(/\D/g, '').slice(0, 14)}Z`;
  return date.getUTCFullYear() < FIRST_GENERALIZED_YEAR
    ? der(UTC_TIME, Buffer.from(digits.slice(2)))
    : der(GENERALIZED_TIME, Buffer.from(digits));
}
