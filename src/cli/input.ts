import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { UsageError } from '../usage.ts';

/**
 * The bytes of a small file, or of standard input for `-`.
 * @throws UsageError `INPUT_UNREADABLE`
 */
export async function readInput(file: string): Promise<Buffer> {
  return (file === '-' ? buffer(process.stdin) : readFile(file)).catch((cause: unknown) => {
    throw new UsageError('INPUT_UNREADABLE', {
      problem: `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      at: { input: file },
      hint: 'give the path of a file, or - for standard input',
      cause,
    });
  });
}
