// Verifying a long list against a large policy: against what a Keylime verifier runs for it, and against evmctl, which
// knows no policies. Keylime replays one bank and reads the ASCII form only, evmctl the binary form only; we replay two
// banks in both comparisons. The program reads the policy like Keylime's whole attestation; the library has it loaded,
// and is set beside `process_measurement_list` alone.

import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { type Cost, type Program, runProgram } from '../child.ts';
import { excludePatterns } from '../excludes.ts';
import {
  type Bench,
  type Budget,
  type Comparison,
  type Group,
  type Peer,
  type Row,
  compare,
} from '../harness.ts';
import { type Machine, makeMachine } from '../lists.ts';
import { findProgram, imaAssay, keylimeProgram, noteVersion, ownScript, root } from '../programs.ts';
import { formatMegabytes } from '../table.ts';

const PATHS = 100_000;
const LONG_LIST = 10_000_000;
const MIB = 1 << 20;
/** Keylime takes half a minute for each. */
const MAX_KEYLIME_ROUNDS = 3;

export const verify: Group = {
  name: 'verify',
  measure: async (bench) => {
    const machine = makeMachine('machine', PATHS, bench);
    const warmUp = makeMachine('warm-up', 100, bench);
    const policy = formatMegabytes(statSync(machine.policy).size);
    bench.used(
      `verify: ${machine.entries} ima-ng entries, ${PATHS} paths with two digests each, policy of ${policy}`,
    );
    return [
      ...againstKeylime(machine, warmUp, bench),
      ...againstEvmctl(machine, warmUp, bench),
      ...withAndWithoutExcludes(machine, bench),
      ...peaks(machine, warmUp, bench),
    ];
  },
};

function againstKeylime(machine: Machine, warmUp: Machine, bench: Bench): readonly Row[] {
  const python = keylimeProgram('python', bench);
  if (python === undefined) return [];
  const value = machine.pcrs.find(({ bank }) => bank === 'sha256')?.value ?? '';
  const few = { ...bench, rounds: Math.min(bench.rounds, MAX_KEYLIME_ROUNDS) };
  const rows = [
    { policy: machine.policy, what: '', atLeast: 150 },
    { policy: machine.policyWithExcludes, what: `, ${excludePatterns.length} excludes`, atLeast: 200 },
  ];
  return rows.flatMap(({ policy, what, atLeast }) => {
    const script = join(root, 'bench/peers/attest.py');
    const command = [python, '-W', 'ignore', script, machine.ascii, policy, value] as const;
    const budget: Budget = { by: 'cpu', atLeast };
    const whole: Peer = { program: { name: 'Keylime', command, readCost: readPart('whole') }, budget };
    const alone: Peer = {
      program: { name: 'process_measurement_list', command, readCost: readPart('alone') },
      budget,
    };
    return compareBoth({ machine, warmUp, list: machine.ascii, policy, what, whole, alone }, few);
  });
}

function againstEvmctl(machine: Machine, warmUp: Machine, bench: Bench): readonly Row[] {
  const evmctl = findProgram('evmctl', bench, 'replaying alone cannot be compared with');
  if (evmctl === undefined) return [];
  noteVersion(bench, evmctl, '--version');
  const banks = machine.pcrs.flatMap(({ bank, file }) => ['--pcrs', `${bank},${file}`]);
  const program: Program = {
    name: 'evmctl ima_measurement',
    // What it finds it says on standard error.
    command: ['bash', '-c', 'exec "$@" 2>&1', 'bash', evmctl, 'ima_measurement', ...banks, machine.binary],
  };
  const peer: Peer = { program, budget: { by: 'cpu', atLeast: 10 } };
  const { binary: list, policy } = machine;
  return compareBoth({ machine, warmUp, list, policy, what: ', binary', whole: peer, alone: peer }, bench);
}

interface Work {
  readonly machine: Machine;
  readonly warmUp: Machine;
  readonly list: string;
  readonly policy: string;
  readonly what: string;
  /** What is set beside the program. */
  readonly whole: Peer;
  /** What is set beside the library. */
  readonly alone: Peer;
}

/** The program and the library, each beside its peer. */
function compareBoth(
  { machine, warmUp, list, policy, what, whole, alone }: Work,
  bench: Bench,
): readonly Row[] {
  const evidence = (of: Machine, file: string): string =>
    JSON.stringify({ list: file, policies: [of === machine ? policy : of.policy], pcrValues: valuesOf(of) });
  const library: Program = {
    name: 'verify()',
    command: [...ownScript('library-verify'), evidence(machine, list), evidence(warmUp, warmUp.ascii)],
    readCost,
  };
  const work = `verify ${machine.entries} entries${what}`;
  const result = isPass(machine);
  const comparisons: readonly Comparison[] = [
    { work: `${work}: the program`, ours: ourProgram(machine, list, policy), peers: [whole], result },
    { work: `${work}: the library`, ours: library, peers: [alone], result },
  ];
  return comparisons.flatMap((comparison) => compare(comparison, bench));
}

function ourProgram(machine: Machine, list: string, policy: string): Program {
  return { name: 'ima-assay verify', command: [...imaAssay, ...verifyArguments(machine, list, policy)] };
}

function verifyArguments(machine: Machine, list: string, policy: string): readonly string[] {
  const pcrs = valuesOf(machine).flatMap((value) => ['--pcr', value]);
  return ['verify', list, '--policy', policy, ...pcrs, '--json', '--quiet'];
}

function valuesOf({ pcrs }: Machine): readonly string[] {
  return pcrs.map(({ bank, value }) => `${bank}:10=${value}`);
}

/** All have to say that the list passes; and that it leads to the PCR's value, which evmctl says in its own words. */
function isPass({ pcrs }: Machine): (output: string) => string {
  const value = pcrs.find(({ bank }) => bank === 'sha256')?.value ?? '';
  return (output) => {
    if (output.includes('Matched per TPM bank calculated digest(s).')) return `pass ${value}`;
    const passes = /"verdict": ?"pass"/.test(output) && output.includes(value);
    return passes ? `pass ${value}` : output;
  };
}

// A script of this directory printed it.
function readCost(output: string): Cost {
  const { cpuSeconds, elapsedSeconds }: Cost = JSON.parse(output);
  return { cpuSeconds, elapsedSeconds };
}

// So did `peers/attest.py`, with two costs.
function readPart(part: 'whole' | 'alone'): (output: string) => Cost {
  return (output) => {
    const costs: Record<typeof part, Cost> = JSON.parse(output);
    return costs[part];
  };
}

function withAndWithoutExcludes(machine: Machine, bench: Bench): readonly Row[] {
  const comparison: Comparison = {
    work: `verify ${machine.entries} entries, ${excludePatterns.length} excludes: the program`,
    ours: ourProgram(machine, machine.ascii, machine.policyWithExcludes),
    peers: [
      {
        program: { ...ourProgram(machine, machine.ascii, machine.policy), name: 'without excludes' },
        budget: { by: 'cpu', atMost: 2 },
      },
    ],
    result: isPass(machine),
  };
  return compare(comparison, bench);
}

function peaks(machine: Machine, warmUp: Machine, bench: Bench): readonly Row[] {
  const { size } = statSync(machine.policyWithExcludes);
  const excludes = join(bench.scratch, 'long-list.excludes');
  writeFileSync(excludes, '/var/lib/containers/.*\n');
  const ascii = verifyArguments(machine, machine.ascii, machine.policyWithExcludes);
  const banks = ['--bank', 'sha1', '--bank', 'sha256'];
  return [
    peak(`memory: verify ${machine.entries} entries`, ascii, 200 * MIB + 3 * size, bench),
    peak(
      `memory: verify ${LONG_LIST} entries`,
      ['verify', '-', '--policy', warmUp.policy, '--exclude-list', excludes, ...banks, '--json', '--quiet'],
      200 * MIB,
      { ...bench, rounds: 1 },
      [...ownScript('long-list'), String(LONG_LIST)],
    ),
  ];
}

/** The most memory that our program has at once; a producer writes its standard input. */
function peak(
  work: string,
  args: readonly string[],
  atMostBytes: number,
  bench: Bench,
  producer: readonly string[] = [],
): Row {
  bench.say(work);
  const file = join(bench.scratch, 'peak');
  const [node, script] = imaAssay;
  const [, preload] = ownScript('peak');
  const command = [node, '--import', pathToFileURL(preload).href, script, ...args] as const;
  const piped = [
    'bash',
    '-o',
    'pipefail',
    '-c',
    PIPE,
    String(producer.length),
    ...producer,
    ...command,
  ] as const;
  const bytes: number[] = [];
  for (let round = 0; round < bench.rounds; round += 1) {
    const program: Program = {
      name: 'ima-assay verify',
      command: producer.length === 0 ? command : piped,
      env: { PEAK_FILE: file },
    };
    const { output } = runProgram(program, bench.scratch);
    if (!/"verdict": ?"pass"/.test(readFileSync(output, 'utf8')))
      throw new Error(`${work}: it does not pass`);
    bytes.push(Number(readFileSync(file, 'utf8')));
  }
  const highest = Math.max(...bytes);
  return { kind: 'peak', work, bytes: highest, atMostBytes, holds: highest <= atMostBytes };
}

/** The first of the arguments, as many as `$0` says, are one program; what it writes is what the others read. */
const PIPE = '"${@:1:$0}" | "${@:$0+1}"';
