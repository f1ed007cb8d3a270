import { rm, stat } from 'node:fs/promises';
import { AssayError } from '../error.ts';
import { type Extraction, extractAllowlist } from '../image/extract.ts';
import type { ExtractOptions } from '../image/types.ts';
import { type RunProgram, runProgram } from '../process/program.ts';
import { type BuildPlan, filesOf } from './plan.ts';
import { stampOf, writeStamp } from './stamp.ts';

/** Why there is no image. */
export class BuildError extends AssayError<
  'BUILD_ELEMENT_UNKNOWN' | 'BUILD_NETWORK' | 'BUILD_PRIVILEGES' | 'BUILD_NO_SPACE' | 'BUILD_FAILED'
> {}

/** How to build. */
export interface BuildOptions {
  /** Keep what these choices built before, and only extract its allowlist. Default false. */
  readonly unlessBuilt?: boolean | undefined;
  /** Time limit. Default three hours. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with each line of the builder's log. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** Called as the builder enters a phase: `root.d`, `install.d`, … */
  readonly onPhase?: ((phase: BuildPhase) => void) | undefined;
  /** How to extract the allowlist. */
  readonly extract?: ExtractOptions | undefined;
  readonly run?: RunProgram | undefined;
}

/** Where a build is. */
export interface BuildPhase {
  readonly name: string;
  /** From 1. */
  readonly number: number;
  readonly count: number;
}

/** What was built. */
export interface Build {
  readonly did: 'built' | 'kept';
  readonly files: readonly string[];
  /** Of the ramdisk and the disk together. */
  readonly extraction: Extraction;
}

const DEFAULT_TIMEOUT_MS = 3 * 3_600_000;

/** The hooks of diskimage-builder, in the order in which they run; the last ones stand for the image's making. */
const phases = [
  'root',
  'extra-data',
  'pre-install',
  'install',
  'post-install',
  'post-root',
  'block-device',
  'pre-finalise',
  'finalise',
  'cleanup',
] as const;

/** What the last lines of a failed build mean. */
const failures = [
  {
    text: /MissingElementException: (.*)/,
    code: 'BUILD_ELEMENT_UNKNOWN',
    hint: 'the name is wrong, or its directory is not in --elements-path or ELEMENTS_PATH',
  },
  {
    text: /Could not resolve host|Temporary failure in name resolution|Failed to connect to|curl: \(\d+\)/,
    code: 'BUILD_NETWORK',
    hint: 'a build fetches packages and sources: it needs a network, or with --offline a filled cache',
  },
  {
    text: /sudo: |must be (?:run as )?root|Permission denied|Operation not permitted/,
    code: 'BUILD_PRIVILEGES',
    hint: 'a build mounts filesystems: run it as root, or as a user who may sudo without a password',
  },
  {
    text: /No space left on device/,
    code: 'BUILD_NO_SPACE',
    hint: 'a build takes several GiB in TMPDIR: name a larger one',
  },
] as const;

/** How many of the last lines are looked at. */
const LAST_LINES = 40;

/**
 * Runs disk-image-create, then extracts the allowlist of what it built.
 * @throws BuildError, ProgramError, ImageError; the signal's reason
 */
export async function applyImageBuild(plan: BuildPlan, options: BuildOptions = {}): Promise<Build> {
  const { signal, unlessBuilt = false } = options;
  const isKept = unlessBuilt && plan.isBuilt;
  const files = filesOf(plan);
  if (!isKept) {
    // A build that fails in the middle must not pass for the one before.
    await rm(stampOf(plan.name), { force: true });
    await runBuilder(plan, options);
    for (const file of files) await requireMade(file);
    await writeStamp(plan.name, plan, files);
  }
  const { ramdisk, disk } = plan.outputs;
  const images = [ramdisk, disk].filter((file) => file !== undefined);
  const extraction = await extractAllowlist(images, { ...options.extract, signal });
  return { did: isKept ? 'kept' : 'built', files, extraction };
}

async function runBuilder(plan: BuildPlan, options: BuildOptions): Promise<void> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, signal, onLine, onPhase, run = runProgram } = options;
  const last: string[] = [];
  let phase = 0;
  const { exitCode } = await run({
    program: plan.program,
    args: plan.args,
    env: plan.environment,
    timeoutMs,
    signal,
    onLine: (line) => {
      last.push(line);
      if (last.length > LAST_LINES) last.shift();
      const entered = enteredPhase(line);
      if (entered > phase) {
        phase = entered;
        onPhase?.({ name: `${phases[phase - 1] ?? ''}.d`, number: phase, count: phases.length });
      }
      onLine?.(line);
    },
  });
  if (exitCode !== 0) throw failureOf(exitCode, last);
}

/** `Running hooks from …/hooks/install.d`, or of one script `dib-run-parts Running …/install.d/10-x`. */
function enteredPhase(line: string): number {
  const name = /Running (?:hooks from )?\S*\/([a-z-]+)\.d(?:\/|$)/.exec(line)?.[1];
  return phases.findIndex((known) => known === name) + 1;
}

function failureOf(exitCode: number, last: readonly string[]): BuildError {
  const known = failures.find(({ text }) => last.some((line) => text.test(line)));
  const line = last.findLast((each) => known?.text.test(each)) ?? last.findLast((each) => each.trim() !== '');
  const reason = line === undefined ? 'it gave no reason' : line.trim().slice(0, 600);
  return new BuildError(known?.code ?? 'BUILD_FAILED', {
    problem: `disk-image-create failed: ${reason} (exit code ${exitCode})`,
    hint: known?.hint ?? 'its log tells what came before',
  });
}

async function requireMade(file: string): Promise<void> {
  const isThere = await stat(file).then(
    (found) => found.isFile() && found.size > 0,
    () => false,
  );
  if (!isThere) {
    throw new BuildError('BUILD_FAILED', {
      problem: `disk-image-create ended without an error and without ${file}`,
      hint: 'its log tells which files it made; an element may put them elsewhere',
    });
  }
}
