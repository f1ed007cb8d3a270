import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import type { PackedSegment } from '../../fixtures/builder/initramfs.ts';

const SCRIPT = fileURLToPath(new URL('../../.ci/expect-initramfs', import.meta.url));

/** Programs that `expectInitramfs` runs. */
export const EXPECTATION_TOOLS = ['python3', 'cpio', 'sha256sum', 'xargs', 'gzip', 'zstd'] as const;

/** What cpio and sha256sum say of an initramfs that the builder packed, as an allowlist. */
export async function expectInitramfs(file: string, segments: readonly PackedSegment[]): Promise<string> {
  let end = 0;
  const partSizes = segments.map(({ offsetBytes, sizeBytes }) => {
    // Each part begins at the next multiple of four; NULs in front of a segment belong to it.
    const start = Math.ceil(end / 4) * 4;
    end = offsetBytes + sizeBytes;
    return String(end - start);
  });
  const { stdout } = await promisify(execFile)(SCRIPT, [file, ...partSizes], { maxBuffer: 1 << 30 });
  return stdout;
}
