// The regular files below a directory of this machine.

import { type Dirent, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export interface FoundFile {
  readonly path: string;
  readonly uid: number;
  readonly mode: number;
  readonly sizeBytes: number;
}

/** Every regular file below a directory, each directory in the order of its names. Directories that may not be read count as empty. */
export function* walk(directory: string): Generator<FoundFile> {
  for (const entry of entriesOf(directory)) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* walk(path);
    if (!entry.isFile()) continue;
    const { uid, mode, size } = lstatSync(path);
    yield { path, uid, mode, sizeBytes: size };
  }
}

function entriesOf(directory: string): readonly Dirent[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  } catch {
    return [];
  }
}
