import { loadAddon } from '../native/load.ts';
import { runNative } from '../native/work.ts';
import { toArguments } from './arguments.ts';
import type { ExtractOptions } from './types.ts';

/** A package of a root filesystem that says that a file is its. */
export interface PackageOwner {
  /** The path that was asked for. */
  readonly path: string;
  readonly manager: 'dpkg' | 'apk' | 'rpm';
  readonly name: string;
  /** As the manager writes it: of rpm with epoch and release. */
  readonly version: string | null;
}

/** What the package databases of an image say. */
export interface PackageOwners {
  /** Sorted by path. */
  readonly owners: readonly PackageOwner[];
  /** Databases that cannot be read: packages of theirs are missing above. */
  readonly unread: readonly { readonly database: string; readonly problem: string }[];
}

/**
 * Says which packages files of an image belong to, by the databases that dpkg, apk and rpm (SQLite, Berkeley DB, ndb) keep
 * in it. An initramfs and a package have none.
 *
 * @param image - a path of whatever {@link extractAllowlist} reads
 * @param paths - absolute, as IMA spells them
 * @throws ImageError, UsageError as {@link extractAllowlist}
 */
export async function findPackages(
  image: string,
  paths: readonly string[],
  options: ExtractOptions = {},
): Promise<PackageOwners> {
  const names = paths.map((path) => Buffer.from(path));
  const args = toArguments(options);
  const text = await runNative(
    (control) => loadAddon().packageOwners(Buffer.from(image), names, args, control),
    options,
  );
  // The addon of this very version wrote the text: its shape is known.
  const found: PackageOwners = JSON.parse(text);
  return found;
}
