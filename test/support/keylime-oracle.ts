// Keylime's own code, asked about many lists in one process.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// The same script answers the tests of the core.
const SCRIPT = fileURLToPath(new URL('../../native/core/src/verify/tests/oracle.py', import.meta.url));

/** A list, and what a verifier is told about it. */
export interface Question {
  readonly list: Buffer;
  readonly policy: unknown;
  /** PCR 10 of a bank, in hex. */
  readonly pcr?: { readonly bank: string; readonly value: string } | undefined;
  /** Keys of the tenant: PEM or DER. */
  readonly keys: readonly Buffer[];
  /** Boot aggregates of the firmware's event log: hex digests by bank. */
  readonly boot?: Readonly<Record<string, readonly string[]>> | undefined;
}

/** An event, and the line that it is about, counted from 1; 0 is the list as a whole. */
export type Event = readonly [line: number, event: string];

/** What Keylime says: an exception that it does not catch is an event too. */
export interface Answer {
  readonly pass: boolean;
  readonly events: readonly Event[];
}

/** @param keylime the virtual environment of .ci/setup-keylime */
export async function askKeylime(
  keylime: string,
  questions: readonly Question[],
): Promise<readonly Answer[]> {
  const python = spawn(join(keylime, 'bin/python'), ['-W', 'ignore', SCRIPT], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const pieces: Buffer[] = [];
  python.stdout.on('data', (piece: Buffer) => pieces.push(piece));
  const ended = new Promise<number | null>((resolve, reject) => {
    python.on('error', reject);
    python.on('close', resolve);
  });
  python.stdin.end(questions.map((question) => `${JSON.stringify(toJob(question))}\n`).join(''));
  const code = await ended;
  const lines = Buffer.concat(pieces).toString().trim().split('\n');
  if (code !== 0 || lines.length !== questions.length) {
    throw new Error(`Keylime answered ${lines.length} of ${questions.length} questions, exit code ${code}`);
  }
  return lines.map(toAnswer);
}

function toJob({ list, policy, pcr, keys, boot }: Question): unknown {
  return {
    list: list.toString('base64'),
    policy: policy ?? null,
    pcr: pcr?.value ?? null,
    bank: pcr?.bank ?? 'sha256',
    keys: keys.map((key) => key.toString('base64')),
    boot: boot ?? null,
    tomtou: false,
  };
}

function toAnswer(line: string): Answer {
  const answer: { pass: boolean; events: Event[]; raised: Event | null } = JSON.parse(line);
  const { pass, events, raised } = answer;
  const all: readonly Event[] = raised === null ? events : [...events, [raised[0], `exception.${raised[1]}`]];
  return { pass, events: all.toSorted(([a], [b]) => a - b) };
}
