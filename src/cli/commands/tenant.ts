import type { Argv } from 'yargs';
import type { Command, ParsedArguments } from '../command.ts';
import { exitCodes } from '../exit.ts';
import * as add from './tenant/add.ts';
import * as remove from './tenant/delete.ts';
import * as list from './tenant/list.ts';
import * as status from './tenant/status.ts';
import * as wait from './tenant/wait.ts';

/** `tenant`: attestation of nodes by a Keylime verifier. */
export const command: Command = {
  usage: 'tenant',
  summary: 'Attest nodes with Keylime: add, watch, explain and delete them',
  subcommands: [add.command, status.command, wait.command, list.command, remove.command],
  options: (yargs: Argv) => yargs.demandCommand(1, 'tenant add, status, wait, list or delete?'),
  run: async (_parsed: ParsedArguments) => exitCodes.undecided,
};
