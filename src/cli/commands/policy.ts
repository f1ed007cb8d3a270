import type { Argv } from 'yargs';
import type { Command, ParsedArguments } from '../command.ts';
import { exitCodes } from '../exit.ts';
import * as check from './policy/check.ts';
import * as convert from './policy/convert.ts';
import * as create from './policy/create.ts';
import * as diff from './policy/diff.ts';
import * as explain from './policy/explain.ts';
import * as lint from './policy/lint.ts';
import * as merge from './policy/merge.ts';
import * as sign from './policy/sign.ts';
import * as update from './policy/update.ts';

/** `policy`: the life of a runtime policy. */
export const command: Command = {
  usage: 'policy',
  summary: 'Create, merge, compare, convert, lint, explain, update, sign or check runtime policies',
  subcommands: [
    create.command,
    merge.command,
    diff.command,
    convert.command,
    lint.command,
    explain.command,
    update.command,
    sign.command,
    check.command,
  ],
  options: (yargs: Argv) =>
    yargs.demandCommand(1, 'policy create, merge, diff, convert, lint, explain, update, sign or check?'),
  run: async (_parsed: ParsedArguments) => exitCodes.undecided,
};
