import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { writeAtomically } from '../output/atomic-file.ts';

/** What a build was asked for: the same again is the same build, as far as the network lets it. */
export interface BuildChoices {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** A file that was built, as `make` would tell that it was not touched since. */
interface BuiltFile {
  readonly name: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

/** Where the stamp of an image stands. */
export function stampOf(name: string): string {
  return `${name}.build.json`;
}

/** Notes beside an image what it was built with. */
export async function writeStamp(
  name: string,
  choices: BuildChoices,
  files: readonly string[],
): Promise<void> {
  const text = `${JSON.stringify(await describe(choices, files), null, 2)}\n`;
  await writeAtomically(stampOf(name), [Buffer.from(text)]);
}

/** Whether these files are what was built with these choices, untouched since. */
export async function isStamped(
  name: string,
  choices: BuildChoices,
  files: readonly string[],
): Promise<boolean> {
  const [stamp, now] = await Promise.all([
    readFile(stampOf(name), 'utf8').catch(() => undefined),
    describe(choices, files).catch(() => undefined),
  ]);
  return stamp !== undefined && now !== undefined && stamp === `${JSON.stringify(now, null, 2)}\n`;
}

async function describe({ args, environment }: BuildChoices, files: readonly string[]): Promise<object> {
  const built: BuiltFile[] = [];
  for (const file of files) {
    const { size, mtimeMs } = await stat(file);
    built.push({ name: basename(file), sizeBytes: size, modifiedMs: Math.floor(mtimeMs) });
  }
  return { schemaVersion: 1, args, environment, files: built };
}
