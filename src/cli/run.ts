import { createRequire } from 'node:module';
import type { Argv } from 'yargs';
import { packageVersion } from '../native/load.ts';
import { UsageError } from '../usage.ts';
import { fromSentinel, toSentinels } from './arguments.ts';
import type { Command, CommandContext, ParsedArguments } from './command.ts';
import * as attest from './commands/attest.ts';
import * as doctor from './commands/doctor.ts';
import * as extract from './commands/extract.ts';
import * as image from './commands/image.ts';
import * as inspect from './commands/inspect.ts';
import * as log from './commands/log.ts';
import * as node from './commands/node.ts';
import * as policy from './commands/policy.ts';
import * as server from './commands/server.ts';
import * as tenant from './commands/tenant.ts';
import * as verify from './commands/verify.ts';
import { exitCodes } from './exit.ts';

// yargs 17 through require: its ESM build breaks the help's lines within words. yargs 18 has an ESM build only, of some
// sixty modules, which doubled the time of every start.
const yargs: (args: readonly string[]) => Argv = createRequire(import.meta.url)('yargs');

const commands: readonly Command[] = [
  extract.command,
  inspect.command,
  verify.command,
  log.command,
  policy.command,
  image.command,
  server.command,
  attest.command,
  tenant.command,
  node.command,
  doctor.command,
];

const epilogue = [
  'Exit codes: 0 done or verified; 1 checked, and findings exist; 2 could not decide (usage, unreadable or',
  'malformed input); 3 a remote system refused or failed; 130 interrupted.',
].join('\n');

/**
 * Leaves yargs once a command is parsed. Behind a handler that returns yargs draws the whole help, in case it is
 * wanted later: that takes longer than hashing a small initramfs.
 */
class Chosen extends Error {
  readonly command: Command;
  readonly parsed: ParsedArguments;

  constructor(command: Command, parsed: ParsedArguments) {
    super(command.usage);
    this.command = command;
    this.parsed = parsed;
  }
}

/** Parses the arguments, runs one command and returns the exit code. */
export async function run(args: readonly string[], signal: AbortSignal): Promise<number> {
  const context: CommandContext = { signal };
  const parser = yargs(toSentinels(args))
    .scriptName('ima-assay')
    .locale('en')
    .usage('$0 COMMAND\n\nGolden digests from Linux images, for attesting machines with IMA and Keylime.')
    .parserConfiguration({
      'camel-case-expansion': false,
      'dot-notation': false,
      'duplicate-arguments-array': true,
      'greedy-arrays': false,
    })
    .strict()
    .recommendCommands()
    .demandCommand(1, 'a command is missing')
    .showHelpOnFail(false)
    .version(packageVersion())
    .alias('version', 'V')
    .alias('help', 'h')
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .epilogue(epilogue)
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      if (error !== undefined && message === null) throw error;
      throw new UsageError('ARGUMENT_INVALID', {
        problem: describeFailure(fromSentinel(message ?? 'wrong arguments'), args),
        hint: '`ima-assay --help` and `ima-assay COMMAND --help` tell more',
        cause: error,
      });
    });
  declare(parser, commands);
  try {
    await parser.parseAsync();
    return exitCodes.done;
  } catch (thrown) {
    if (thrown instanceof Chosen) return thrown.command.run(thrown.parsed, context);
    throw thrown;
  }
}

function declare(parser: Argv, declared: readonly Command[]): Argv {
  for (const command of declared) {
    const options = (yargs: Argv): Argv => declare(command.options(yargs), command.subcommands ?? []);
    parser.command(command.usage, command.summary, options, (parsed) => {
      throw new Chosen(command, parsed);
    });
  }
  return parser;
}

/** One line; and of an unknown command yargs only names what it would have understood. */
function describeFailure(message: string, args: readonly string[]): string {
  const line = message.trim().replace(/\s*\n\s*/g, ', ');
  const isGuess = line.startsWith('Did you mean');
  return isGuess ? `unknown command ${JSON.stringify(unknownWord(args))}. ${line}` : line;
}

/** The first word that is no command where one has to stand. */
function unknownWord(args: readonly string[]): string {
  let known = commands;
  for (const word of args.filter((arg) => !arg.startsWith('-'))) {
    const command = known.find(({ usage }) => usage.split(' ')[0] === word);
    if (command === undefined) return word;
    known = command.subcommands ?? [];
  }
  return args[0] ?? '';
}
