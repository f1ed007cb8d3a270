// Measurement lists of any length with a policy that they pass: the same on every run, with real template hashes, and
// names as long and as much alike as those of a real machine.

import { hash } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { excludePatterns } from './excludes.ts';
import type { Bench } from './harness.ts';
import { pathsOfMachine } from './paths.ts';

/** A list in both of the kernel's forms, what it is held against, and what it leads to. All are files. */
export interface Machine {
  readonly entries: number;
  readonly ascii: string;
  readonly binary: string;
  readonly policy: string;
  /** The same policy with exclude patterns. */
  readonly policyWithExcludes: string;
  readonly pcrs: readonly BankValue[];
}

/** PCR 10 of a bank after the whole list. */
export interface BankValue {
  readonly bank: Bank;
  readonly value: string;
  /** The value as evmctl reads it. */
  readonly file: string;
}

type Bank = 'sha1' | 'sha256';
const BANKS: readonly Bank[] = ['sha1', 'sha256'];

/** Each path is measured in two versions, both of which are listed: a kernel does not note one thing twice. */
const VERSIONS = 2;

/** Makes a list of twice as many entries as `paths`, all of them listed. What the scratch directory holds is taken. */
export function makeMachine(name: string, paths: number, bench: Bench): Machine {
  const file = (suffix: string): string => join(bench.scratch, `${name}.${suffix}`);
  const done = file('pcrs.json');
  const machine = {
    entries: paths * VERSIONS,
    ascii: file('ascii'),
    binary: file('binary'),
    policy: file('policy.json'),
    policyWithExcludes: file('policy-excludes.json'),
  };
  if (!existsSync(done)) {
    bench.say(`making a list of ${machine.entries} entries`);
    const names = pathsOfMachine(paths);
    writePolicy(machine.policy, names, []);
    writePolicy(machine.policyWithExcludes, names, excludePatterns);
    const values = writeLists(machine, names);
    const pcrs = values.map(({ bank, value }): BankValue => {
      const pcrFile = file(`pcrs-${bank}`);
      writeFileSync(pcrFile, evmctlPcrs(value));
      return { bank, value, file: pcrFile };
    });
    writeFileSync(`${done}.part`, JSON.stringify(pcrs));
    renameSync(`${done}.part`, done);
  }
  const pcrs: readonly BankValue[] = JSON.parse(readFileSync(done, 'utf8'));
  return { ...machine, pcrs };
}

/** All PCRs of a bank, of which only PCR 10 was extended. */
function evmctlPcrs(value: string): string {
  const lines = Array.from({ length: 24 }, (_, index) => {
    const digits = index === 10 ? value : value.replaceAll(/./g, '0');
    return `PCR-${String(index).padStart(2, '0')}: ${(digits.match(/../g) ?? []).join(' ')}\n`;
  });
  return lines.join('');
}

/** The digest of a version of a file. */
function digestOf(path: string, version: number): Buffer {
  return hash('sha256', `${version} ${path}`, 'buffer');
}

function writePolicy(file: string, names: readonly string[], excludes: readonly string[]): void {
  const versions = Array.from({ length: VERSIONS }, (_, version) => version);
  const digests = names.map((name): [string, string[]] => [
    name,
    versions.map((version) => digestOf(name, version).toString('hex')),
  ]);
  const policy = {
    meta: { version: 1, generator: 0 },
    release: 0,
    digests: Object.fromEntries(digests),
    excludes,
    keyrings: {},
    ima: { ignored_keyrings: [], log_hash_alg: 'sha1', dm_policy: null },
    'ima-buf': {},
    'verification-keys': '',
  };
  writeFileSync(file, JSON.stringify(policy));
}

interface Extended {
  readonly bank: Bank;
  readonly value: string;
}

/** Writes both forms; returns what they lead to, computed by OpenSSL. */
function writeLists(files: Pick<Machine, 'ascii' | 'binary'>, names: readonly string[]): readonly Extended[] {
  const [ascii, binary] = [openSync(files.ascii, 'w'), openSync(files.binary, 'w')];
  const values = BANKS.map((bank) => ({ bank, value: Buffer.alloc(bank === 'sha1' ? 20 : 32) }));
  for (let version = 0; version < VERSIONS; version += 1) {
    for (let start = 0; start < names.length; start += BATCH) {
      const entries = names
        .slice(start, start + BATCH)
        .map((name) => makeEntry(name, digestOf(name, version)));
      for (const pcr of values) {
        for (const { data } of entries) {
          pcr.value = hash(pcr.bank, Buffer.concat([pcr.value, hash(pcr.bank, data, 'buffer')]), 'buffer');
        }
      }
      writeSync(ascii, entries.map(toLine).join(''));
      writeSync(binary, Buffer.concat(entries.map(toRecord)));
    }
  }
  closeSync(ascii);
  closeSync(binary);
  return values.map(({ bank, value }) => ({ bank, value: value.toString('hex') }));
}

const BATCH = 1000;

/** An `ima-ng` entry of PCR 10. */
export interface Entry {
  readonly name: string;
  readonly digest: Buffer;
  /** Its template data: what is hashed. */
  readonly data: Buffer;
  readonly templateHash: Buffer;
}

/** An entry with a SHA-256 digest, and its template hash in the SHA-1 bank. */
export function makeEntry(name: string, digest: Buffer): Entry {
  const data = Buffer.concat([field('sha256:\0', digest), field(`${name}\0`)]);
  return { name, digest, data, templateHash: hash('sha1', data, 'buffer') };
}

function field(text: string, bytes: Buffer = Buffer.alloc(0)): Buffer {
  const content = Buffer.concat([Buffer.from(text), bytes]);
  return Buffer.concat([u32(content.length), content]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** The entry as the kernel prints it. */
export function toLine({ name, digest, templateHash }: Entry): string {
  return `10 ${templateHash.toString('hex')} ima-ng sha256:${digest.toString('hex')} ${name}\n`;
}

function toRecord({ data, templateHash }: Entry): Buffer {
  return Buffer.concat([u32(10), templateHash, u32(6), Buffer.from('ima-ng'), u32(data.length), data]);
}
