// Which programs there are on this machine, ours and the peers.

import { spawnSync } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';

import type { Bench } from './harness.ts';

/** The checkout: this file is built into `bench/built/bench`. */
export const root: string = join(import.meta.dirname, '../../..');

/** The command line as a user starts it. */
export const imaAssay: readonly [string, string] = [process.execPath, join(root, 'dist/cli/main.js')];

/** A script of this directory, as built. */
export function ownScript(name: string): readonly [string, string] {
  return [process.execPath, join(import.meta.dirname, `${name}.js`)];
}

/** An example of a crate, as `npm run bench` builds it. */
export function rustExample(name: string): string {
  return join(root, 'native/target/release/examples', name);
}

/** A program's path. Its absence is noted, with what cannot be measured then. */
export function findProgram(name: string, bench: Bench, what: string): string | undefined {
  const found = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((directory) => join(directory, name))
    .find(isExecutable);
  if (found === undefined) bench.missing(`${name} is not installed: ${what}`);
  return found;
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Notes the first line that a program prints of itself. */
export function noteVersion(bench: Bench, command: string, ...args: readonly string[]): void {
  const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  const line = `${stdout}\n${stderr}`.split('\n').find((each) => each.trim() !== '') ?? 'version unknown';
  bench.used(line.includes(basename(command)) ? line.trim() : `${basename(command)} ${line.trim()}`);
}

/** A program of the Keylime that .ci/setup-keylime installs, of which the version is noted. */
export function keylimeProgram(name: string, bench: Bench): string | undefined {
  const environment = process.env['IMA_ASSAY_KEYLIME'];
  const program = environment === undefined ? undefined : join(environment, 'bin', name);
  if (environment === undefined || program === undefined || !isExecutable(program)) {
    bench.missing(
      'IMA_ASSAY_KEYLIME names no directory of .ci/setup-keylime: Keylime cannot be compared with',
    );
    return undefined;
  }
  const version = readdirSync(join(environment, 'lib'))
    .flatMap((python) => readdirSync(join(environment, 'lib', python, 'site-packages')))
    .find((file) => /^keylime-.*\.dist-info$/.test(file));
  bench.used(version?.replace(/\.dist-info$/, '') ?? 'keylime, version unknown');
  return program;
}

/** Compiles a C program of `peers/` against libcrypto. */
export function compilePeer(name: string, bench: Bench): string | undefined {
  const what = `${name}.c cannot be compared with`;
  const compiler = findProgram('cc', bench, what);
  if (compiler === undefined) return undefined;
  const program = join(bench.scratch, name);
  const source = join(root, 'bench/peers', `${name}.c`);
  const { status, stderr } = spawnSync(compiler, ['-O2', '-o', program, source, '-lcrypto'], {
    encoding: 'utf8',
  });
  if (status !== 0) {
    bench.missing(`cc with libcrypto's headers (libssl-dev): ${what}: ${stderr.split('\n')[0] ?? ''}`);
    return undefined;
  }
  noteVersion(bench, 'openssl', 'version');
  return program;
}
