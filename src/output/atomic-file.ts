import { createHash, randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AssayError } from '../error.ts';

/** Why a result cannot be written. */
export class OutputError extends AssayError<'OUTPUT_UNWRITABLE'> {}

/** A file that was written. */
export interface WrittenFile {
  readonly path: string;
  readonly bytes: number;
  /** SHA-256 of its bytes, lower-case hex. */
  readonly sha256: string;
}

/**
 * Writes pieces to a temporary file beside `path` and renames it at the end: whoever looks sees the old
 * file or the whole new one. After an error or an abort nothing is left.
 *
 * @throws OutputError `OUTPUT_UNWRITABLE`; whatever the pieces throw
 */
export async function writeAtomically(
  path: string,
  pieces: Iterable<Uint8Array>,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<WrittenFile> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  const hash = createHash('sha256');
  let bytes = 0;
  const file = await open(temporary, 'wx', 0o644).catch((cause: unknown) => {
    throw unwritable(path, cause);
  });
  try {
    try {
      for (const piece of pieces) {
        signal?.throwIfAborted();
        hash.update(piece);
        bytes += piece.length;
        await file.writeFile(piece).catch((cause: unknown) => {
          throw unwritable(path, cause);
        });
      }
      await file.sync();
    } finally {
      await file.close();
    }
    signal?.throwIfAborted();
    await rename(temporary, path).catch((cause: unknown) => {
      throw unwritable(path, cause);
    });
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  return { path, bytes, sha256: hash.digest('hex') };
}

/**
 * Writes `FILE.sha256` beside a file, in the form that `sha256sum -c` reads.
 * @throws OutputError `OUTPUT_UNWRITABLE`
 */
export async function writeChecksum(file: WrittenFile): Promise<WrittenFile> {
  const line = `${file.sha256}  ${basename(file.path)}\n`;
  return writeAtomically(`${file.path}.sha256`, [Buffer.from(line)]);
}

function unwritable(path: string, cause: unknown): OutputError {
  return new OutputError('OUTPUT_UNWRITABLE', {
    problem: `cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`,
    at: { input: path },
    hint: 'check that the directory exists and may be written to',
    cause,
  });
}
