import { open, stat } from 'node:fs/promises';
import { type Extraction, extractAllowlist } from '../image/extract.ts';
import type { ExtractOptions } from '../image/types.ts';
import { composeRuntimePolicy, type ComposeOptions, type RuntimePolicy } from '../runtime-policy/compose.ts';

/** A policy, or an image as one. */
export interface Side {
  readonly name: string;
  readonly policy: RuntimePolicy;
  readonly isImage: boolean;
  /** How an image was read. */
  readonly extraction?: Extraction | undefined;
}

const HEAD_BYTES = 4096;

// Rows of every length that a digest has; a cpio archive begins with hex digits, too.
const ROW =
  /^\\?(?:[\w-]{2,16}:)?(?:[\da-f]{32}|[\da-f]{40}|[\da-f]{56}|[\da-f]{64}|[\da-f]{96}|[\da-f]{128})[ \t]/i;
const CPIO = /^07070[12][\da-f]{104}/i;

/** Whether a file is a policy or an allowlist, by its beginning. All else is an image; standard input is a policy. */
export async function isPolicyFile(path: string): Promise<boolean> {
  if (path === '-') return true;
  // What cannot be read is said by whoever reads it.
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || !found.isFile()) return !(found?.isDirectory() ?? false);
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return true;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    const head = buffer
      .toString('latin1', 0, bytesRead)
      .replace(/^\u00ef\u00bb\u00bf/, '')
      .trimStart();
    return head === '' || /^[{["]/.test(head) || (ROW.test(head) && !CPIO.test(head));
  } finally {
    await file.close();
  }
}

/** Reads two sides. Images are hashed by the algorithms that the other side has, where none are asked for. */
export async function readSides(
  names: readonly [string, string],
  composing: ComposeOptions,
  extracting: ExtractOptions,
): Promise<readonly [Side, Side]> {
  const sides: (Side | undefined)[] = [];
  for (const name of names)
    sides.push((await isPolicyFile(name)) ? await readPolicy(name, composing) : undefined);
  const known = sides.flatMap((side) => side?.policy.summary.algorithms ?? []);
  const algorithms = extracting.algorithms ?? (known.length === 0 ? undefined : known);
  const [left, right] = sides;
  const image = async (name: string): Promise<Side> => {
    const extraction = await extractAllowlist([name], { ...extracting, algorithms });
    const policy = await composeRuntimePolicy({ images: [extraction.allowlist] });
    return { name, policy, isImage: true, extraction };
  };
  return [left ?? (await image(names[0])), right ?? (await image(names[1]))];
}

async function readPolicy(name: string, composing: ComposeOptions): Promise<Side> {
  return { name, policy: await composeRuntimePolicy({ policies: [name] }, composing), isImage: false };
}
