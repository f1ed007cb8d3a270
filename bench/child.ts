// Runs one program to its end and says what it cost. Bash measures: it is everywhere, knows the processor time of a
// child and of all its children, and counts in milliseconds.

import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A program, its arguments, and how to run them. */
export interface Program {
  /** As the table calls it. */
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** A file for standard input; default empty. */
  readonly input?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Runs in a row that are measured as one, for what takes only milliseconds; default 1. */
  readonly times?: number;
  /** Takes the cost from what the program prints, for one that measures a part of itself. */
  readonly readCost?: (output: string) => Cost;
}

/** What one run cost. */
export interface Cost {
  /** User and system time, of children too. */
  readonly cpuSeconds: number;
  readonly elapsedSeconds: number;
}

/** A run's cost, and the file with what it printed, which the next run overwrites. */
export interface Run extends Cost {
  readonly output: string;
}

const SCRIPT = `
TIMEFORMAT='%3R %3U %3S'
times=$1 measured=$2; shift 2
exec 4>&2
{ time for ((i = 0; i < times; i++)); do "$@" 2>&4 4>&- || exit; done; } 2>"$measured"`;

/**
 * Runs a program; its output and its cost pass through files in `scratch`.
 * @throws Error if it fails, with what it wrote to standard error
 */
export function runProgram(program: Program, scratch: string): Run {
  const { name, command, input = '/dev/null', env = {}, times = 1, readCost } = program;
  const output = join(scratch, 'output');
  const measured = join(scratch, 'measured');
  const from = openSync(input, 'r');
  const to = openSync(output, 'w');
  const { status, stderr } = spawnSync('bash', ['-c', SCRIPT, 'bash', String(times), measured, ...command], {
    stdio: [from, to, 'pipe'],
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  closeSync(from);
  closeSync(to);
  if (status !== 0) throw new Error(`${name} failed (${command.join(' ')}): ${stderr.trim()}`);
  const cost = readCost?.(readFileSync(output, 'utf8')) ?? readTimes(readFileSync(measured, 'utf8'), times);
  return { ...cost, output };
}

function readTimes(measured: string, times: number): Cost {
  const numbers = measured.trim().split(/\s+/).map(Number);
  const [elapsed = Number.NaN, user = Number.NaN, system = Number.NaN] = numbers;
  return { elapsedSeconds: elapsed / times, cpuSeconds: (user + system) / times };
}
