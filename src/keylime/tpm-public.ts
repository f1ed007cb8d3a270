import { createPublicKey } from 'node:crypto';

// TPM 2.0 Library, Part 2: TPM2B_PUBLIC
//
//   size(2) | type(2) nameAlg(2) attributes(4) authPolicy(2+n) | parameters | unique
//   RSA:  symmetric(2 [+2+2]) scheme(2 [+2]) keyBits(2) exponent(4)         | n(2+n)
//   ECC:  symmetric(2 [+2+2]) scheme(2 [+2]) curve(2) kdf(2 [+2])           | x(2+n) y(2+n)

const ALG_RSA = 0x0001;
const ALG_ECC = 0x0023;
const ALG_NULL = 0x0010;
const CURVES: Readonly<Record<number, string>> = { 3: 'P-256', 4: 'P-384', 5: 'P-521' };
const DEFAULT_EXPONENT = 65_537;

/**
 * The key of a TPM2B_PUBLIC, as PEM.
 * @returns nothing if it is cut short, or a key of another kind
 */
export function readTpmPublicKey(bytes: Buffer): string | undefined {
  try {
    const reader = new Reader(bytes);
    if (reader.u16() !== bytes.length - 2) return undefined;
    const type = reader.u16();
    reader.take(2 + 4);
    reader.sized();
    const key = type === ALG_RSA ? readRsa(reader) : type === ALG_ECC ? readEcc(reader) : undefined;
    return key === undefined
      ? undefined
      : createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString();
  } catch {
    return undefined;
  }
}

function readRsa(reader: Reader): { readonly kty: 'RSA'; readonly n: string; readonly e: string } {
  reader.algorithm(4);
  reader.algorithm(2);
  reader.u16();
  const exponent = Buffer.alloc(4);
  exponent.writeUInt32BE(reader.take(4).readUInt32BE() || DEFAULT_EXPONENT);
  const significant = exponent.subarray(exponent.findIndex((byte) => byte !== 0));
  return { kty: 'RSA', n: reader.sized().toString('base64url'), e: significant.toString('base64url') };
}

function readEcc(
  reader: Reader,
): { readonly kty: 'EC'; readonly crv: string; readonly x: string; readonly y: string } | undefined {
  reader.algorithm(4);
  reader.algorithm(2);
  const crv = CURVES[reader.u16()];
  reader.algorithm(2);
  const [x, y] = [reader.sized().toString('base64url'), reader.sized().toString('base64url')];
  return crv === undefined ? undefined : { kty: 'EC', crv, x, y };
}

/** Reads forward; what is not there throws. */
class Reader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  take(length: number): Buffer {
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw new RangeError('cut short');
    const taken = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return taken;
  }

  u16(): number {
    return this.take(2).readUInt16BE();
  }

  sized(): Buffer {
    return this.take(this.u16());
  }

  /** An algorithm and, unless there is none, its details. */
  algorithm(detailBytes: number): void {
    if (this.u16() !== ALG_NULL) this.take(detailBytes);
  }
}
