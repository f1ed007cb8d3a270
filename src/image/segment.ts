// Packs one segment of an initramfs: an archive made by cpio-stream, compressed by zstd-napi or zlib.
//
//   compressed ( member  member  …  trailer  NULs )
//
// Only ever for writing: what cpio-stream reads wrongly is listed in fixtures/README.md.

import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { PassThrough, type Transform, type Writable } from 'node:stream';
import { constants, createGzip } from 'node:zlib';

import { type Pack, type PackHeader, pack } from 'cpio-stream';
import { AssayError } from '../error.ts';

/** Why files cannot be packed. */
export class PackError extends AssayError<'MEMBER_NAME_UNWRITABLE' | 'MEMBER_UNREADABLE'> {}

/** The bytes of a file: at hand, or to be streamed from a file of `sizeBytes`. */
export type Content = Uint8Array | { readonly file: string; readonly sizeBytes: number };

interface Named {
  /** Printable ASCII, relative, without `./`: cpio-stream writes any other name wrongly. */
  readonly name: string;
  /** Permission bits; default 0644, for directories 0755, for links 0777, for devices 0600. */
  readonly mode?: number;
}

/** One member of an archive; for `hard-links`, as many as there are names. */
export type Member =
  | (Named & { readonly kind: 'file'; readonly content: Content })
  | (Named & { readonly kind: 'directory' })
  | (Named & { readonly kind: 'symlink'; readonly target: string })
  | (Named & { readonly kind: 'character-device'; readonly major: number; readonly minor: number })
  /** One file under several names. Its bytes stand on the last one, as GNU cpio writes them. */
  | {
      readonly kind: 'hard-links';
      readonly names: readonly string[];
      readonly mode?: number;
      readonly content: Content;
    };

/** How a segment is compressed. */
export type Compression = 'none' | 'gzip' | 'zstd';

/** How to pack. */
export interface PackOptions {
  /** Takes a sentence for the user, such as that gzip stands in for zstd. */
  readonly onNotice?: ((text: string) => void) | undefined;
}

/** What compresses a segment, and how in the end. */
export interface Compressor {
  readonly compression: Compression;
  readonly stream: Transform;
}

/** The compressor that was asked for, or gzip's where zstd-napi, an optional dependency, is not installed. */
export async function openCompressor(
  compression: Compression,
  { onNotice }: PackOptions = {},
): Promise<Compressor> {
  if (compression === 'none') return { compression, stream: new PassThrough() };
  if (compression === 'zstd') {
    try {
      const { CompressStream } = await import('zstd-napi');
      return { compression, stream: new CompressStream({ compressionLevel: 3, checksumFlag: true }) };
    } catch {
      onNotice?.('zstd-napi is not installed: the segment is compressed with gzip instead');
    }
  }
  return { compression: 'gzip', stream: createGzip({ level: constants.Z_BEST_COMPRESSION }) };
}

/**
 * The bytes of a segment, piece by piece. The same members give the same bytes: owners are root, times fixed.
 * @throws PackError `MEMBER_NAME_UNWRITABLE` for a name that cpio-stream cannot write, `MEMBER_UNREADABLE` for a file
 *   that cannot be read or changed its size meanwhile
 * @see Linux, Documentation/driver-api/early-userspace/buffer-format.rst
 */
export async function* packSegment(
  members: Iterable<Member>,
  { stream }: Compressor,
): AsyncGenerator<Uint8Array> {
  const archive = pack({ format: 'newc' });
  archive.on('error', (error) => stream.destroy(error)).pipe(stream);
  const feeding = addMembers(archive, members).catch((error: unknown) => {
    const reason = error instanceof Error ? error : new Error(String(error));
    archive.destroy(reason);
    stream.destroy(reason);
    throw reason;
  });
  // Whoever reads meets the same error a little later.
  feeding.catch(() => undefined);
  try {
    for await (const piece of stream) {
      const bytes: Uint8Array = piece;
      yield bytes;
    }
    await feeding;
  } finally {
    archive.destroy();
    stream.destroy();
  }
}

async function addMembers(archive: Pack, members: Iterable<Member>): Promise<void> {
  let ino = 0;
  for (const member of members) {
    ino += 1;
    if (member.kind === 'hard-links') {
      const { names, mode = 0o644, content } = member;
      for (const [index, name] of names.entries()) {
        const isLast = index === names.length - 1;
        const header = headerOf({ name, type: 'file', mode, ino, nlink: names.length });
        await addFile(archive, header, isLast ? content : new Uint8Array());
      }
    } else {
      await addMember(archive, member, ino);
    }
  }
  archive.finalize();
}

async function addMember(
  archive: Pack,
  member: Exclude<Member, { kind: 'hard-links' }>,
  ino: number,
): Promise<void> {
  const { name, kind } = member;
  switch (kind) {
    case 'file':
      return addFile(
        archive,
        headerOf({ name, type: kind, mode: member.mode ?? 0o644, ino, nlink: 1 }),
        member.content,
      );
    case 'directory':
      return addBare(archive, headerOf({ name, type: kind, mode: member.mode ?? 0o755, ino, nlink: 2 }));
    case 'symlink':
      requirePrintable(member.target);
      return addBare(archive, {
        ...headerOf({ name, type: kind, mode: member.mode ?? 0o777, ino, nlink: 1 }),
        linkname: member.target,
      });
    case 'character-device':
      return addBare(archive, {
        ...headerOf({ name, type: kind, mode: member.mode ?? 0o600, ino, nlink: 1 }),
        rdevmajor: member.major,
        rdevminor: member.minor,
      });
  }
}

/** Gives every field that cpio-stream would otherwise fill with the time or a number of its own. */
function headerOf(given: Pick<PackHeader, 'name' | 'type' | 'mode' | 'ino' | 'nlink'>): PackHeader {
  requirePrintable(given.name);
  return { ...given, uid: 0, gid: 0, mtime: new Date(1000), dev: 1, devminor: 1 };
}

/** @throws PackError `MEMBER_NAME_UNWRITABLE` */
export function requirePrintable(text: string): void {
  if (!/^[\x20-\x7e]+$/.test(text)) {
    throw new PackError('MEMBER_NAME_UNWRITABLE', {
      problem: `${JSON.stringify(text)} cannot be packed: it is not printable ASCII`,
      hint: 'give it a name of letters, digits and signs of ASCII',
    });
  }
}

function addBare(archive: Pack, header: PackHeader): Promise<void> {
  return new Promise((resolve, reject) => {
    archive.entry(header, (error) => (error ? reject(error) : resolve()));
  });
}

function addFile(archive: Pack, header: PackHeader, content: Content): Promise<void> {
  const size = content instanceof Uint8Array ? content.length : content.sizeBytes;
  return new Promise((resolve, reject) => {
    const sink = archive.entry({ ...header, size }, (error) => (error ? reject(error) : resolve()));
    writeContent(sink, content, size).catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      reject(
        new PackError('MEMBER_UNREADABLE', {
          problem: `${header.name} cannot be packed: ${reason}`,
          hint: 'the file must be readable, and stay as it is while it is packed',
          cause,
        }),
      );
    });
  });
}

async function writeContent(sink: Writable, content: Content, size: number): Promise<void> {
  let written = 0;
  for await (const chunk of content instanceof Uint8Array ? [content] : createReadStream(content.file)) {
    written += chunk.length;
    if (!sink.write(chunk)) await once(sink, 'drain');
  }
  if (written !== size) throw new Error(`${written} bytes were read instead of ${size}`);
  sink.end();
}
