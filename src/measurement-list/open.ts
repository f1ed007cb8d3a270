import type { FilterArguments, ListFace, MeasurementList } from '../native/binding.d.ts';
import { fromNative } from '../native/errors.ts';
import { loadAddon } from '../native/load.ts';
import { runNative, type WorkOptions } from '../native/work.ts';
import { requireLimits, requireWholeNumber, UsageError } from '../usage.ts';
import type { Entry, EntryBatch, EntryFilter, ListFault, ListLimits } from './types.ts';

/** How to read a list. */
export interface OpenOptions extends WorkOptions {
  readonly filter?: EntryFilter | undefined;
  readonly limits?: ListLimits | undefined;
}

const BATCH_BYTES = 1 << 18;

/**
 * Reads a measurement list batch by batch, in memory that does not grow with it. The form is told by the bytes:
 * ASCII or binary, whose bank's file, gzip, xz or zstd. Several files are parts of one list, in order.
 *
 * @param sources - paths; `-` is standard input
 * @throws MeasurementListError, EvidenceError `EVIDENCE_UNREADABLE`, UsageError
 */
export async function* openMeasurementList(
  sources: readonly string[],
  options: OpenOptions = {},
): AsyncGenerator<EntryBatch> {
  for await (const { text, faults } of readPieces(sources, 'json', options)) {
    if (text.length + faults.length === 0) continue;
    const lines = text.toString('utf8').split('\n').slice(0, -1);
    // The addon of this very version wrote them: their shape is known.
    yield { entries: lines.map((line): Entry => JSON.parse(line)), faults };
  }
}

/** Whole entries in some form, and what stood between them. */
export interface ListText {
  readonly text: Buffer;
  readonly faults: readonly ListFault[];
  /** Entries that were read, wanted or not. */
  readonly entries: number;
  /** How many of those that are wanted have a wrong template hash, and the first of them. */
  readonly mismatches: number;
  readonly firstMismatch?: number;
}

/**
 * Writes a list anew, piece by piece: for people, as JSON lines, or in one of the kernel's forms.
 *
 * @param face - `ascii` and `binary` throw where the form cannot say what the list says
 * @param bank - in the kernel's forms, whose template hashes to write; those of the list if left out
 */
export async function* readPieces(
  sources: readonly string[],
  face: `${ListFace}`,
  { filter = {}, limits = {}, ...work }: OpenOptions,
  bank?: string,
): AsyncGenerator<ListText> {
  if (sources.length === 0)
    throw new UsageError('ARGUMENT_INVALID', { problem: 'no measurement list is given' });
  const names = sources.map((source) => Buffer.from(source));
  const list = await runNative(
    (control) => loadAddon().openList(names, requireLimits(limits), control),
    work,
  );
  const wanted = toFilter(filter);
  try {
    for (;;) {
      work.signal?.throwIfAborted();
      const piece = await next(list, face, bank, wanted);
      if (piece === null) return;
      const faults: readonly ListFault[] = JSON.parse(piece.faults);
      yield { ...piece, faults };
    }
  } finally {
    list.close();
  }
}

async function next(
  list: MeasurementList,
  face: `${ListFace}`,
  bank: string | undefined,
  filter: FilterArguments,
): ReturnType<MeasurementList['next']> {
  try {
    // It throws before there is a promise, too.
    return await list.next(face, bank ?? null, filter, BATCH_BYTES);
  } catch (error) {
    throw fromNative(error);
  }
}

function toFilter({ from, to, pcr, template, path, violations = false }: EntryFilter): FilterArguments {
  return {
    ...(from === undefined ? {} : { from: requireWholeNumber('from', from) }),
    ...(to === undefined ? {} : { to: requireWholeNumber('to', to) }),
    ...(pcr === undefined ? {} : { pcr: requireWholeNumber('pcr', pcr) }),
    ...(template === undefined ? {} : { template }),
    ...(path === undefined ? {} : { path: Buffer.from(path) }),
    violations,
  };
}
