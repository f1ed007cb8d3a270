// What the numbers were measured on.

import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';

import { formatMegabytes } from './table.ts';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  /** Whether the processor has the SHA instructions that x86 calls SHA-NI. */
  readonly hasShaInstructions: boolean;
  readonly memory: string;
  readonly kernel: string;
  readonly system: string;
  readonly node: string;
}

export function describeMachine(): Machine {
  const system = /^PRETTY_NAME="(.*)"$/m.exec(read('/etc/os-release'))?.[1] ?? process.platform;
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    hasShaInstructions: /^(flags|Features)\s*:.*\b(sha_ni|sha2)\b/m.test(read('/proc/cpuinfo')),
    memory: formatMegabytes(totalmem()),
    kernel: `${release()} (${arch()})`,
    system,
    node: process.version,
  };
}

/** The load of the last minute: more than a few tenths before a run means that others are at work. */
export function loadNow(): number {
  return loadavg()[0] ?? Number.NaN;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
