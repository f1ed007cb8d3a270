// SHA-256 of many buffers on one core: two interleaved streams against OpenSSL's one.

import type { Cost, Program } from '../child.ts';
import { type Bench, type Group, compare } from '../harness.ts';
import { compilePeer, findProgram, noteVersion, rustExample } from '../programs.ts';

const BUFFER_BYTES = 16 << 10;
/** A mebibyte of buffers: more than the first-level cache holds. */
const BUFFERS = 64;
const ROUNDS = 2001;
const numbers = [BUFFER_BYTES, BUFFERS, ROUNDS].map(String);

export const digest: Group = {
  name: 'digest',
  measure: async (bench) => {
    const evp = compilePeer('evp', bench);
    const peer =
      evp === undefined ? speed(bench) : { name: 'OpenSSL EVP', command: [evp, ...numbers] as const };
    if (peer === undefined) return [];
    return compare(
      {
        work: 'SHA-256, 16 KiB buffers, one core',
        ours: { name: 'hash_many', command: [rustExample('many_buffers'), ...numbers] },
        peers: [{ program: peer, budget: { by: 'cpu', atLeast: 1.7 } }],
        // OpenSSL's own benchmark has no result.
        ...(evp === undefined ? {} : { result: (output: string) => output.trim() }),
      },
      bench,
    );
  },
};

/** OpenSSL's own benchmark, where nothing can be compiled. */
function speed(bench: Bench): Program | undefined {
  const openssl = findProgram('openssl', bench, 'there is nothing to compare the digests with');
  if (openssl === undefined) return undefined;
  noteVersion(bench, openssl, 'version');
  const args = ['speed', '-evp', 'sha256', '-bytes', String(BUFFER_BYTES), '-seconds', '2'];
  return { name: 'openssl speed', command: [openssl, ...args], readCost: readSpeed };
}

/** The time that our number of bytes would take: `sha256  1376356.31k` are thousands of bytes a second. */
function readSpeed(output: string): Cost {
  const [, thousands] = /^sha256\s+([\d.]+)k/m.exec(output) ?? [];
  const seconds = (BUFFER_BYTES * BUFFERS * ROUNDS) / (Number(thousands) * 1000);
  return { cpuSeconds: seconds, elapsedSeconds: seconds };
}
