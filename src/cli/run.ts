import { createRequire } from 'node:module';
import type { Argv } from 'yargs';
import { packageVersion } from '../native/load.ts';
import { UsageError } from '../usage.ts';
import { advise } from './advice.ts';
import { fromSentinel, toSentinels } from './arguments.ts';
import type { Command, CommandContext, ParsedArguments } from './command.ts';
import { exitCodes } from './exit.ts';
import { requireApart } from './outputs.ts';
import { withoutEmptyDefaults, withValueNames } from './value-names.ts';

// yargs 17 through require: its ESM build breaks the help's lines within words. yargs 18 has an ESM build only, of some
// sixty modules, which doubled the time of every start.
const yargs: (args: readonly string[]) => Argv = createRequire(import.meta.url)('yargs');

/** The commands by their names, each loaded only when it is needed: what others need would be most of the start. */
const loaders: Readonly<Record<string, () => Promise<{ readonly command: Command }>>> = {
  extract: () => import('./commands/extract.ts'),
  inspect: () => import('./commands/inspect.ts'),
  verify: () => import('./commands/verify.ts'),
  log: () => import('./commands/log.ts'),
  policy: () => import('./commands/policy.ts'),
  image: () => import('./commands/image.ts'),
  server: () => import('./commands/server.ts'),
  attest: () => import('./commands/attest.ts'),
  tenant: () => import('./commands/tenant.ts'),
  node: () => import('./commands/node.ts'),
  doctor: () => import('./commands/doctor.ts'),
};

/** The command that the arguments begin with, or all of them where it takes all to say what is wrong, or to help. */
async function loadCommands([first = '']: readonly string[]): Promise<readonly Command[]> {
  const load = Object.hasOwn(loaders, first) ? loaders[first] : undefined;
  const modules = await Promise.all(
    load === undefined ? Object.values(loaders).map((each) => each()) : [load()],
  );
  return modules.map(({ command }) => command);
}

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
  const commands = await loadCommands(args);
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
        problem: describeFailure(fromSentinel(message ?? 'wrong arguments'), args, commands),
        hint: '`ima-assay --help` and `ima-assay COMMAND --help` tell more',
        cause: error,
      });
    });
  declare(parser, commands, isHelp(args) ? withValueNames : (yargs) => yargs);
  try {
    await parser.parseAsync(toSentinels(args), {}, (_error, _parsed, help) => {
      if (help !== '') process.stdout.write(`${withoutEmptyDefaults(help)}\n`);
    });
    return exitCodes.done;
  } catch (thrown) {
    if (!(thrown instanceof Chosen)) throw thrown;
    const { command, parsed } = thrown;
    await requireApart(command, parsed);
    return command.run(parsed, context).catch(async (error: unknown) => {
      throw advise(error, command.hints ?? {}, await withValueNames(command.options(yargs([]))).getHelp());
    });
  }
}

/** Whether help is asked for: no value of an option looks so, and a file may be called so only behind `--`. */
function isHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end === -1 ? args.length : end).some((arg) => arg === '--help' || arg === '-h');
}

/** @param dress - what options look like */
function declare(parser: Argv, declared: readonly Command[], dress: (yargs: Argv) => Argv): Argv {
  for (const command of declared) {
    const options = (yargs: Argv): Argv =>
      declare(command.options(dress(yargs)), command.subcommands ?? [], dress);
    parser.command(command.usage, command.summary, options, (parsed) => {
      throw new Chosen(command, parsed);
    });
  }
  return parser;
}

/** One line; and of an unknown command yargs only names what it would have understood. */
function describeFailure(message: string, args: readonly string[], commands: readonly Command[]): string {
  const line = message.trim().replace(/\s*\n\s*/g, ', ');
  if (line.startsWith('Not enough non-option arguments')) return 'an argument is missing';
  const [, unknown] = /^Unknown arguments?: (.*)$/.exec(line) ?? [];
  if (unknown !== undefined) {
    const names = unknown.split(', ').map((name) => namedAs(name, args));
    return `unknown ${names[0]?.startsWith('-') === true ? 'option' : 'argument'} ${names.join(', ')}`;
  }
  const [, option, given, choices] =
    /^Invalid values:,.*Argument: (.*), Given: (.*), Choices: (.*)$/.exec(line) ?? [];
  if (option !== undefined) return `--${option} must be one of ${choices ?? ''}, not ${given ?? ''}`;
  const isGuess = line.startsWith('Did you mean');
  return isGuess ? `unknown command ${JSON.stringify(unknownWord(args, commands))}. ${line}` : line;
}

/** An unknown option or word, as it was written. */
function namedAs(name: string, args: readonly string[]): string {
  return args.find((arg) => arg.replace(/^--?/, '').split('=')[0] === name) ?? name;
}

/** The first word that is no command where one has to stand. */
function unknownWord(args: readonly string[], commands: readonly Command[]): string {
  let known = commands;
  for (const word of args.filter((arg) => !arg.startsWith('-'))) {
    const command = known.find(({ usage }) => usage.split(' ')[0] === word);
    if (command === undefined) return word;
    known = command.subcommands ?? [];
  }
  return args[0] ?? '';
}
