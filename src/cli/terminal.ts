/** Escapes control characters, so that a hostile name cannot drive a terminal or forge a line. */
export function escapeControls(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`,
  );
}

/** Whether to colour what goes to a stream. */
export function hasColours(stream: { readonly isTTY?: boolean }): boolean {
  return stream.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';
}

/** A number of bytes for a person: `1.4 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return bytes === 1 ? '1 byte' : `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? ''}`;
}

/** A count with thin separators: `67 949`. */
export function formatCount(count: number): string {
  return count.toString().replace(/\B(?=(?:\d{3})+$)/g, ' ');
}

/** `1 file`, `2 files`, `3 directories`. */
export function plural(count: number, noun: string): string {
  const [first = '', ...rest] = noun.split(' of ');
  const many = [`${first.replace(/y$/, 'ie')}s`, ...rest].join(' of ');
  return `${formatCount(count)} ${count === 1 ? noun : many}`;
}

/** What was left out on purpose, in words: `3 symlinks, 1 special file`. */
export function describeSkips(skipped: Readonly<Record<string, number>>): string {
  return Object.entries(skipped)
    .map(([reason, count]) => plural(count, SKIP_NOUNS[reason] ?? reason.replace(/s$/, '')))
    .join(', ');
}

const SKIP_NOUNS: Readonly<Record<string, string>> = {
  owners: 'file of another owner',
  special: 'special file',
  shards: 'file of another shard',
};
