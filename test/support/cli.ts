// Runs the built command line as a user does: another process, a fresh directory.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The built program. */
export const MAIN: string = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface CliResult {
  readonly stdout: string;
  /** For output that need not be UTF-8, such as an allowlist. */
  readonly stdoutBytes: Buffer;
  readonly stderr: string;
  /** The exit code, or `null` after a signal. */
  readonly code: number | null;
}

export interface CliOptions {
  /** Default: a new directory that is removed afterwards. */
  readonly cwd?: string;
  /** Standard input; default empty. */
  readonly input?: string | Uint8Array;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs `ima-assay ARGS…` to its end, whatever its exit code. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  if (options.cwd !== undefined) return run(args, options.cwd, options);
  const cwd = await mkdtemp(join(tmpdir(), 'ima-assay-'));
  try {
    return await run(args, cwd, options);
  } finally {
    await rm(cwd, { recursive: true });
  }
}

function run(args: readonly string[], cwd: string, { input = '', env = {} }: CliOptions): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...args], { cwd, env: { ...process.env, ...env } });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.stdin.on('error', () => undefined); // it may end before it has read everything
    child.stdin.end(input);
    child.on('error', reject);
    child.on('close', (code) => {
      const stdoutBytes = Buffer.concat(stdout);
      resolve({
        stdout: stdoutBytes.toString(),
        stdoutBytes,
        stderr: Buffer.concat(stderr).toString(),
        code,
      });
    });
  });
}
