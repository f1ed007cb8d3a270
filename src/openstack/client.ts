import { z } from 'zod';
import { type ProgramResult, type RunProgram, runProgram } from '../process/program.ts';
import { RemoteError } from '../remote/error.ts';
import { failureOf } from './failure.ts';

/** Which cloud, and how its clients are run. */
export interface CloudOptions {
  /** A cloud of clouds.yaml. Default: what `OS_CLOUD` and the other `OS_*` variables say. */
  readonly cloud?: string | undefined;
  /** Time limit of a call that does not wait for anything. Default two minutes. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Runs the clients. Default {@link runProgram}. */
  readonly run?: RunProgram | undefined;
}

/** How one call differs from others. */
export interface CallOptions {
  readonly timeoutMs?: number;
  /** Whether this call goes on when the work around it is aborted: for what tidies up. */
  readonly isCleanUp?: boolean;
}

/** A client takes two to three seconds on an idle machine. */
const DEFAULT_TIMEOUT_MS = 120_000;

/** The official clients, asked for JSON. They find clouds.yaml and credentials by themselves: neither is read here. */
export interface Cloud {
  /**
   * Calls `openstack`.
   * @throws RemoteError, ProgramError, UsageError as the client's last line means it
   */
  readonly openstack: (args: readonly string[], options?: CallOptions) => Promise<string>;
  /** Calls `metalsmith`. As {@link Cloud.openstack}. */
  readonly metalsmith: (args: readonly string[], options?: CallOptions) => Promise<string>;
}

/** The clients of one cloud. */
export function openCloud(options: CloudOptions = {}): Cloud {
  const { cloud, timeoutMs = DEFAULT_TIMEOUT_MS, signal, run = runProgram } = options;
  const global = cloud === undefined ? [] : [`--os-cloud=${cloud}`];
  const call =
    (program: string, always: readonly string[]) =>
    async (args: readonly string[], own: CallOptions = {}): Promise<string> => {
      const result: ProgramResult = await run({
        program,
        args: [...global, ...always, ...args],
        timeoutMs: own.timeoutMs ?? timeoutMs,
        signal: own.isCleanUp === true ? undefined : signal,
        // Only the C locale's texts are known; what stands in clouds.yaml is left as it is.
        env: { LC_ALL: 'C.UTF-8', PYTHONWARNINGS: 'ignore' },
      });
      if (result.exitCode !== 0) throw failureOf(describe(program, args), result);
      return result.stdout;
    };
  return {
    openstack: call('openstack', []),
    // These options are global: behind the subcommand they are wrong usage.
    metalsmith: call('metalsmith', ['--format=json']),
  };
}

/** `openstack image create`: the words of a call up to its first option. */
function describe(program: string, args: readonly string[]): string {
  const end = args.findIndex((arg) => arg.startsWith('-'));
  return `\`${[program, ...args.slice(0, end === -1 ? 4 : Math.min(end, 4))].join(' ')}\``;
}

/**
 * Reads what a client printed.
 * @throws RemoteError `ANSWER_MALFORMED`
 */
export function readAnswer<Schema extends z.ZodType>(
  what: string,
  text: string,
  schema: Schema,
): z.infer<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new RemoteError('ANSWER_MALFORMED', {
      problem: `${what} gave no JSON but ${JSON.stringify(text.slice(0, 80))}`,
      cause,
    });
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new RemoteError('ANSWER_MALFORMED', {
      problem: `${what}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is not as documented'}`,
      hint: 'the client may be newer than what is known of it: please report its version',
      cause: parsed.error,
    });
  }
  return parsed.data;
}
