import type { Argv } from 'yargs';
import type { Command, ParsedArguments } from '../command.ts';
import { exitCodes } from '../exit.ts';
import * as build from './image/build.ts';
import * as compare from './image/compare.ts';
import * as overlay from './image/overlay.ts';
import * as upload from './image/upload.ts';

/** `image`: from elements and files to an image in the cloud. */
export const command: Command = {
  usage: 'image',
  summary: 'Build images, compare them with their lists, add files to an initramfs, upload images',
  subcommands: [build.command, compare.command, overlay.command, upload.command],
  options: (yargs: Argv) => yargs.demandCommand(1, 'image build, compare, overlay or upload?'),
  run: async (_parsed: ParsedArguments) => exitCodes.undecided,
};
