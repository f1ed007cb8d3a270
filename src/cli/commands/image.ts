import type { Argv } from 'yargs';
import type { Command, ParsedArguments } from '../command.ts';
import { exitCodes } from '../exit.ts';
import * as overlay from './image/overlay.ts';
import * as upload from './image/upload.ts';

/** `image`: from what a node boots to an image in the cloud. */
export const command: Command = {
  usage: 'image',
  summary: 'Add files to an initramfs, upload images',
  subcommands: [overlay.command, upload.command],
  options: (yargs: Argv) => yargs.demandCommand(1, 'image overlay or upload?'),
  run: async (_parsed: ParsedArguments) => exitCodes.undecided,
};
