// Does to an ASCII list what no kernel does.

import type { Dice } from './dice.ts';

/** Damages a line or several, or how lines end. */
export function damage(dice: Dice, list: Buffer): Buffer {
  const lines = list.toString('latin1').split('\n').slice(0, -1);
  const times = 1 + dice.below(3);
  for (let time = 0; time < times; time += 1) {
    const index = dice.below(lines.length);
    lines.splice(index, 1, ...damageLine(dice, lines[index] ?? ''));
  }
  const end = dice.pick(['\n', '\n', '\n', '\n', '\n', '', '\n\n', '\r\n']);
  return Buffer.from(lines.join(dice.onceIn(20) ? '\r\n' : '\n') + end, 'latin1');
}

/** What becomes of a line: one line, none, or two. */
function damageLine(dice: Dice, line: string): readonly string[] {
  const columns = line.split(' ');
  const column = dice.below(columns.length);
  const at = dice.below(line.length + 1);
  const put = (index: number, text: string): readonly string[] => [columns.with(index, text).join(' ')];
  const own = columns[column] ?? '';
  const damages: readonly (() => readonly string[])[] = [
    () => put(0, dice.pick(['11', '010', ' 10', '9', '24', '-1', 'x', '', '10\t'])),
    () => put(Math.min(1, columns.length - 1), dice.pick(['f'.repeat(40), 'F'.repeat(40), '0'.repeat(40)])),
    () => put(Math.min(1, columns.length - 1), '0'.repeat(dice.pick([0, 38, 39, 64, 96, 128]))),
    () =>
      put(
        Math.min(2, columns.length - 1),
        dice.pick(['ima', 'ima-ng', 'ima-sig', 'ima-buf', 'ima-ngv2', '']),
      ),
    () => put(column, own.toUpperCase()),
    () => put(column, ''),
    () => put(column, `${own}\r`),
    () => put(column, `${own}\t`),
    () => put(column, `:${own}`),
    () => put(column, `${own}\xff`),
    () => put(column, `${own}\xc3\xa9`),
    () => put(column, own.replace(':', '')),
    () => put(column, own.replace(/^.*:/, '')),
    () => put(column, own.slice(1)),
    () => [columns.toSpliced(column, 0, '').join(' ')],
    () => [columns.toSpliced(column, 1).join(' ')],
    () => [line.slice(0, at)],
    () => [line.slice(at)],
    () => [line.slice(0, at), line.slice(at)],
    () => [
      line.slice(0, at) +
        dice.pick(['0', 'a', ':', '/', ' ', '\r', '\0', 'x', '\u0085']) +
        line.slice(at + 1),
    ],
    () => [`${line} `],
    () => [line.trimEnd()],
    () => ['', line],
    () => [line, line],
    () => [],
    () => ['free text'],
  ];
  return dice.pick(damages)();
}
