import type { Argv } from 'yargs';
import type { Command, ParsedArguments } from '../command.ts';
import { exitCodes } from '../exit.ts';
import * as apply from './attest/apply.ts';
import * as destroy from './attest/destroy.ts';
import * as plan from './attest/plan.ts';
import * as status from './attest/status.ts';

/** `attest`: images, machines and their attestation, declared once. */
export const command: Command = {
  usage: 'attest',
  summary: 'Plan, apply, look at or destroy what a plan declares: images, machines, their attestation',
  subcommands: [plan.command, apply.command, status.command, destroy.command],
  options: (yargs: Argv) => yargs.demandCommand(1, 'attest plan, apply, status or destroy?'),
  run: async (_parsed: ParsedArguments) => exitCodes.undecided,
};
