import { once } from 'node:events';
import { writeAtomically, type WrittenFile } from '../output/atomic-file.ts';
import { flag, one } from './arguments.ts';
import type { ParsedArguments } from './command.ts';
import { escapeControls, formatBytes } from './terminal.ts';

/** Where a command's data goes: a file, or standard output. */
export interface Destination {
  /** `-` or nothing is standard output. */
  readonly output: string | undefined;
  readonly signal: AbortSignal;
}

const LINE_END = 0x0a;

/**
 * Writes data to standard output, or to a file together with its checksum file.
 * @returns the files that were written
 */
export async function writeData(
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  { output, signal }: Destination,
): Promise<readonly WrittenFile[]> {
  if (output === undefined || output === '-') {
    let last = LINE_END;
    for await (const piece of pieces) {
      signal.throwIfAborted();
      if (!process.stdout.write(piece)) await once(process.stdout, 'drain', { signal });
      last = piece.at(-1) ?? last;
    }
    // Keylime's own files end without one; on a terminal the next line would stick to it.
    if (process.stdout.isTTY && last !== LINE_END) process.stdout.write('\n');
    return [];
  }
  return writeAtomically(output, pieces, { checksum: true, signal });
}

/** Writes data where `--output` says; of a file it says so on standard error, unless `--quiet`. */
export async function writeOutput(
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  parsed: ParsedArguments,
  signal: AbortSignal,
): Promise<void> {
  const written = await writeData(pieces, { output: one(parsed, 'output'), signal });
  if (!flag(parsed, 'quiet')) reportWritten(written);
}

/** Says on standard error which files were written. */
export function reportWritten(files: readonly Omit<WrittenFile, 'sha256'>[]): void {
  for (const { path, bytes } of files) {
    process.stderr.write(`wrote ${escapeControls(path)} (${formatBytes(bytes)})\n`);
  }
}
