import { execa } from 'execa';
import { AssayError } from '../error.ts';

/** Why another program gave no answer at all. What it does answer is judged by those who called it. */
export class ProgramError extends AssayError<
  | 'PROGRAM_MISSING'
  | 'PROGRAM_NOT_STARTED'
  | 'PROGRAM_ENDED_EARLY'
  | 'PROGRAM_TIMED_OUT'
  | 'PROGRAM_OUTPUT_TOO_LARGE'
> {}

/** A call of another program. */
export interface ProgramCall {
  /** Its name, looked up in `PATH`, or its path. */
  readonly program: string;
  /** Passed as they are, without a shell. Never a secret: other users can read them. */
  readonly args: readonly string[];
  /** After this long the program and all it started are ended. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Added to our own environment, which the program always gets: clouds and credentials stand there. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly workingDirectory?: string | undefined;
  /** Called with each line that the program writes on either stream, as it comes. */
  readonly onLine?: ((line: string) => void) | undefined;
}

/** What a program answered. */
export interface ProgramResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program. A test or a plan can put another in its place. */
export type RunProgram = (call: ProgramCall) => Promise<ProgramResult>;

/** Between asking a program to end and ending it. */
const GRACE_MS = 5_000;

/** Characters kept of each stream: a list of thousands of nodes fits, a flood does not. */
const MAX_OUTPUT = 64 * 1024 * 1024;

/**
 * Runs a program to its end, whatever its exit code. It gets no standard input, since some clients of clouds upload
 * what they find there.
 * @throws ProgramError it is not there, does not start, takes too long, writes without end or is ended by a signal
 * @throws the signal's reason
 */
export const runProgram: RunProgram = async (call) => {
  const { program, args, timeoutMs, signal, env, workingDirectory, onLine } = call;
  signal?.throwIfAborted();
  const stream = onLine === undefined ? ('pipe' as const) : reporting(onLine);
  const child = execa(program, args, {
    stdin: 'ignore',
    stdout: stream,
    stderr: stream,
    reject: false,
    maxBuffer: MAX_OUTPUT,
    // A group of its own, so that what it started ends with it.
    detached: true,
    ...(env === undefined ? {} : { env }),
    ...(workingDirectory === undefined ? {} : { cwd: workingDirectory }),
  });
  const endGroup = groupEnder(child.pid);
  let isLate = false;
  const late = setTimeout(() => {
    isLate = true;
    endGroup();
  }, timeoutMs);
  signal?.addEventListener('abort', endGroup, { once: true });
  try {
    const result = await child;
    signal?.throwIfAborted();
    if (isLate) {
      throw new ProgramError('PROGRAM_TIMED_OUT', {
        problem: `${describeCall(call)} took longer than ${Math.round(timeoutMs / 1000)} s and was ended`,
        hint: 'what it began elsewhere may go on: look before it is tried again',
      });
    }
    return answer(call, result);
  } finally {
    clearTimeout(late);
    signal?.removeEventListener('abort', endGroup);
  }
};

/** Passes lines on as they come, and keeps them. */
function reporting(onLine: (line: string) => void): (line: unknown) => Generator<unknown> {
  return function* (line) {
    onLine(String(line));
    yield line;
  };
}

/** Ends a program with all it started: asks first, and after a while does not ask. */
function groupEnder(pid: number | undefined): () => void {
  const send = (signal: 'SIGTERM' | 'SIGKILL'): void => {
    try {
      if (pid !== undefined) process.kill(-pid, signal);
    } catch {
      // Nobody of the group is left.
    }
  };
  return () => {
    send('SIGTERM');
    setTimeout(() => send('SIGKILL'), GRACE_MS).unref();
  };
}

/** What is used of execa's result. */
interface Ended {
  readonly exitCode?: number | undefined;
  readonly stdout: unknown;
  readonly stderr: unknown;
  /** Of the operating system: why it did not start. */
  readonly code?: string | undefined;
  readonly signal?: string | undefined;
  readonly isMaxBuffer: boolean;
}

function answer(call: ProgramCall, result: Ended): ProgramResult {
  const { exitCode, stdout, stderr, code, signal, isMaxBuffer } = result;
  if (isMaxBuffer) {
    throw new ProgramError('PROGRAM_OUTPUT_TOO_LARGE', {
      problem: `${describeCall(call)} wrote more than ${MAX_OUTPUT} characters and was ended`,
    });
  }
  if (exitCode !== undefined) return { exitCode, stdout: String(stdout), stderr: String(stderr) };
  if (code === 'ENOENT') {
    throw new ProgramError('PROGRAM_MISSING', {
      problem: `${call.program} is not installed, or not in PATH`,
      hint: '`ima-assay doctor` tells which programs are missing, and how to get them',
    });
  }
  if (signal !== undefined) {
    throw new ProgramError('PROGRAM_ENDED_EARLY', {
      problem: `${describeCall(call)} was ended by ${signal}`,
    });
  }
  throw new ProgramError('PROGRAM_NOT_STARTED', {
    problem: `${call.program} cannot be started: ${code ?? 'for no known reason'}`,
    cause: result,
  });
}

/** The program and what it was asked for, short enough for one line. */
function describeCall({ program, args }: ProgramCall): string {
  const text = [program, ...args].join(' ');
  return `\`${text.length > 120 ? `${text.slice(0, 119)}…` : text}\``;
}
