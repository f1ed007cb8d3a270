import type { Argv } from 'yargs';
import type { Command, ParsedArguments } from '../command.ts';
import { exitCodes } from '../exit.ts';
import * as certs from './server/certs.ts';
import * as configure from './server/configure.ts';

/** `server`: a Keylime server's settings and certificates. */
export const command: Command = {
  usage: 'server',
  summary: "Write a Keylime server's settings, or collect the certificates of its clients",
  subcommands: [configure.command, certs.command],
  options: (yargs: Argv) => yargs.demandCommand(1, 'server configure or certs?'),
  run: async (_parsed: ParsedArguments) => exitCodes.undecided,
};
