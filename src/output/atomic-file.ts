import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, lstat, open, realpath, rename, rm, stat } from 'node:fs/promises';
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

/** How to write. */
export interface WriteOptions {
  /** Also write `FILE.sha256`, in the form that `sha256sum -c` reads. Default false. */
  readonly checksum?: boolean;
  /** Who may read it. Default: whoever might read the file that is replaced; anybody, where there was none. */
  readonly access?: FileAccess | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Permissions and owner of a file, whatever the umask says. */
export interface FileAccess {
  readonly mode: number;
  /** Default: whoever writes it. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
}

/**
 * Writes pieces to a temporary file beside `path` and renames it at the end: whoever looks sees the old file or the
 * whole new one, and with it its checksum. After an error or an abort nothing is left. A symbolic link stays, and
 * what it leads to is written; a device or FIFO is written to as it is, without a checksum.
 *
 * @returns the files that were written
 * @throws OutputError `OUTPUT_UNWRITABLE`; whatever the pieces throw
 */
export async function writeAtomically(
  path: string,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  { checksum = false, access, signal }: WriteOptions = {},
): Promise<readonly [WrittenFile, ...WrittenFile[]]> {
  const target = await findTarget(path);
  if (target.isStream) {
    const file = await attempt(path, open(target.path, 'w'));
    return [await writePieces(path, file, pieces, signal)];
  }
  const drafts: Draft[] = [];
  try {
    const list = await openDraft(path, target.path, access);
    drafts.push(list);
    const written = await writePieces(path, list.file, pieces, signal);
    const files: [WrittenFile, ...WrittenFile[]] = [written];
    if (checksum) {
      const line = Buffer.from(describeChecksum(written));
      const sum = await openDraft(`${path}.sha256`, `${target.path}.sha256`);
      drafts.push(sum);
      files.push(await writePieces(`${path}.sha256`, sum.file, [line], signal));
    }
    signal?.throwIfAborted();
    // The checksum last: a list without one is complete, a checksum of another list is wrong.
    for (const { path: name, temporary, target: place } of drafts) {
      await attempt(name, rename(temporary, place));
    }
    return files;
  } finally {
    for (const { temporary } of drafts) await rm(temporary, { force: true });
  }
}

/** A temporary file on its way to a place. */
interface Draft {
  readonly path: string;
  readonly temporary: string;
  readonly target: string;
  readonly file: FileHandle;
}

async function openDraft(path: string, target: string, given?: FileAccess): Promise<Draft> {
  const old = await lstat(target).catch(() => undefined);
  if (old?.isDirectory() === true) throw unwritable(path, new Error('it is a directory'));
  // What was for its owner alone stays so.
  const access = given ?? (old?.isFile() === true ? { mode: old.mode & 0o777 } : undefined);
  const temporary = join(dirname(target), `.ima-assay-${randomBytes(9).toString('hex')}.tmp`);
  const file = await attempt(path, open(temporary, 'wx', access?.mode ?? 0o644));
  if (access !== undefined) await attempt(path, setAccess(file, access));
  return { path, temporary, target, file };
}

async function setAccess(file: FileHandle, { mode, owner }: FileAccess): Promise<void> {
  const { uid, gid } = await file.stat();
  // The owner first: changing it may clear bits of the mode.
  if (owner !== undefined && (owner.uid !== uid || owner.gid !== gid)) await file.chown(owner.uid, owner.gid);
  await file.chmod(mode);
}

async function findTarget(path: string): Promise<{ readonly path: string; readonly isStream: boolean }> {
  // What a link leads to need not have a path: /dev/stdout is a pipe, where there is one.
  const isOpenStream = await stat(path).then(
    (found) => found.isCharacterDevice() || found.isFIFO() || found.isSocket(),
    () => false,
  );
  if (isOpenStream) return { path, isStream: true };
  const place = await realpath(path).catch(() => path);
  return { path: place, isStream: false };
}

async function writePieces(
  path: string,
  file: FileHandle,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<WrittenFile> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const piece of pieces) {
      signal?.throwIfAborted();
      hash.update(piece);
      bytes += piece.length;
      await attempt(path, file.writeFile(piece));
    }
    // Devices and FIFOs have nothing to be kept.
    if ((await file.stat()).isFile()) await attempt(path, file.sync());
  } finally {
    await file.close();
  }
  return { path, bytes, sha256: hash.digest('hex') };
}

/** A line of `sha256sum`, with its escapes: a name with a line break or a backslash is marked by one in front. */
function describeChecksum({ path, sha256 }: WrittenFile): string {
  const name = basename(path);
  const escaped = name.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  return `${escaped === name ? '' : '\\'}${sha256}  ${escaped}\n`;
}

async function attempt<Result>(path: string, work: Promise<Result>): Promise<Result> {
  return work.catch((cause: unknown) => {
    throw unwritable(path, cause);
  });
}

/** The error for an output that the operating system refuses. */
export function unwritable(path: string, cause: unknown): OutputError {
  // Node's text names the temporary file, which says nothing to anybody.
  const [reason = ''] = (cause instanceof Error ? cause.message : String(cause)).split(',');
  return new OutputError('OUTPUT_UNWRITABLE', {
    problem: `cannot be written: ${reason}`,
    at: { input: path },
    hint: 'check that the directory exists, has room and may be written to',
    cause,
  });
}
