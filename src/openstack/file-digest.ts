import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { UsageError } from '../usage.ts';

/** What an image service says of a file, worked out here. */
export interface FileDigest {
  readonly file: string;
  readonly sizeBytes: number;
  /** Lower-case hex. */
  readonly sha512: string;
  /** Lower-case hex; it only picks candidates. */
  readonly md5: string;
  /** `qcow2` where it begins so, otherwise `raw`. */
  readonly diskFormat: 'qcow2' | 'raw';
}

const QCOW2_MAGIC = Buffer.from('QFI\xfb', 'latin1');

/**
 * Reads a file once.
 * @throws UsageError `INPUT_UNREADABLE`: it cannot be read, is none, or is empty
 */
export async function digestFile(
  file: string,
  options: {
    readonly signal?: AbortSignal | undefined;
    readonly onBytes?: ((bytes: number) => void) | undefined;
  },
): Promise<FileDigest> {
  const { signal, onBytes } = options;
  const [sha512, md5] = [createHash('sha512'), createHash('md5')];
  let sizeBytes = 0;
  let head: Buffer = Buffer.of();
  try {
    // Opening a FIFO could wait for ever.
    if (!(await stat(file)).isFile()) throw new Error(`${file} is no regular file`);
    for await (const piece of createReadStream(file, { signal, highWaterMark: 1 << 20 })) {
      const bytes: Buffer = piece;
      if (sizeBytes === 0) head = bytes.subarray(0, QCOW2_MAGIC.length);
      sizeBytes += bytes.length;
      sha512.update(bytes);
      md5.update(bytes);
      onBytes?.(sizeBytes);
    }
    if (sizeBytes === 0) throw new Error(`${file} is empty`);
  } catch (cause) {
    signal?.throwIfAborted();
    throw new UsageError('INPUT_UNREADABLE', {
      problem: `cannot be uploaded: ${cause instanceof Error ? cause.message : String(cause)}`,
      at: { input: file },
      hint: 'give the file that the image was built to',
      cause,
    });
  }
  return {
    file,
    sizeBytes,
    sha512: sha512.digest('hex'),
    md5: md5.digest('hex'),
    diskFormat: head.equals(QCOW2_MAGIC) ? 'qcow2' : 'raw',
  };
}
