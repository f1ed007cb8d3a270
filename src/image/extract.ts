import { Allowlist } from '../allowlist/allowlist.ts';
import { loadAddon } from '../native/load.ts';
import { runNative } from '../native/work.ts';
import { UsageError } from '../usage.ts';
import { toArguments } from './arguments.ts';
import type { ExtractOptions, ImageSummary } from './types.ts';

/** What came out of one or more images. */
export interface Extraction {
  readonly allowlist: Allowlist;
  /** One for each image, in the order given. */
  readonly sources: readonly ImageSummary[];
  /** Files that could not be read, over all images; 0 unless `keepGoing`. */
  readonly omittedCount: number;
}

/**
 * Extracts one allowlist from several images: initramfs files, UKIs, directory trees. Formats are told by
 * content. Nothing is mounted, booted or written, and no other program is run.
 *
 * @param sources - paths; `-` is standard input
 * @throws ImageError if an image cannot be read as a whole, unless `keepGoing` and the rest can be
 * @throws UsageError `ARGUMENT_INVALID`
 * @throws the signal's reason, if it was aborted
 */
export async function extractAllowlist(
  sources: readonly string[],
  options: ExtractOptions = {},
): Promise<Extraction> {
  if (sources.length === 0) {
    throw new UsageError('ARGUMENT_INVALID', { problem: 'no image is given' });
  }
  const names = sources.map((source) => Buffer.from(source));
  const args = toArguments(options);
  const extraction = await runNative((control) => loadAddon().extract(names, args, control), options);
  const summaries = parseSummaries(extraction.sources());
  return {
    allowlist: new Allowlist(extraction.allowlist()),
    sources: summaries,
    omittedCount: summaries.reduce((sum, { omitted }) => sum + omitted.count, 0),
  };
}

/**
 * Says what an image is made of: its layers, with counts and sizes. No file of it is hashed.
 *
 * @param source - a path; `-` is standard input
 * @throws ImageError, UsageError as {@link extractAllowlist}
 */
export async function inspectImage(source: string, options: ExtractOptions = {}): Promise<ImageSummary> {
  const args = toArguments(options);
  const summary = await runNative(
    (control) => loadAddon().inspect(Buffer.from(source), args, control),
    options,
  );
  return parseSummary(summary);
}

// The addon of this very version wrote the text: its shape is known.
function parseSummaries(text: string): readonly ImageSummary[] {
  const summaries: readonly ImageSummary[] = JSON.parse(text);
  return summaries;
}

function parseSummary(text: string): ImageSummary {
  const summary: ImageSummary = JSON.parse(text);
  return summary;
}
