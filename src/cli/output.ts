import { once } from 'node:events';
import { writeAtomically, type WrittenFile } from '../output/atomic-file.ts';

/** Where a command's data goes: a file, or standard output. */
export interface Destination {
  /** `-` or nothing is standard output. */
  readonly output: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Writes data to standard output, or to a file together with its checksum file.
 * @returns the files that were written
 */
export async function writeData(
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  { output, signal }: Destination,
): Promise<readonly WrittenFile[]> {
  if (output === undefined || output === '-') {
    for await (const piece of pieces) {
      signal.throwIfAborted();
      if (!process.stdout.write(piece)) await once(process.stdout, 'drain', { signal });
    }
    return [];
  }
  return writeAtomically(output, pieces, { checksum: true, signal });
}
