import type { Extraction } from '../image/extract.ts';
import type { ImageSummary } from '../image/types.ts';
import { describeSkips, escapeControls, formatBytes, plural } from './terminal.ts';

/** Says on standard error what images held, and what was left out on purpose. */
export function summarise({ sources }: Pick<Extraction, 'sources'>): void {
  for (const { name, files, bytes, skipped, notes } of sources) {
    const left = describeSkips(skipped);
    const skips = left === '' ? '' : `; skipped: ${left}`;
    process.stderr.write(
      `${escapeControls(name)}: ${plural(files, 'file')}, ${formatBytes(bytes)}${skips}\n`,
    );
    for (const note of notes.first.slice(0, MAX_SHOWN)) {
      process.stderr.write(`  note: ${escapeControls(note.text)} [${note.code}]\n`);
    }
    if (notes.count > MAX_SHOWN)
      process.stderr.write(`  and ${notes.count - MAX_SHOWN} notes more (--format json)\n`);
  }
}

const MAX_SHOWN = 20;

/** Says what could not be read. */
export function reportOmissions(sources: readonly ImageSummary[]): void {
  for (const { name, omitted } of sources) {
    for (const { problem, code } of omitted.first.slice(0, MAX_SHOWN)) {
      warn(`${name}: omitted: ${problem} [${code}]`);
    }
    if (omitted.count > MAX_SHOWN)
      warn(`${name}: ${omitted.count} omitted in all (--format json lists them)`);
  }
}

/** A line on standard error. */
export function warn(text: string): void {
  process.stderr.write(`ima-assay: ${escapeControls(text)}\n`);
}
