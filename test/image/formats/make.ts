// Makes an image as a row says, and asks sha256sum what is in a directory.

import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Step } from './row.ts';

/** This checkout. */
export const ROOT: string = fileURLToPath(new URL('../../../', import.meta.url));

/** The same image on every machine, as far as its program lets us say. */
const ENV: NodeJS.ProcessEnv = {
  ...process.env,
  LC_ALL: 'C.UTF-8',
  TZ: 'UTC',
  SOURCE_DATE_EPOCH: '1700000000',
};

/** The programs of some steps, in the order of their first use. */
export function programsOf(steps: readonly Step[]): readonly string[] {
  return [...new Set(steps.flatMap((step) => wordsOf(step).slice(0, 1)))];
}

/** Runs steps in a directory. */
export async function runSteps(steps: readonly Step[], directory: string, tree: string): Promise<void> {
  const fill = (text: string): string =>
    text.replaceAll('{tree}', tree).replaceAll('{here}', directory).replaceAll('{root}', ROOT.slice(0, -1));
  for (const step of steps) {
    if (typeof step === 'object' && 'write' in step) {
      await writeFile(resolve(directory, step.write), fill(step.text), 'latin1');
    } else {
      await runStep(wordsOf(step).map(fill), step, directory);
    }
  }
}

type Program = Exclude<Step, { readonly write: string }>;
type Options = Exclude<Program, string | readonly string[]>;

function isPlain(step: Program): step is Exclude<Program, Options> {
  return typeof step === 'string' || !('run' in step);
}

function wordsOf(step: Step): readonly string[] {
  if (typeof step === 'object' && 'write' in step) return [];
  const words = isPlain(step) ? step : step.run;
  return typeof words === 'string' ? words.split(' ') : words;
}

async function runStep(words: readonly string[], step: Program, directory: string): Promise<void> {
  const { from, to, ends = [0], dies = false } = isPlain(step) ? {} : step;
  const input = openSync(from === undefined ? '/dev/null' : resolve(directory, from), 'r');
  const output = openSync(to === undefined ? '/dev/null' : resolve(directory, to), 'w');
  const { code, errors } = await run(words, directory, input, output);
  closeSync(input);
  closeSync(output);
  if (dies ? code !== null : code === null || !ends.includes(code)) {
    throw new Error(`${words.join(' ')}: ended with ${String(code)}: ${errors}`);
  }
}

function run(
  [program = '', ...args]: readonly string[],
  cwd: string,
  input: number,
  output: number | 'pipe',
): Promise<{ readonly code: number | null; readonly errors: string; readonly stdout: Buffer }> {
  return new Promise((done, failed) => {
    const child = spawn(program, args, { cwd, env: ENV, stdio: [input, output, 'pipe'] });
    const [out, errors]: [Buffer[], Buffer[]] = [[], []];
    child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => errors.push(chunk));
    child.on('error', failed);
    child.on('close', (code) =>
      done({ code, errors: Buffer.concat(errors).toString(), stdout: Buffer.concat(out) }),
    );
  });
}

/**
 * What `sha256sum` says of all files of a directory, as `extract` lists them below `at`: names as Latin-1, in which
 * each byte is a character, and with underscores where IMA writes them for blanks.
 */
export async function digestsOf(directory: string, at: string = ''): Promise<readonly string[]> {
  const nothing = openSync('/dev/null', 'r');
  const find = ['find', '.', '-type', 'f', '-exec', 'sha256sum', '-z', '{}', '+'];
  const { code, errors, stdout } = await run(find, directory, nothing, 'pipe');
  closeSync(nothing);
  if (code !== 0) throw new Error(`find ${directory}: ${errors}`);
  return toLines(stdout.toString('latin1').split('\0'), at);
}

/** The same of what `sha256sum` said before, of a fixture. */
export async function digestsFrom(file: string, at: string = ''): Promise<readonly string[]> {
  const text = await readFile(file, 'latin1');
  return toLines(text.split('\n'), at);
}

function toLines(records: readonly string[], at: string): readonly string[] {
  return records
    .filter((record) => record !== '')
    .map((record) => {
      const path = record.slice(66).replace(/^\.?\//, `${at}/`);
      return `${record.slice(0, 64)}  ${path.replaceAll(' ', '_')}`;
    })
    .toSorted();
}
