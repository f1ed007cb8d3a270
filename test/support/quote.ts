// TPM quotes that are made here: TPMS_ATTEST signed as a TPM signs (TCG, TPM 2.0 Library, part 2, 10.12.8 and 11.3.4).

import { sign, type KeyObject } from 'node:crypto';

import { hashOf } from './made-list.ts';

export interface QuoteParts {
  /** RSA. */
  readonly key: KeyObject;
  readonly nonce: Buffer;
  /** PCRs of the SHA-256 bank that are quoted, with their values in hex. */
  readonly pcrs: Readonly<Record<number, string>>;
  /** Default TPM_GENERATED. */
  readonly magic?: number;
  /** Default TPM_ST_ATTEST_QUOTE. */
  readonly type?: number;
  /** Bytes behind the message, which are signed too. */
  readonly trailing?: Buffer;
}

const TPM_GENERATED = 0xff544347;
const TPM_ST_ATTEST_QUOTE = 0x8018;
const TPM_ALG_SHA256 = 0x000b;
const TPM_ALG_RSASSA = 0x0014;

/** The message and the signature of a quote. */
export function makeQuote(parts: QuoteParts): { message: Buffer; signature: Buffer } {
  const {
    key,
    nonce,
    pcrs,
    magic = TPM_GENERATED,
    type = TPM_ST_ATTEST_QUOTE,
    trailing = Buffer.of(),
  } = parts;
  const indices = Object.keys(pcrs).map(Number);
  const bitmap = Buffer.alloc(3);
  for (const index of indices)
    bitmap.writeUInt8(bitmap.readUInt8(index >> 3) | (1 << (index & 7)), index >> 3);
  const values = indices.map((index) => Buffer.from(pcrs[index] ?? '', 'hex'));
  const message = Buffer.concat([
    integer(magic, 4),
    integer(type, 2),
    sized(Buffer.alloc(34, 1)), // the key's qualified name, which nobody can check
    sized(nonce),
    Buffer.alloc(17), // clock, resetCount, restartCount, safe
    Buffer.alloc(8), // firmwareVersion
    integer(1, 4),
    integer(TPM_ALG_SHA256, 2),
    integer(bitmap.length, 1),
    bitmap,
    sized(hashOf('sha256', Buffer.concat(values))),
    trailing,
  ]);
  const signed = sign('sha256', message, key);
  return {
    message,
    signature: Buffer.concat([integer(TPM_ALG_RSASSA, 2), integer(TPM_ALG_SHA256, 2), sized(signed)]),
  };
}

function sized(bytes: Buffer): Buffer {
  return Buffer.concat([integer(bytes.length, 2), bytes]);
}

function integer(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}
