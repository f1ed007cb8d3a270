/** A digest field: `d`, `d-ng`, `d-ngv2`, `d-modsig`. */
export interface FieldDigest {
  /** `ima` or `verity`, in `d-ngv2`. */
  readonly type?: string;
  /** The algorithm by the list's own name; absent where the list names none. */
  readonly algorithm?: string;
  /** Lower-case hex. */
  readonly digest: string;
}

/** One entry of a measurement list. Neither its PCR nor the name of its template is covered by a hash. */
export interface Entry {
  /** In the list's order, from 1. */
  readonly entry: number;
  readonly pcr: number;
  readonly template: string;
  /** As recorded, lower-case hex. */
  readonly templateHash: string;
  readonly violation: boolean;
  /**
   * By the kernel's ids. Names as text (and `"n-ng:bytes"` in hex beside one that is not UTF-8), owners and modes as
   * numbers, all else as hex; `null` for what the entry does not have.
   */
  readonly fields: Readonly<Record<string, FieldDigest | string | number | null>>;
  /** What is wrong with it, where it could be told from its neighbours nevertheless: a wrong template hash, for one. */
  readonly fault?: { readonly code: string; readonly message: string };
}

/** Something that is no entry and should have been one. */
export interface ListFault {
  readonly entry: number;
  readonly code: string;
  readonly problem: string;
  readonly offsetBytes: number;
  /** In the ASCII form, from 1. */
  readonly line?: number;
  readonly hint?: string;
}

/** Some entries, in order, and the faults among them. */
export interface EntryBatch {
  readonly entries: readonly Entry[];
  readonly faults: readonly ListFault[];
}

/** Which entries are wanted. What is left out does not matter. */
export interface EntryFilter {
  /** The first entry, from 1. */
  readonly from?: number | undefined;
  /** The last one. */
  readonly to?: number | undefined;
  readonly pcr?: number | undefined;
  readonly template?: string | undefined;
  /** What the name begins with. */
  readonly path?: string | undefined;
  /** Only violations. Default false. */
  readonly violations?: boolean | undefined;
}

/** Upper bounds on a list. One that is left out has the default named beside it. */
export interface ListLimits {
  /** Bytes of one entry: 1 MiB. */
  readonly maxEntryBytes?: number | undefined;
  /** Entries: 64 Mi. */
  readonly maxEntries?: number | undefined;
  /** Bytes a compressed list may unpack to: 64 GiB. */
  readonly maxUnpackedBytes?: number | undefined;
}
