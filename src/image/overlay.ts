import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type AllowlistRow } from '../allowlist/allowlist.ts';
import { AssayError } from '../error.ts';
import { loadAddon } from '../native/load.ts';
import { runNative, type WorkOptions } from '../native/work.ts';
import { unwritable, writeAtomically, type WrittenFile } from '../output/atomic-file.ts';
import { UsageError } from '../usage.ts';
import { type Extraction, extractAllowlist } from './extract.ts';
import type { Compression, Member } from './segment.ts';
import type { Layer } from './types.ts';

/** Why files cannot be added to an image. */
export class OverlayError extends AssayError<
  'OVERLAY_NOT_POSSIBLE' | 'OVERLAY_PLACE_TAKEN' | 'OVERLAY_NOT_SEEN'
> {}

/** A file to add. */
export interface Addition {
  /** The file on this machine. Its permission bits are kept; its owner becomes root. */
  readonly file: string;
  /** Absolute path in the image, printable ASCII. Links on the way are followed, missing directories are made. */
  readonly path: string;
}

/** What stands at the path of an addition, and is replaced. */
export type Occupant = 'file' | 'symlink' | 'special';

/** Where an addition comes to stand. */
export interface Placed {
  readonly file: string;
  /** Without links on the way: the path that IMA prints. */
  readonly path: string;
  readonly mode: number;
  readonly sizeBytes: number;
  /** SHA-256, lower-case hex. */
  readonly sha256: string;
  readonly replaces: Occupant | undefined;
}

/** What an overlay would do. */
export interface OverlayPlan {
  readonly image: string;
  readonly added: readonly Placed[];
  /** Directories that have to be made, parents first. */
  readonly directories: readonly string[];
  readonly compression: Compression;
  /** Bytes of the image before the overlay: all but a boot configuration, which stays last. */
  readonly bodyBytes: number;
  /** NULs in front of the overlay, beside those that align it. */
  readonly paddingBytes: number;
  /** What the image held before. */
  readonly before: Extraction;
}

/** What an overlay did. */
export interface Overlay {
  readonly plan: OverlayPlan;
  /** How it was compressed in the end: gzip where zstd-napi is not installed. */
  readonly compression: Compression;
  /** Where it begins. */
  readonly offsetBytes: number;
  /** The image with its overlay: its allowlist, and what it is made of. */
  readonly extraction: Extraction;
  /** Paths that changed though they were not added: other names of a file that is replaced. */
  readonly alsoChanged: readonly string[];
  readonly written: readonly WrittenFile[];
}

/** How to add. */
export interface OverlayOptions extends WorkOptions {
  /** Default `auto`: zstd where the image has it, since its kernel can unpack it then; otherwise gzip. */
  readonly compression?: Compression | 'auto' | undefined;
  /** Takes a sentence for the user, such as that gzip stands in for zstd. */
  readonly onNotice?: ((text: string) => void) | undefined;
}

/** Longest name that the kernel takes, with its NUL (`PATH_MAX`). */
const MAX_PATH = 4095;

/** After an lz4 segment the kernel reads on until a block of size zero. */
const LZ4_END_BYTES = 4;

const ALIGNMENT = 4;

/**
 * Says where files would come to stand in an initramfs. Nothing is written.
 * @throws OverlayError `OVERLAY_NOT_POSSIBLE` for another kind of image, `OVERLAY_PLACE_TAKEN` where something is in the
 *   way, or two additions have one place
 * @throws UsageError `ARGUMENT_INVALID`, `INPUT_UNREADABLE`; PackError `MEMBER_NAME_UNWRITABLE`; ImageError
 */
export async function planOverlay(
  image: string,
  additions: readonly Addition[],
  options: OverlayOptions = {},
): Promise<OverlayPlan> {
  if (additions.length === 0) {
    throw new UsageError('ARGUMENT_INVALID', { problem: 'there is nothing to add' });
  }
  if (image === '-') {
    throw new UsageError('ARGUMENT_INVALID', { problem: 'an overlay needs an image in a file' });
  }
  const paths = additions.map(({ path }) => requirePath(path));
  const before = await extractAllowlist([image], options);
  const layer = requireInitramfs(image, before.sources[0]?.layer);
  const places = await locate(image, paths, options);
  const added: Placed[] = [];
  const directories = new Set<string>();
  for (const [index, { file }] of additions.entries()) {
    const place = requirePlace(paths[index] ?? '', places[index]);
    for (const directory of place.directories) directories.add(directory);
    added.push({ path: place.path, replaces: place.replaces, ...(await describeFile(file)) });
  }
  await requireWritable(added);
  requireApart(added, directories);
  const segments = layer.layers.map(({ facts }) => facts['compression']);
  const { compression = 'auto' } = options;
  const bootconfigBytes = Number(layer.facts['bootconfigBytes'] ?? 0);
  return {
    image,
    added,
    directories: [...directories],
    compression: compression === 'auto' ? (segments.includes('zstd') ? 'zstd' : 'gzip') : compression,
    bodyBytes: (layer.sizeBytes ?? 0) - bootconfigBytes,
    paddingBytes: segments.at(-1) === 'lz4' ? LZ4_END_BYTES : 0,
    before,
  };
}

/**
 * Writes a copy of the image with the overlay behind it, and extracts its allowlist: the result stands at `output` only
 * once our own reader has seen every added file in it.
 * @throws OverlayError `OVERLAY_NOT_SEEN`; PackError `MEMBER_UNREADABLE`; ImageError, OutputError
 */
export async function writeOverlay(
  plan: OverlayPlan,
  output: string,
  options: OverlayOptions = {},
): Promise<Overlay> {
  const { openCompressor, packSegment } = await import('./segment.ts');
  const compressor = await openCompressor(plan.compression, options);
  const offsetBytes = align(plan.bodyBytes + plan.paddingBytes);
  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield* createReadStream(plan.image, { end: plan.bodyBytes - 1 });
    yield Buffer.alloc(offsetBytes - plan.bodyBytes);
    let end = offsetBytes;
    for await (const piece of packSegment(members(plan), compressor)) {
      end += piece.length;
      yield piece;
    }
    yield Buffer.alloc(align(end) - end);
    yield* createReadStream(plan.image, { start: plan.bodyBytes });
  }
  const drafts = await mkdtemp(join(dirname(output), '.ima-assay-')).catch((cause: unknown) => {
    throw unwritable(output, cause);
  });
  try {
    const draft = join(drafts, 'image');
    await writeAtomically(draft, pieces(), { signal: options.signal });
    const extraction = await extractAllowlist([draft], options);
    const alsoChanged = compare(plan, extraction);
    const written = await writeAtomically(output, createReadStream(draft), {
      checksum: true,
      signal: options.signal,
    });
    const sources = extraction.sources.map((source) => ({ ...source, name: output }));
    return {
      plan,
      compression: compressor.compression,
      offsetBytes,
      extraction: { ...extraction, sources },
      alsoChanged,
      written,
    };
  } finally {
    await rm(drafts, { recursive: true, force: true });
  }
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** Directories first. None is there for what exists already: its entry could replace a link. */
function* members({ added, directories }: OverlayPlan): Generator<Member> {
  for (const directory of directories) yield { kind: 'directory', name: directory.slice(1) };
  for (const { file, path, mode, sizeBytes } of added) {
    yield { kind: 'file', name: path.slice(1), mode, content: { file, sizeBytes } };
  }
}

function requirePath(path: string): string {
  const normal = posix.normalize(path);
  if (!path.startsWith('/') || normal.endsWith('/') || path.split('/').includes('..')) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `a path in the image must be absolute, without .. and name a file, not ${JSON.stringify(path)}`,
      hint: 'write it as it is on the machine, for example /etc/keylime/agent.conf',
    });
  }
  if (normal.length > MAX_PATH) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `a path in the image has ${normal.length} characters: the kernel takes no more than ${MAX_PATH}`,
    });
  }
  return normal;
}

function requireInitramfs(image: string, layer: Layer | undefined): Layer {
  if (layer?.kind === 'initramfs') return layer;
  const isUki = layer?.kind === 'uki';
  throw new OverlayError('OVERLAY_NOT_POSSIBLE', {
    problem: isUki
      ? 'is a unified kernel image: its signature covers its initramfs'
      : `is no initramfs but ${layer?.kind === undefined ? 'something else' : `a ${layer.kind}`}`,
    at: { input: image },
    hint: isUki
      ? 'build a new image with the files in it, and sign that'
      : 'give the file that the boot loader hands to the kernel as initrd',
  });
}

/** Where a path leads, as the core says it. */
interface Located {
  readonly directory?: string;
  readonly missing?: string;
  readonly standing?: Occupant | 'directory' | null;
  /** What is in the way. */
  readonly refusal?: string;
}

async function locate(
  image: string,
  paths: readonly string[],
  options: OverlayOptions,
): Promise<readonly Located[]> {
  const names = paths.map((path) => Buffer.from(path));
  const answer = await runNative(
    (control) => loadAddon().locate(Buffer.from(image), names, control),
    options,
  );
  const located: readonly Located[] = JSON.parse(answer);
  return located;
}

interface Place {
  readonly path: string;
  readonly directories: readonly string[];
  readonly replaces: Occupant | undefined;
}

function requirePlace(wanted: string, located: Located | undefined): Place {
  const { directory = '', missing = '', standing, refusal } = located ?? {};
  if (standing === 'directory' || refusal !== undefined) {
    throw new OverlayError('OVERLAY_PLACE_TAKEN', {
      problem: `${wanted} cannot be added: ${refusal ?? 'a directory stands in its place'}`,
      hint: '`ima-assay extract` shows what the image holds',
    });
  }
  const parts = missing.split('/').slice(1);
  const directories = parts
    .slice(0, -1)
    .map((_, index) => `${directory}/${parts.slice(0, index + 1).join('/')}`);
  return { path: directory + missing, directories, replaces: standing ?? undefined };
}

async function describeFile(file: string): Promise<Omit<Placed, 'path' | 'replaces'>> {
  try {
    const found = await stat(file);
    if (!found.isFile()) throw new Error(`${file} is no regular file`);
    const hash = createHash('sha256');
    await pipeline(createReadStream(file), hash);
    return { file, mode: found.mode & 0o777, sizeBytes: found.size, sha256: hash.digest('hex') };
  } catch (cause) {
    throw new UsageError('INPUT_UNREADABLE', {
      problem: `cannot be added: ${cause instanceof Error ? cause.message : String(cause)}`,
      at: { input: file },
      hint: 'name regular files, one by one',
      cause,
    });
  }
}

async function requireWritable(added: readonly Placed[]): Promise<void> {
  const { requirePrintable } = await import('./segment.ts');
  for (const { path } of added) requirePrintable(path);
}

function requireApart(added: readonly Placed[], directories: ReadonlySet<string>): void {
  const seen = new Set(directories);
  for (const { file, path } of added) {
    if (seen.has(path)) {
      throw new OverlayError('OVERLAY_PLACE_TAKEN', {
        problem: `${file} cannot be added: something else that is added stands at ${path}`,
        hint: 'different paths may lead to one place, through links in the image',
      });
    }
    seen.add(path);
  }
}

/** Looks for every added file, and for what else differs. */
function compare({ added, before }: OverlayPlan, after: Extraction): readonly string[] {
  const [old, now] = [digestsOf(before.allowlist), digestsOf(after.allowlist)];
  const own = new Set<string>();
  for (const { path, sha256 } of added) {
    const name = asListed(path);
    own.add(name);
    if (!now.get(name)?.has(sha256)) {
      throw new OverlayError('OVERLAY_NOT_SEEN', {
        problem: `${path} is not in the image that was made, or with other bytes`,
        hint: 'did the file change meanwhile? otherwise please report it, with the image',
      });
    }
  }
  const changed: string[] = [];
  for (const name of new Set([...old.keys(), ...now.keys()])) {
    if (!own.has(name) && !isSame(old.get(name), now.get(name))) changed.push(name);
  }
  return changed.toSorted();
}

function digestsOf(rows: Iterable<AllowlistRow>): Map<string, Set<string>> {
  const digests = new Map<string, Set<string>>();
  for (const { path, digest } of rows) {
    const known = digests.get(path);
    if (known === undefined) digests.set(path, new Set([digest]));
    else known.add(digest);
  }
  return digests;
}

function isSame(a: ReadonlySet<string> | undefined, b: ReadonlySet<string> | undefined): boolean {
  return a !== undefined && b !== undefined && a.size === b.size && [...a].every((digest) => b.has(digest));
}

/** IMA writes a blank as an underscore. */
function asListed(path: string): string {
  return path.replaceAll(' ', '_');
}
