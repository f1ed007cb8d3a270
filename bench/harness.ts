// Sets one of our programs beside its peers: in one run, in turn, over several rounds.

import { readFileSync } from 'node:fs';

import { type Cost, type Program, runProgram } from './child.ts';

/** What is compared: `cpu` is user and system time, `elapsed` what a person waits for. */
export type Measure = 'cpu' | 'elapsed';

/** How many times faster than the peer we must be at least, or how many times its time we may take at most. */
export type Budget = { readonly by: Measure } & ({ readonly atLeast: number } | { readonly atMost: number });

export interface Peer {
  readonly program: Program;
  readonly budget: Budget;
}

export interface Comparison {
  /** What all of them do. */
  readonly work: string;
  readonly ours: Program;
  readonly peers: readonly Peer[];
  /** What the outputs of all must agree in; default: they are not looked at. */
  readonly result?: (output: string) => string;
}

/** We and one peer. The ratios are in the budget's terms. */
export interface Ratio {
  readonly kind: 'ratio';
  readonly work: string;
  readonly against: string;
  /** Medians. */
  readonly ours: Cost;
  readonly theirs: Cost;
  readonly budget: Budget;
  /** Median of the rounds' ratios by the budget's measure, and the extremes. */
  readonly ratio: number;
  readonly lowest: number;
  readonly highest: number;
  /** The same by each measure. */
  readonly ratios: Readonly<Record<Measure, number>>;
  readonly holds: boolean;
}

/** The most memory a program of ours had at once. */
export interface Peak {
  readonly kind: 'peak';
  readonly work: string;
  readonly bytes: number;
  readonly atMostBytes: number;
  readonly holds: boolean;
}

export type Row = Ratio | Peak;

/** What the rows' files are given. */
export interface Bench {
  /** A directory for inputs and outputs. */
  readonly scratch: string;
  readonly rounds: number;
  /** Tells the user what is going on. */
  readonly say: (text: string) => void;
  /** Takes note of what cannot be measured on this machine, and why. */
  readonly missing: (text: string) => void;
  /** Takes note of the version of a program that was used. */
  readonly used: (version: string) => void;
}

/** Some rows of the table. A file of `rows/` exports one. */
export interface Group {
  /** By which the user selects it. */
  readonly name: string;
  readonly measure: (bench: Bench) => Promise<readonly Row[]>;
}

/**
 * Runs all programs once to warm up, then in turn for as many rounds as the bench has.
 * @throws Error if a program fails, or its result is not that of the others
 */
export function compare({ work, ours, peers, result }: Comparison, bench: Bench): readonly Row[] {
  if (peers.length === 0) return [];
  const programs = [ours, ...peers.map(({ program }) => program)];
  bench.say(`${work}: ${programs.map(({ name }) => name).join(', ')}`);
  const results = programs.map((program) => {
    const { output } = runProgram(program, bench.scratch);
    return result?.(readFileSync(output, 'utf8'));
  });
  const odd = results.findIndex((each) => each !== results[0]);
  if (odd !== -1) throw new Error(`${work}: ${programs[odd]?.name} has another result than ${ours.name}`);
  if (results[0] === '') throw new Error(`${work}: there is no result`);

  const rounds: Cost[][] = [];
  for (let round = 0; round < bench.rounds; round += 1) {
    rounds.push(programs.map((program) => runProgram(program, bench.scratch)));
  }
  return peers.map(({ program, budget }, index) => {
    const pairs = rounds.flatMap(([first, ...others]) => {
      const other = others[index];
      return first === undefined || other === undefined ? [] : [{ ours: first, theirs: other }];
    });
    return toRatio(work, program.name, budget, pairs);
  });
}

interface Pair {
  readonly ours: Cost;
  readonly theirs: Cost;
}

function toRatio(work: string, against: string, budget: Budget, pairs: readonly Pair[]): Ratio {
  const ratios = { cpu: ratiosOf(pairs, 'cpu', budget), elapsed: ratiosOf(pairs, 'elapsed', budget) };
  const judged = ratios[budget.by];
  const ratio = median(judged);
  return {
    kind: 'ratio',
    work,
    against,
    ours: medianCost(pairs.map(({ ours }) => ours)),
    theirs: medianCost(pairs.map(({ theirs }) => theirs)),
    budget,
    ratio,
    lowest: Math.min(...judged),
    highest: Math.max(...judged),
    ratios: { cpu: median(ratios.cpu), elapsed: median(ratios.elapsed) },
    holds: 'atLeast' in budget ? ratio >= budget.atLeast : ratio <= budget.atMost,
  };
}

function ratiosOf(pairs: readonly Pair[], by: Measure, budget: Budget): readonly number[] {
  return pairs.map(({ ours, theirs }) => {
    const timesOurs = costBy(theirs, by) / costBy(ours, by);
    return 'atLeast' in budget ? timesOurs : 1 / timesOurs;
  });
}

/** A cost by one measure, in seconds. */
export function costBy({ cpuSeconds, elapsedSeconds }: Cost, by: Measure): number {
  return by === 'cpu' ? cpuSeconds : elapsedSeconds;
}

function medianCost(costs: readonly Cost[]): Cost {
  return {
    cpuSeconds: median(costs.map(({ cpuSeconds }) => cpuSeconds)),
    elapsedSeconds: median(costs.map(({ elapsedSeconds }) => elapsedSeconds)),
  };
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
  return (lower + upper) / 2;
}
