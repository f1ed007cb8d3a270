import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Limits } from '../image/types.ts';
import { fetchRpmRepository } from '../image/rpm-repository.ts';
import { formatBytes, plural } from './terminal.ts';

export interface RemoteOptions {
  readonly limits: Limits | undefined;
  /** Whether the signatures of indexes are needed: keys are given. */
  readonly signature: boolean;
  readonly quiet: boolean;
  readonly signal: AbortSignal;
}

/** Repositories that were copied, each into a directory of its own. */
export interface Copies {
  /** The directories, and the URLs that they are copies of. */
  readonly urls: ReadonlyMap<string, string>;
  readonly remove: () => Promise<void>;
}

/** Copies repositories of RPM packages into a temporary directory, which must be removed at the end. */
export async function copyRepositories(urls: readonly string[], options: RemoteOptions): Promise<Copies> {
  if (urls.length === 0) return { urls: new Map(), remove: () => Promise.resolve() };
  const top = await mkdtemp(join(tmpdir(), 'ima-assay-'));
  const remove = (): Promise<void> => rm(top, { recursive: true, force: true });
  try {
    const copies = new Map<string, string>();
    for (const [number, url] of urls.entries()) {
      const directory = join(top, String(number + 1));
      await copyRepository(url, directory, options);
      copies.set(directory, url);
    }
    return { urls: copies, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function copyRepository(
  url: string,
  directory: string,
  { limits, signature, quiet, signal }: RemoteOptions,
): Promise<void> {
  const isShown = !quiet && process.stderr.isTTY && process.env['CI'] === undefined;
  let last = { files: 0, bytes: 0 };
  await fetchRpmRepository(url, directory, {
    limits,
    signature,
    signal,
    onProgress: ({ files, totalFiles, bytes }) => {
      last = { files, bytes };
      if (isShown)
        process.stderr.write(`\r\u001b[Kfetching: ${files} of ${totalFiles}, ${formatBytes(bytes)}`);
    },
  });
  if (isShown) process.stderr.write('\r\u001b[K');
  if (!quiet) {
    process.stderr.write(
      `${url}: ${plural(last.files, 'package')}, ${formatBytes(last.bytes)} fetched${signature ? '' : '; signature unchecked'}\n`,
    );
  }
}
