import type { Argv } from 'yargs';
import type { Command, ParsedArguments } from '../command.ts';
import { exitCodes } from '../exit.ts';
import * as attach from './node/attach.ts';
import * as deploy from './node/deploy.ts';
import * as detach from './node/detach.ts';
import * as show from './node/show.ts';
import * as undeploy from './node/undeploy.ts';

/** `node`: bare metal nodes with an image, and their networks. */
export const command: Command = {
  usage: 'node',
  summary: 'Deploy bare metal nodes, attach them to networks, and undo both',
  subcommands: [deploy.command, attach.command, detach.command, undeploy.command, show.command],
  options: (yargs: Argv) => yargs.demandCommand(1, 'node deploy, attach, detach, undeploy or show?'),
  run: async (_parsed: ParsedArguments) => exitCodes.undecided,
};
