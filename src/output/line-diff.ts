/** Lines shown around a change. */
const CONTEXT = 3;

/** A line that stays, goes or comes. */
interface Step {
  readonly mark: ' ' | '-' | '+';
  readonly line: string;
}

/**
 * How one text becomes another, line by line, in the unified form of `diff -u` without times.
 * @param before - nothing where there is no file yet
 * @returns nothing where both are the same
 */
export function drawLineDiff(name: string, before: string | undefined, after: string): string {
  if (before === after) return '';
  const steps = compare(split(before ?? ''), split(after));
  const shown = steps.map((_, index) =>
    steps.slice(Math.max(0, index - CONTEXT), index + CONTEXT + 1).some(({ mark }) => mark !== ' '),
  );
  const lines = [`--- ${before === undefined ? '/dev/null' : name}`, `+++ ${name}`];
  let [oldLine, newLine] = [1, 1];
  for (let index = 0; index < steps.length;) {
    const end = shown.indexOf(!shown[index], index);
    const part = steps.slice(index, end === -1 ? undefined : end);
    const removed = part.filter(({ mark }) => mark !== '+').length;
    const added = part.filter(({ mark }) => mark !== '-').length;
    if (shown[index] === true) {
      lines.push(`@@ -${range(oldLine, removed)} +${range(newLine, added)} @@`);
      lines.push(...part.map(({ mark, line }) => `${mark}${line}`));
    }
    oldLine += removed;
    newLine += added;
    index += part.length;
  }
  return `${lines.join('\n')}\n`;
}

function split(text: string): readonly string[] {
  const lines = text.split('\n');
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

/** An empty range names the line before it. */
function range(start: number, count: number): string {
  return `${count === 0 ? start - 1 : start},${count}`;
}

/** What both begin and end with stays; between these the longest common subsequence does. */
function compare(before: readonly string[], after: readonly string[]): readonly Step[] {
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && before[head] === after[head]) head += 1;
  let tail = 0;
  while (tail < shorter - head && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  const stay = (lines: readonly string[]): readonly Step[] => lines.map((line) => ({ mark: ' ', line }));
  return [
    ...stay(before.slice(0, head)),
    ...compareMiddle(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...stay(before.slice(before.length - tail)),
  ];
}

function compareMiddle(before: readonly string[], after: readonly string[]): readonly Step[] {
  // lengths[i][j]: of the longest common subsequence of what follows i and j.
  const lengths = Array.from({ length: before.length + 1 }, () => new Uint32Array(after.length + 1));
  const at = (i: number, j: number): number => lengths[i]?.[j] ?? 0;
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      const length = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
      lengths[i]?.fill(length, j, j + 1);
    }
  }
  const steps: Step[] = [];
  for (let [i, j] = [0, 0]; i < before.length || j < after.length;) {
    const old = before[i];
    const next = after[j];
    if (old !== undefined && old === next) {
      steps.push({ mark: ' ', line: old });
      i += 1;
      j += 1;
    } else if (old !== undefined && (next === undefined || at(i + 1, j) >= at(i, j + 1))) {
      steps.push({ mark: '-', line: old });
      i += 1;
    } else {
      steps.push({ mark: '+', line: next ?? '' });
      j += 1;
    }
  }
  return steps;
}
