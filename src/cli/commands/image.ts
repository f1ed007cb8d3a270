import type { Argv } from 'yargs';
import type { Command, ParsedArguments } from '../command.ts';
import { exitCodes } from '../exit.ts';
import * as overlay from './image/overlay.ts';

/** `image`: from what a node boots to an image in the cloud. */
export const command: Command = {
  usage: 'image',
  summary: 'Add files to an initramfs',
  subcommands: [overlay.command],
  options: (yargs: Argv) => yargs.demandCommand(1, 'image overlay?'),
  run: async (_parsed: ParsedArguments) => exitCodes.undecided,
};
