import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { writeAtomically, type WrittenFile } from '../output/atomic-file.ts';
import { UsageError } from '../usage.ts';

/** A file of a manifest, compared with what is there. */
export interface ManifestEntry {
  /** As the manifest names it: relative to where the manifest is, or absolute. */
  readonly name: string;
  /** SHA-256, lower-case hex. */
  readonly expected: string;
  /** What the file has; nothing if it cannot be read. */
  readonly found: string | undefined;
}

/**
 * Writes a manifest of files: their SHA-256, in the form that `sha256sum -c` reads in the manifest's directory.
 * @returns the manifest as it was written; the names that are no files, and so have no line
 */
export async function writeManifest(
  path: string,
  files: readonly string[],
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<{ readonly file: WrittenFile; readonly leftOut: readonly string[] }> {
  const directory = dirname(resolve(path));
  const leftOut: string[] = [];
  const lines: string[] = [];
  for (const file of new Set(files)) {
    if (file === '-' || !(await isFile(file))) {
      leftOut.push(file);
      continue;
    }
    const name = relative(directory, resolve(file));
    lines.push(
      drawLine(isAbsolute(file) && name.startsWith('..') ? file : name, await digestOf(file, signal)),
    );
  }
  const [file] = await writeAtomically(path, [Buffer.from(lines.join(''))], { signal });
  return { file, leftOut };
}

/**
 * Compares the files of a manifest with what is there.
 * @throws UsageError `INPUT_UNREADABLE` if the manifest cannot be read, or has a line that is none
 */
export async function checkManifest(
  path: string,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<readonly ManifestEntry[]> {
  const entries: ManifestEntry[] = [];
  for (const { name, expected } of await readManifest(path)) {
    const file = isAbsolute(name) ? name : join(dirname(path), name);
    const found = await digestOf(file, signal).catch(() => undefined);
    signal?.throwIfAborted();
    entries.push({ name, expected, found });
  }
  return entries;
}

/**
 * The lines of a manifest.
 * @throws UsageError `INPUT_UNREADABLE`
 */
export async function readManifest(path: string): Promise<readonly Omit<ManifestEntry, 'found'>[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw unreadable(path, undefined, cause instanceof Error ? cause.message : String(cause));
  });
  const lines = text
    .split('\n')
    .flatMap((line, index) => (line.trim() === '' ? [] : [parseLine(path, index + 1, line)]));
  if (lines.length === 0) throw unreadable(path, undefined, 'it has no line');
  return lines;
}

/** A line of `sha256sum`: a name with a line break or a backslash is escaped, and marked by a backslash in front. */
function drawLine(name: string, digest: string): string {
  const escaped = name.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  return `${escaped === name ? '' : '\\'}${digest}  ${escaped}\n`;
}

const ESCAPES: Readonly<Record<string, string>> = { '\\\\': '\\', '\\n': '\n', '\\r': '\r' };

function parseLine(path: string, line: number, text: string): { name: string; expected: string } {
  const [, mark, expected, name] = /^(\\?)([0-9a-fA-F]{64}) [ *](.+)$/s.exec(text.replace(/\r$/, '')) ?? [];
  if (expected === undefined || name === undefined) {
    throw unreadable(path, line, 'the line is no SHA-256 with the name of a file');
  }
  return {
    expected: expected.toLowerCase(),
    name: mark === '' ? name : name.replace(/\\[\\nr]/g, (escape) => ESCAPES[escape] ?? escape),
  };
}

function unreadable(path: string, line: number | undefined, problem: string): UsageError {
  return new UsageError('INPUT_UNREADABLE', {
    problem: `the manifest cannot be read: ${problem}`,
    at: { input: path, ...(line === undefined ? {} : { line }) },
    hint: 'give a manifest as --checksum or sha256sum writes it',
  });
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** SHA-256 of a file, lower-case hex. */
export async function digestOf(path: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  const pieces: AsyncIterable<Uint8Array> = createReadStream(path, signal === undefined ? {} : { signal });
  for await (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}
