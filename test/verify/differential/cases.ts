// Lists for a comparison with Keylime: sound ones, odd ones and damaged ones, each with a policy, and some with PCR
// values, keys and an event log. The same on every run, but for the keys, and so the signatures.

import {
  bytesField,
  digestField,
  entry,
  type EntryOptions,
  type Field,
  hashOf,
  imaEntry,
  type Made,
  nameField,
  numberField,
  replay,
  toAscii,
  toBinary,
} from '../../support/made-list.ts';
import { type Boot, makeBoot } from './boot.ts';
import { damage } from './damage.ts';
import type { Dice } from './dice.ts';
import { makePolicy, type Subject } from './policy.ts';
import type { Signer } from './signers.ts';

/** A list, and what is known beside it. */
export interface Case {
  /** In the ASCII form: Keylime reads no other. */
  readonly list: Buffer;
  /** The same as a kernel would have written it in binary, unless the list is damaged. */
  readonly binary?: Buffer | undefined;
  /** The entries, unless the list is damaged. */
  readonly entries?: readonly Made[] | undefined;
  readonly policy: unknown;
  /** PCR 10. */
  readonly pcr?: { readonly bank: string; readonly value: string } | undefined;
  /** Files of the tenant's keys. */
  readonly keys: readonly Buffer[];
  readonly boot?: Boot | undefined;
}

/** What lists are made of. */
export interface Material {
  readonly signers: readonly Signer[];
  /** A certificate with a kind of key that Keylime does not take. */
  readonly oddCertificate: Buffer;
}

interface File {
  readonly name: string;
  readonly content: string;
}

/** Files of the measured machines. */
export const FILES: readonly File[] = [
  '/init',
  '/usr/bin/hello',
  '/usr/bin/hello_world',
  '/bin/hello',
  '/usr/bin/naïve-ü-🔑',
  '/usr/lib/x86_64-linux-gnu/libc.so.6',
  '/usr/lib/python3/dist-packages/a.pyc',
  '/etc/passwd',
  '/etc/ld.so.cache',
  '/tmp/aXtxt.evil',
  '/opt/a(b)[c]{d}+*?.^$|\\',
  '/memfd:kernel_(deleted)',
  'relative',
  '/tab\tand\u00a0space',
  `/${'long/'.repeat(48)}name`,
  `/${'longer/'.repeat(60)}name`,
].map((name, index) => ({ name, content: `content ${index}` }));

const FILE_ALGORITHMS = ['sha256', 'sha256', 'sha256', 'sha1', 'sha384', 'sha512', 'md5'];
const BUFFERS = ['kernel_version', 'kexec-cmdline', 'selinux-state', 'dm_table_load', 'relative'];
const KEYRINGS = ['.ima', '.ima', '.builtin_trusted_keys', '.evm', '.ima_custom'];
const BOOT_AGGREGATE = 'boot_aggregate';

/** An entry, and what a policy has to list for it. */
interface Measured {
  readonly made: Made;
  readonly subject: Subject;
}

export function makeCase(dice: Dice, material: Material): Case {
  const bank = dice.onceIn(12) ? dice.pick(['sha256', 'sha384', 'sha512']) : 'sha1';
  const boot = dice.onceIn(8) ? makeBoot(dice.below(1000)) : undefined;
  const measured = makeEntries({ dice, material, bank, boot });
  const entries = measured.map(({ made }) => made);
  const subjects = measured.map(({ subject }) => subject);
  const policy = dice.onceIn(10) ? null : makePolicy(dice, subjects, bank, material.signers);
  const keys = material.signers.filter(() => dice.onceIn(4)).map(({ publicKey }) => publicKey);
  const isBare = policy === null && keys.length === 0;
  const pcr = isBare || dice.onceIn(2) ? makePcr(dice, entries) : undefined;
  const evidence = { policy, keys, pcr, boot };
  const list = toAscii(entries);
  if (dice.below(10) < 4) return { ...evidence, list: damage(dice, list) };
  // The template `ima` has no room for it: Keylime ends with an exception, and the kernel takes the last part of it.
  const hasLongName = measured.some(
    ({ made, subject }) => made.template === 'ima' && subject.name.length > 255,
  );
  return {
    ...evidence,
    list,
    entries,
    binary: bank === 'sha1' && !hasLongName ? toBinary(entries) : undefined,
  };
}

/** The value after the list, or a part of it, or before it; or one that it never leads to. */
function makePcr(dice: Dice, entries: readonly Made[]): { bank: string; value: string } {
  const bank = dice.pick(['sha1', 'sha256', 'sha256', 'sha384', 'sha512']);
  const whole = replay(entries, bank);
  const part = replay(entries.slice(0, dice.below(entries.length + 1)), bank);
  const never = hashOf(bank, 'never').toString('hex');
  return { bank, value: dice.pick([whole, whole, whole, part, never]) };
}

interface Making {
  readonly dice: Dice;
  readonly material: Material;
  /** The bank whose template hashes the list has. */
  readonly bank: string;
  readonly boot: Boot | undefined;
}

function makeEntries(making: Making): readonly Measured[] {
  const { dice } = making;
  const entries: Measured[] = [];
  if (!dice.onceIn(4)) entries.push(bootAggregate(making));
  const count = entries.length + 1 + dice.below(9);
  while (entries.length < count) entries.push(makeEntry(making));
  // After kexec, and a file that is measured again.
  if (dice.onceIn(8)) entries.push(bootAggregate(making));
  if (dice.onceIn(6)) entries.push(dice.pick(entries));
  return entries;
}

function bootAggregate({ dice, bank, boot }: Making): Measured {
  if (boot !== undefined && dice.onceIn(2)) {
    return ofFile(BOOT_AGGREGATE, 'sha1', Buffer.from(boot.aggregates[0] ?? '', 'hex'), { bank });
  }
  const algorithm = dice.pick(['sha1', 'sha256']);
  const digest = hashOf(algorithm, 'boot');
  return ofFile(BOOT_AGGREGATE, algorithm, dice.onceIn(3) ? Buffer.alloc(digest.length) : digest, { bank });
}

function makeEntry(making: Making): Measured {
  const { dice, bank } = making;
  const options: EntryOptions = { bank, ...(dice.onceIn(30) ? { pcr: dice.pick([9, 11, 0, 23]) } : {}) };
  const kind = dice.below(100);
  if (kind < 14) return buffer(dice, options);
  if (kind < 24) return loadedKey(making, options);
  const { name, content } = dice.pick(FILES);
  const algorithm = dice.pick(FILE_ALGORITHMS);
  const digest = hashOf(algorithm, content);
  if (kind < 48) return ofFile(name, algorithm, digest, options);
  if (kind < 72)
    return ofFile(name, algorithm, digest, options, 'ima-sig', [signature(making, content, algorithm)]);
  if (kind < 80) return ofIma(name, hashOf(dice.pick(['sha1', 'sha1', 'md5']), content), options);
  if (kind < 86) return violation(dice, name, options);
  if (kind < 88) return altered(dice, ofFile(name, algorithm, digest, options), options, digest, algorithm);
  if (kind < 95) return ofFile(name, algorithm, digest, options);
  return ofOtherTemplate(dice, name, algorithm, digest, options);
}

function ofFile(
  name: string,
  algorithm: string,
  digest: Buffer,
  options: EntryOptions,
  template: string = 'ima-ng',
  more: readonly Field[] = [],
): Measured {
  return {
    made: entry(template, [digestField(algorithm, digest), nameField(name), ...more], options),
    subject: { section: 'digests', name, digest: digest.toString('hex') },
  };
}

function ofIma(name: string, digest: Buffer, options: EntryOptions): Measured {
  return {
    made: imaEntry(digest, name, options),
    subject: { section: 'digests', name, digest: digest.toString('hex') },
  };
}

/** Of a known key, of another, for another file, broken, of another kind, or none. */
function signature({ dice, material: { signers } }: Making, content: string, algorithm: string): Field {
  if (dice.onceIn(4)) return bytesField(Buffer.alloc(0));
  const signer = dice.pick(signers);
  const signed = dice.onceIn(6) ? dice.pick(FILES).content : content;
  const by =
    signer.algorithms.includes(algorithm) && !dice.onceIn(10) ? algorithm : dice.pick(signer.algorithms);
  const value = Buffer.from(signer.sign(by, hashOf(by, signed)));
  const last = value.length - 1;
  if (dice.onceIn(10)) value.writeUInt8(value.readUInt8(last) ^ 1, last);
  if (dice.onceIn(20)) value.writeUInt8(dice.pick([0, 1, 2, 4, 5, 6, 255]), 0);
  if (dice.onceIn(20)) value.writeUInt8(dice.pick([0, 1, 3]), 1);
  if (dice.onceIn(20)) value.writeUInt8(dice.pick([0, 1, 2, 3, 4, 5, 6, 7, 8, 17, 200]), 2);
  if (dice.onceIn(20)) return bytesField(value.subarray(0, dice.pick([1, 8, 9, last])));
  if (dice.onceIn(20)) return bytesField(Buffer.concat([value, Buffer.alloc(1)]));
  return bytesField(value);
}

function violation(dice: Dice, name: string, options: EntryOptions): Measured {
  const bytes = hashOf(options.bank ?? 'sha1', '').length;
  const zeros = { ...options, recorded: '00'.repeat(bytes) };
  if (dice.onceIn(4)) return ofIma(name, Buffer.alloc(20), zeros);
  const [algorithm, digest] = dice.pick([
    ['sha1', Buffer.alloc(20)],
    ['sha256', Buffer.alloc(32)],
  ] as const);
  return ofFile(name, algorithm, digest, zeros);
}

/** A template hash that is not that of the entry: ones, zeros, or another. */
function altered(
  dice: Dice,
  { subject }: Measured,
  options: EntryOptions,
  digest: Buffer,
  algorithm: string,
): Measured {
  const bytes = hashOf(options.bank ?? 'sha1', '').length;
  const recorded = dice.pick(['ff'.repeat(bytes), '00'.repeat(bytes), '5a'.repeat(bytes)]);
  return ofFile(subject.name, algorithm, digest, { ...options, recorded });
}

function buffer(dice: Dice, options: EntryOptions): Measured {
  const name = dice.pick(BUFFERS);
  const bytes = Buffer.from(dice.pick(['', '6.12.9', 'root=/dev/vda quiet', 'initialized=1;enforcing=1;']));
  return ofBuffer(name, bytes, 'ima-buf', dice, options);
}

function loadedKey({ dice, material: { signers, oddCertificate } }: Making, options: EntryOptions): Measured {
  const { certificate, spki } = dice.pick(signers);
  const bytes = dice.onceIn(12) ? oddCertificate : dice.pick([certificate, certificate, spki]);
  return ofBuffer(dice.pick(KEYRINGS), bytes, 'keyrings', dice, options);
}

function ofBuffer(
  name: string,
  bytes: Buffer,
  section: Subject['section'],
  dice: Dice,
  options: EntryOptions,
): Measured {
  const algorithm = dice.pick(['sha256', 'sha256', 'sha1']);
  // Sometimes not the buffer's own digest: Keylime does not look.
  const digest = hashOf(algorithm, dice.onceIn(8) ? 'another buffer' : bytes);
  return {
    made: entry('ima-buf', [digestField(algorithm, digest), nameField(name), bytesField(bytes)], options),
    subject: { section, name, digest: digest.toString('hex') },
  };
}

/** A template that Keylime does not know. */
function ofOtherTemplate(
  dice: Dice,
  name: string,
  algorithm: string,
  digest: Buffer,
  options: EntryOptions,
): Measured {
  const file = digestField(algorithm, digest);
  const typed = digestField(`${dice.pick(['ima', 'verity'])}:${algorithm}`, digest);
  const none = bytesField(Buffer.alloc(0));
  const owner = [numberField(1000, 4), numberField(27, 4), numberField(0o100755, 2)];
  const [template, fields] = dice.pick<readonly [string, readonly Field[]]>([
    ['ima-ngv2', [typed, nameField(name)]],
    ['ima-sigv2', [typed, nameField(name), none]],
    ['ima-modsig', [file, nameField(name), none, none, none]],
    ['evm-sig', [file, nameField(name), none, none, none, none, ...owner]],
    ['d-ng|n-ng', [file, nameField(name)]],
    ['n-ng|d-ng', [nameField(name), file]],
    ['d-ng|n-ng|iuid', [file, nameField(name), numberField(0, 4)]],
    ['unknown', [bytesField(digest), nameField(name)]],
  ]);
  return {
    made: entry(template, fields, options),
    subject: { section: 'digests', name, digest: digest.toString('hex') },
  };
}
