import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { loadAddon } from '../native/load.ts';
import { runNative } from '../native/work.ts';
import { RemoteError, type RemoteErrorCode } from '../remote/error.ts';
import { requireLimits, UsageError } from '../usage.ts';
import type { Limits } from './types.ts';

/** How far fetching has come. */
export interface FetchProgress {
  readonly files: number;
  readonly totalFiles: number;
  readonly bytes: number;
}

export interface FetchOptions {
  readonly signal?: AbortSignal | undefined;
  /** `maxSpooledBytes` bounds all files together. */
  readonly limits?: Limits | undefined;
  /** Whether to copy the signature of the index, too, which then has to be there. Default false. */
  readonly signature?: boolean | undefined;
  /** Called after each file. */
  readonly onProgress?: ((progress: FetchProgress) => void) | undefined;
}

/** A file that a repository states and that is not there yet. */
interface MissingFile {
  readonly path: string;
  readonly sizeBytes: number | null;
}

const INDEX = 'repodata/repomd.xml';
const SIGNATURE = `${INDEX}.asc`;
const MAX_INDEX_BYTES = 4 << 20;
const MAX_SIGNATURE_BYTES = 1 << 20;
const DEFAULT_MAX_BYTES = 64 * 2 ** 30;
const CONNECTIONS = 4;

/**
 * Copies a repository of RPM packages into a directory: its index, the metadata that are read, and every package they
 * list. Names and sizes come from the core, which reads the metadata; it compares all checksums, and checks signatures where
 * keys are given, when the directory is read as an image.
 *
 * @param url - of the directory that has `repodata/`; `https:`, or `http:` on this machine
 * @throws UsageError `ARGUMENT_INVALID` for another URL, and where it is larger than `maxSpooledBytes`
 * @throws RemoteError; ImageError for metadata that are none
 */
export async function fetchRpmRepository(
  url: string,
  directory: string,
  options: FetchOptions = {},
): Promise<void> {
  const base = readBase(url);
  const maxBytes = options.limits?.maxSpooledBytes ?? DEFAULT_MAX_BYTES;
  let bytes = 0;
  const fetchOne = (file: MissingFile, signal?: AbortSignal): Promise<void> => {
    let left = file.sizeBytes ?? maxBytes;
    return copy(new URL(encodePath(file.path), base), join(directory, file.path), signal, (length) => {
      left -= length;
      bytes += length;
      return left >= 0 && bytes <= maxBytes;
    });
  };
  await fetchOne({ path: INDEX, sizeBytes: MAX_INDEX_BYTES }, options.signal);
  if (options.signature === true)
    await fetchOne({ path: SIGNATURE, sizeBytes: MAX_SIGNATURE_BYTES }, options.signal);
  // First the list of packages, then the packages.
  for (let missing = await findMissing(directory, options); missing.length > 0;) {
    checkTotal(url, missing, maxBytes - bytes);
    const total = missing.length;
    let files = 0;
    await eachOf(missing, options.signal, async (file, signal) => {
      await fetchOne(file, signal);
      files += 1;
      options.onProgress?.({ files, totalFiles: total, bytes });
    });
    missing = await findMissing(directory, options);
  }
}

/** Works on several at once. After a failure all have stopped before it is thrown, so that nothing writes any more. */
async function eachOf<Item>(
  items: readonly Item[],
  outer: AbortSignal | undefined,
  work: (item: Item, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const signal = outer === undefined ? stop.signal : AbortSignal.any([outer, stop.signal]);
  const queue = items.values();
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (const item of queue) {
      if (signal.aborted) return;
      try {
        await work(item, signal);
      } catch (error) {
        failures.push(error);
        stop.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  outer?.throwIfAborted();
  if (failures.length > 0) throw failures[0];
}

function readBase(text: string): URL {
  const url = URL.parse(text.endsWith('/') ? text : `${text}/`);
  const isLocal = url !== null && ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname);
  if (url === null || (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLocal))) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `a repository is named by an https: URL, not ${JSON.stringify(text)}`,
      hint: 'what the connection does not vouch for can be seen and changed on the way',
    });
  }
  return url;
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

function checkTotal(url: string, missing: readonly MissingFile[], left: number): void {
  const total = missing.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0);
  if (total > left) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `${url} has ${total} bytes to fetch, and ${left} are allowed`,
      hint: 'if that is meant to be so, raise --limit max-spooled-bytes',
    });
  }
}

// The addon of this very version wrote the text: its shape is known.
async function findMissing(directory: string, options: FetchOptions): Promise<readonly MissingFile[]> {
  const limits = requireLimits(options.limits ?? {});
  const text = await runNative(
    (control) => loadAddon().missingOfRepository(Buffer.from(directory), limits, control),
    { signal: options.signal },
  );
  const missing: readonly MissingFile[] = JSON.parse(text);
  return missing;
}

/** Copies one file, as long as `takes` says yes to so many bytes more. */
async function copy(
  url: URL,
  file: string,
  signal: AbortSignal | undefined,
  takes: (length: number) => boolean,
): Promise<void> {
  const response = await ask(url, signal);
  await mkdir(dirname(file), { recursive: true });
  const handle = await open(file, 'wx');
  try {
    for await (const chunk of response.body ?? []) {
      if (!takes(chunk.byteLength)) {
        throw new RemoteError('ANSWER_MALFORMED', {
          problem: `${url.href} has more bytes than are stated or allowed`,
          hint: 'the repository may have changed meanwhile; try again, or another mirror',
        });
      }
      await handle.write(chunk);
    }
  } catch (cause) {
    signal?.throwIfAborted();
    throw cause instanceof RemoteError ? cause : unreachable(url, cause);
  } finally {
    await handle.close();
  }
}

const codesOfStatus: Readonly<Record<number, RemoteErrorCode>> = {
  401: 'AUTHENTICATION_FAILED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
};

async function ask(url: URL, signal?: AbortSignal): Promise<Response> {
  const response = await fetch(url, { signal: signal ?? null }).catch((cause: unknown) => {
    signal?.throwIfAborted();
    throw unreachable(url, cause);
  });
  const isDowngraded = url.protocol === 'https:' && !response.url.startsWith('https:');
  if (response.ok && !isDowngraded) return response;
  await response.body?.cancel();
  throw new RemoteError(codesOfStatus[response.status] ?? 'REFUSED', {
    problem: isDowngraded
      ? `${url.href} leads to ${response.url}, which is not https:`
      : `${url.href}: HTTP status ${response.status}`,
    hint: url.href.endsWith(SIGNATURE)
      ? 'a repository without it is not signed: no key can vouch for it'
      : 'check the URL: it is that of the directory that has repodata/',
  });
}

function unreachable(url: URL, cause: unknown): RemoteError {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  return new RemoteError('UNREACHABLE', {
    problem: `${url.href}: ${inner instanceof Error ? inner.message : String(inner)}`,
    hint: 'check the name, the network and the certificates that this machine trusts (NODE_EXTRA_CA_CERTS)',
    cause,
  });
}
