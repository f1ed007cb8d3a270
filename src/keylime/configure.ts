import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type FileAccess, OutputError, unwritable, writeAtomically } from '../output/atomic-file.ts';
import { drawLineDiff } from '../output/line-diff.ts';
import { UsageError } from '../usage.ts';
import { findSettings, writeSettings } from './ini.ts';
import type { SettingsFile } from './settings.ts';

/** A file of settings as it is and as it is to be. */
export interface PlannedFile extends SettingsFile {
  /** Nothing where there is no file yet. */
  readonly before: string | undefined;
  readonly after: string;
  /** In the unified form; empty where nothing changes. */
  readonly diff: string;
}

/**
 * Compares the settings of a directory with what is wanted. Changes nothing.
 * @param directory - nothing: as if none of the files were there
 */
export async function planSettings(
  directory: string | undefined,
  files: readonly SettingsFile[],
): Promise<readonly PlannedFile[]> {
  const planned: PlannedFile[] = [];
  for (const file of files) {
    const path = directory === undefined ? file.path : join(directory, file.path);
    const before = directory === undefined ? undefined : await readIfThere(path);
    const after = writeSettings(file, before);
    planned.push({ ...file, before, after, diff: drawLineDiff(path, before, after) });
  }
  return planned;
}

/**
 * Snippets that Keylime reads after ours, and that set what ours does: the last one wins.
 * @returns a sentence for each
 */
export async function warnOfLaterSnippets(
  directory: string,
  files: readonly SettingsFile[],
): Promise<readonly string[]> {
  const warnings: string[] = [];
  for (const { kind, path, settings } of files) {
    if (kind !== 'snippet') continue;
    const place = join(directory, dirname(path));
    const names = await readdir(place).catch(() => []);
    // As Python sorts names.
    for (const name of names.filter((each) => each > basename(path)).toSorted()) {
      const text = await readIfThere(join(place, name)).catch(() => undefined);
      for (const { section, option } of findSettings(text ?? '', settings)) {
        warnings.push(
          `${join(place, name)} is read after ${basename(path)} and sets ${option} of [${section}] as well: what it says counts`,
        );
      }
    }
  }
  return warnings;
}

async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    if (isMissing(cause)) return undefined;
    throw new UsageError('INPUT_UNREADABLE', {
      problem: `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      at: { input: path },
      hint: "Keylime's settings belong to root: run this with sudo",
      cause,
    });
  });
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
}

/** What was written. */
export interface AppliedSettings {
  readonly written: readonly string[];
  /** Copies of what was there before. */
  readonly backups: readonly string[];
}

/**
 * Writes what {@link planSettings} found to differ, each file at once, after a copy of what is there.
 *
 * Copies go to a directory of their own: Keylime reads every file beside a snippet, whatever its name.
 * @param stamp - names that directory, so that an older copy is never overwritten
 * @throws OutputError `OUTPUT_UNWRITABLE`, also where a file has changed since it was planned
 */
export async function applySettings(
  directory: string,
  planned: readonly PlannedFile[],
  { stamp, signal }: { readonly stamp: string; readonly signal?: AbortSignal | undefined },
): Promise<AppliedSettings> {
  const written: string[] = [];
  const backups: string[] = [];
  for (const { path: name, before, after } of planned.filter(({ diff }) => diff !== '')) {
    const path = join(directory, name);
    if ((await readIfThere(path)) !== before) {
      throw new OutputError('OUTPUT_UNWRITABLE', {
        problem: 'has changed since it was compared',
        at: { input: path },
        hint: 'run the command again, and look at the new difference',
      });
    }
    const access = before === undefined ? { mode: 0o644 } : await accessOf(path);
    if (before !== undefined) {
      const backup = join(directory, `ima-assay-backup-${stamp}`, name);
      await write(backup, before, access, signal);
      backups.push(backup);
    }
    await write(path, after, access, signal);
    written.push(path);
  }
  return { written, backups };
}

async function accessOf(path: string): Promise<FileAccess> {
  const { mode, uid, gid } = await stat(path);
  return { mode: mode & 0o7777, owner: { uid, gid } };
}

async function write(
  path: string,
  text: string,
  access: FileAccess,
  signal: AbortSignal | undefined,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true }).catch((cause: unknown) => {
    throw unwritable(path, cause);
  });
  await writeAtomically(path, [Buffer.from(text)], { access, signal });
}
