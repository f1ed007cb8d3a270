// Measurement lists made entry by entry, in both of the kernel's forms, and what they lead to. Hashes are OpenSSL's.

import { createHash } from 'node:crypto';

/** A field of an entry: what is hashed, and what is printed. */
export interface Field {
  readonly data: Buffer;
  /** Byte by byte, as Latin-1. */
  readonly text: string;
}

/** An entry. */
export interface Made {
  readonly pcr: number;
  readonly template: string;
  /** The line without its line end, byte by byte, as Latin-1. */
  readonly line: string;
  /** The binary record. */
  readonly record: Buffer;
  /** What a bank's PCR is extended with. */
  readonly extends: (bank: string) => Buffer;
}

export function digestField(algorithm: string, digest: Buffer): Field {
  return {
    data: Buffer.concat([Buffer.from(`${algorithm}:\0`), digest]),
    text: `${algorithm}:${digest.toString('hex')}`,
  };
}

/** A name as text, or as the bytes that it is. */
export function nameField(name: string | Buffer): Field {
  const bytes = Buffer.from(name);
  return { data: Buffer.concat([bytes, Buffer.alloc(1)]), text: bytes.toString('latin1') };
}

/** A signature, a buffer, or nothing. */
export function bytesField(bytes: Buffer): Field {
  return { data: bytes, text: bytes.toString('hex') };
}

/** A number as it is in `evm-sig`: 2 or 4 bytes. */
export function numberField(value: number, bytes: 2 | 4): Field {
  const data = Buffer.alloc(bytes);
  data.writeUIntLE(value, 0, bytes);
  return { data, text: String(value) };
}

export interface EntryOptions {
  /** Default 10. */
  readonly pcr?: number;
  /** The bank whose template hash is recorded. Default SHA-1. */
  readonly bank?: string;
  /** In place of the template hash, in hex. */
  readonly recorded?: string;
}

/** An entry of any template but `ima`. */
export function entry(template: string, fields: readonly Field[], options: EntryOptions = {}): Made {
  const data = Buffer.concat(fields.flatMap((field) => [u32(field.data.length), field.data]));
  return make(template, fields, data, Buffer.concat([u32(data.length), data]), options);
}

/** An entry of the template `ima`, which is hashed and written in its own way. */
export function imaEntry(digest: Buffer, name: string | Buffer, options: EntryOptions = {}): Made {
  const bytes = Buffer.from(name);
  const data = Buffer.concat([digest, bytes, Buffer.alloc(Math.max(0, 256 - bytes.length))]);
  const fields = [{ data: digest, text: digest.toString('hex') }, nameField(name)];
  return make('ima', fields, data, Buffer.concat([digest, u32(bytes.length), bytes]), options);
}

function make(
  template: string,
  fields: readonly Field[],
  data: Buffer,
  written: Buffer,
  { pcr = 10, bank: own = 'sha1', recorded = hashOf(own, data).toString('hex') }: EntryOptions,
): Made {
  const columns = [String(pcr).padStart(2), recorded, template, ...fields.map(({ text }) => text)];
  const name = Buffer.from(template);
  const record = Buffer.concat([u32(pcr), Buffer.from(recorded, 'hex'), u32(name.length), name, written]);
  const isViolation = /^0+$/.test(recorded);
  return {
    pcr,
    template,
    line: columns.join(' '),
    record,
    extends: (bank) => {
      const value = hashOf(bank, data);
      return isViolation ? value.fill(0xff) : value;
    },
  };
}

export function toAscii(entries: readonly Made[]): Buffer {
  return Buffer.from(entries.map(({ line }) => `${line}\n`).join(''), 'latin1');
}

export function toBinary(entries: readonly Made[]): Buffer {
  return Buffer.concat(entries.map(({ record }) => record));
}

/** PCR 10 of a bank after these entries, in hex. */
export function replay(entries: readonly Made[], bank: string): string {
  let value: Buffer = Buffer.alloc(hashOf(bank, Buffer.alloc(0)).length);
  for (const each of entries) {
    if (each.pcr === 10) value = hashOf(bank, Buffer.concat([value, each.extends(bank)]));
  }
  return value.toString('hex');
}

export function hashOf(algorithm: string, bytes: Buffer | string): Buffer {
  return createHash(algorithm).update(bytes).digest();
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
