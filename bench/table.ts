// The table, in Markdown that is also readable as it is.

import { type Budget, type Measure, type Ratio, type Row, costBy } from './harness.ts';

const HEAD = ['work', 'against', 'ours', 'theirs', 'ratio', 'spread', 'other', 'budget', 'holds'];

/** Times are in seconds: of the processor where the budget is about that, elapsed ones otherwise. */
export function drawTable(rows: readonly Row[]): string {
  const cells = [HEAD, ...rows.map(cellsOf)];
  const widths = HEAD.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  const draw = (line: readonly string[]): string =>
    `| ${widths.map((width, column) => (line[column] ?? '').padEnd(width)).join(' | ')} |\n`;
  const [head = HEAD, ...body] = cells;
  return [
    draw(head),
    `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|\n`,
    ...body.map(draw),
  ].join('');
}

function cellsOf(row: Row): readonly string[] {
  const holds = row.holds ? 'yes' : 'NO';
  if (row.kind === 'peak') {
    const budget = `≤ ${formatMegabytes(row.atMostBytes)}`;
    return [row.work, '', formatMegabytes(row.bytes), '', '', '', '', budget, holds];
  }
  const { work, against, budget, ratio, lowest, highest } = row;
  return [
    work,
    against,
    seconds(row.ours, budget.by),
    seconds(row.theirs, budget.by),
    `${digits(ratio)} ×`,
    `${digits(lowest)} – ${digits(highest)}`,
    other(row),
    drawBudget(budget),
    holds,
  ];
}

function seconds(cost: Ratio['ours'], by: Measure): string {
  const value = costBy(cost, by);
  return `${value < 1 ? value.toFixed(3) : value.toFixed(2)} s`;
}

/** The ratio by the other measure. */
function other({ budget, ratios }: Ratio): string {
  return budget.by === 'cpu' ? `elapsed ${digits(ratios.elapsed)} ×` : `CPU ${digits(ratios.cpu)} ×`;
}

function drawBudget(budget: Budget): string {
  const by = budget.by === 'cpu' ? 'CPU' : 'elapsed';
  return 'atLeast' in budget
    ? `≥ ${budget.atLeast} × as fast, ${by}`
    : `≤ ${budget.atMost} × the time, ${by}`;
}

function digits(value: number): string {
  return value < 10 ? value.toFixed(2) : value.toFixed(1);
}

/** A size in MB of 10⁶ bytes, or GB. */
export function formatMegabytes(bytes: number): string {
  const megabytes = bytes / 1e6;
  return megabytes < 1000 ? `${Math.round(megabytes)} MB` : `${(megabytes / 1000).toFixed(2)} GB`;
}
