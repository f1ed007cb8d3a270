import type { Argv } from 'yargs';

/** What every command is given beside its arguments. */
export interface CommandContext {
  /** Aborted when the user interrupts. */
  readonly signal: AbortSignal;
}

/** The arguments as yargs parsed them: untyped until a command has read them. */
export type ParsedArguments = Readonly<Record<string, unknown>>;

/** One command. A file of `commands/` exports one. */
export interface Command {
  /** Name and positionals, in yargs' notation. */
  readonly usage: string;
  readonly summary: string;
  /** Commands inside it, one of which is chosen. */
  readonly subcommands?: readonly Command[];
  /** Declares options and examples: all help is made from them. */
  readonly options: (yargs: Argv) => Argv;
  /** Options that name files it writes. Default: `output`. */
  readonly writes?: readonly string[];
  /** What it reads that may be written over, since the new version of it is what comes out. Default: nothing. */
  readonly mayReplace?: readonly string[];
  /** By the code of an error, what to do about it here, where its own hint is for another command. */
  readonly hints?: Readonly<Record<string, string>>;
  /** Does the work and returns the exit code. */
  readonly run: (parsed: ParsedArguments, context: CommandContext) => Promise<number>;
}
