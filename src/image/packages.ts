import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';

/** A package of a root filesystem that says that a file is its. */
export interface PackageOwner {
  readonly manager: 'dpkg' | 'apk';
  readonly name: string;
  readonly version: string | undefined;
}

/** Largest database that is read. */
const MAX_DATABASE_BYTES = 256 << 20;

/**
 * Says which packages of a root directory a path belongs to, by the databases of dpkg and apk in it. A directory whose
 * databases lie elsewhere, behind a symbolic link, is taken for one without.
 *
 * @param path - absolute, as IMA spells it
 */
export async function findPackages(root: string, path: string): Promise<readonly PackageOwner[]> {
  const base = await realpath(root);
  const names = aliases(path);
  return [...(await inDpkg(base, names)), ...(await inApk(base, names))];
}

/** What a path was called before `/bin`, `/sbin` and `/lib` became links, and after. */
function aliases(path: string): ReadonlySet<string> {
  const merged = /^\/usr(\/(?:s?bin|lib[^/]*)\/.*)$/s.exec(path)?.[1];
  const unmerged = /^\/(?:s?bin|lib[^/]*)\//.test(path) ? `/usr${path}` : undefined;
  return new Set([path, merged, unmerged].filter((name) => name !== undefined));
}

async function inDpkg(base: string, names: ReadonlySet<string>): Promise<readonly PackageOwner[]> {
  const info = await inside(base, 'var/lib/dpkg/info');
  if (info === undefined) return [];
  const owners: string[] = [];
  for (const file of await readdir(info)) {
    if (!file.endsWith('.list')) continue;
    const lists = (await readText(base, join('var/lib/dpkg/info', file)))?.split('\n') ?? [];
    // IMA writes a blank as an underscore.
    if (lists.some((name) => names.has(name.replaceAll(' ', '_'))))
      owners.push(file.slice(0, -'.list'.length));
  }
  const status = owners.length === 0 ? undefined : await readText(base, 'var/lib/dpkg/status');
  return owners.map((owner) => {
    const name = owner.replace(/:[^:]*$/, '');
    const stanza = status
      ?.split('\n\n')
      .find((text) => new RegExp(`^Package: ${escape(name)}$`, 'm').test(text));
    return { manager: 'dpkg', name, version: /^Version: (.*)$/m.exec(stanza ?? '')?.[1] };
  });
}

/** A stanza a package: `P:` name, `V:` version, `F:` a directory, `R:` a file in it. */
async function inApk(base: string, names: ReadonlySet<string>): Promise<readonly PackageOwner[]> {
  const text =
    (await readText(base, 'lib/apk/db/installed')) ??
    (await readText(base, 'usr/lib/apk/db/installed')) ??
    '';
  return text.split('\n\n').flatMap((stanza): readonly PackageOwner[] => {
    let directory = '';
    let isOwner = false;
    for (const line of stanza.split('\n')) {
      if (line.startsWith('F:')) directory = line.slice(2);
      if (line.startsWith('R:'))
        isOwner ||= names.has(`/${join(directory, line.slice(2))}`.replaceAll(' ', '_'));
    }
    const name = /^P:(.*)$/m.exec(stanza)?.[1];
    return isOwner && name !== undefined
      ? [{ manager: 'apk', name, version: /^V:(.*)$/m.exec(stanza)?.[1] }]
      : [];
  });
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** The place of a path that lies inside the root, links and all; nothing if there is none. */
async function inside(base: string, path: string): Promise<string | undefined> {
  const place = await realpath(join(base, path)).catch(() => undefined);
  const prefix = base.endsWith(sep) ? base : `${base}${sep}`;
  return place?.startsWith(prefix) === true ? place : undefined;
}

async function readText(base: string, path: string): Promise<string | undefined> {
  const place = await inside(base, path);
  if (place === undefined) return undefined;
  const found = await stat(place);
  return found.isFile() && found.size <= MAX_DATABASE_BYTES ? readFile(place, 'utf8') : undefined;
}
