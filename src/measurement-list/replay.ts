import { loadAddon } from '../native/load.ts';
import { runNative, type WorkOptions } from '../native/work.ts';
import { requireLimits } from '../usage.ts';
import type { ListFault, ListLimits } from './types.ts';

/** How to replay a list. */
export interface ReplayOptions extends WorkOptions {
  /** Banks; default sha1, sha256, sha384, sha512, sm3_256. */
  readonly banks?: readonly string[] | undefined;
  /** The firmware's event log, `binary_bios_measurements`: a path. */
  readonly eventLog?: string | undefined;
  readonly limits?: ListLimits | undefined;
}

/** What a list replays to. */
export interface Replay {
  readonly entries: number;
  readonly violations: number;
  /** Each PCR that the list extends, in each bank. */
  readonly pcrs: readonly {
    readonly bank: string;
    readonly index: number;
    /** Lower-case hex; `null` if the template data of an entry is not known. */
    readonly value: string | null;
    /** That entry. */
    readonly unknownFrom?: number;
  }[];
  /** What the event log gives for the boot aggregate, and whether the first entry says the same. */
  readonly bootAggregates?: readonly {
    readonly bank: string;
    readonly lastPcr: number;
    readonly value: string;
    readonly isFirstEntry: boolean;
  }[];
  /** Entries with a wrong template hash; absent if there are none. */
  readonly mismatches?: number;
  /** The first of them. */
  readonly firstMismatch?: number;
  /** What could not be read; absent if there is nothing. */
  readonly faults?: { readonly count: number; readonly first: readonly ListFault[] };
}

/**
 * Replays a measurement list into PCRs, from their values at reset.
 *
 * @param sources - paths of the list's parts; `-` is standard input
 * @throws MeasurementListError, EvidenceError
 */
export async function replayMeasurementList(
  sources: readonly string[],
  { banks = [], eventLog, limits = {}, ...work }: ReplayOptions = {},
): Promise<Replay> {
  const names = sources.map((source) => Buffer.from(source));
  const log = eventLog === undefined ? null : Buffer.from(eventLog);
  const text = await runNative(
    (control) => loadAddon().replayList(names, [...banks], log, requireLimits(limits), control),
    work,
  );
  // The addon of this very version wrote it: its shape is known.
  const replay: Replay = JSON.parse(text);
  return replay;
}

/** What a list is made of, in numbers. */
export interface ListStats {
  readonly format: 'ascii' | 'binary' | 'kexec';
  /** The bank that the recorded template hashes are of. */
  readonly templateHash: string;
  readonly compression: string | null;
  readonly entries: number;
  readonly violations: number;
  readonly bootAggregates: number;
  readonly signatures: number;
  readonly buffers: number;
  readonly templates: Readonly<Record<string, number>>;
  readonly pcrs: Readonly<Record<string, number>>;
  /** Entries by the algorithm of the file digest. */
  readonly algorithms: Readonly<Record<string, number>>;
  /** Faults by code. */
  readonly faults: Readonly<Record<string, number>>;
}

/** Counts what a measurement list is made of. Throws as {@link replayMeasurementList}. */
export async function describeMeasurementList(
  sources: readonly string[],
  { limits = {}, ...work }: WorkOptions & { readonly limits?: ListLimits | undefined } = {},
): Promise<ListStats> {
  const names = sources.map((source) => Buffer.from(source));
  const text = await runNative(
    (control) => loadAddon().listStats(names, requireLimits(limits), control),
    work,
  );
  const stats: ListStats = JSON.parse(text);
  return stats;
}
