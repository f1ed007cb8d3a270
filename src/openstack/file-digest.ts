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
  /** By its first bytes, in Glance's words; `raw` where they are of none of its formats. */
  readonly diskFormat: string;
}

/** Glance's word, where the mark of a format stands, and the mark. A fixed VHD has its own at the end. */
const DISK_FORMATS = [
  ['qcow2', 0, 'QFI\xfb'],
  ['vmdk', 0, 'KDMV'],
  ['vmdk', 0, '# Disk DescriptorFile'],
  ['vhdx', 0, 'vhdxfile'],
  ['vhd', 0, 'conectix'],
  ['vdi', 0x40, '\x7f\x10\xda\xbe'],
  ['iso', 0x8001, 'CD001'],
] as const;

const VHD_FOOTER_BYTES = 512;

/** @param head - the first bytes of a file, at least 34 KiB if it has them; @param tail - its last bytes */
function diskFormatOf(head: Buffer, tail: Buffer): string {
  const found = DISK_FORMATS.find(
    ([, at, mark]) => head.subarray(at, at + mark.length).toString('latin1') === mark,
  );
  if (found !== undefined) return found[0];
  return tail.subarray(-VHD_FOOTER_BYTES).toString('latin1').startsWith('conectix') ? 'vhd' : 'raw';
}

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
  let [head, tail]: [Buffer, Buffer] = [Buffer.of(), Buffer.of()];
  try {
    // Opening a FIFO could wait for ever.
    if (!(await stat(file)).isFile()) throw new Error(`${file} is no regular file`);
    for await (const piece of createReadStream(file, { signal, highWaterMark: 1 << 20 })) {
      const bytes: Buffer = piece;
      if (sizeBytes === 0) head = bytes;
      tail = Buffer.concat([tail, bytes.subarray(-VHD_FOOTER_BYTES)]).subarray(-VHD_FOOTER_BYTES);
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
    diskFormat: diskFormatOf(head, tail),
  };
}
