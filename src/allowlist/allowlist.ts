import type { Allowlist as NativeAllowlist, Writer } from '../native/binding.d.ts';
import { fromNative } from '../native/errors.ts';
import { loadAddon } from '../native/load.ts';
import type { Omission } from '../image/types.ts';
import { type PolicySettings, toPolicyArguments } from '../runtime-policy/settings.ts';

/** One digest of a path, from one origin. */
export interface AllowlistRow {
  /** As IMA spells it: blanks are underscores. What is no UTF-8 in it is replaced. */
  readonly path: string;
  /** The hash algorithm, by the kernel's name. */
  readonly algorithm: string;
  /** Lower-case hex. */
  readonly digest: string;
  /** The image or list it came from: an index into {@link Allowlist.origins}. */
  readonly origin: number;
}

/** How an allowlist is written. */
export type AllowlistFormat =
  | { readonly format: 'allowlist' }
  | { readonly format: 'json' }
  | { readonly format: 'mtree' }
  | { readonly format: 'runtime-policy'; readonly settings?: PolicySettings };

const ROWS_AT_ONCE = 4096;
const PIECE_BYTES = 1 << 18;

/** The handle of a list, for other parts of the library. */
export let nativeOf: (list: Allowlist) => NativeAllowlist;

/**
 * Digests by path, each with its origin; sorted bytewise by path. The rows stay in the native core: they are
 * read and written in pieces.
 */
export class Allowlist implements Iterable<AllowlistRow> {
  readonly #native: NativeAllowlist;

  static {
    nativeOf = (list) => list.#native;
  }

  /** Made by `extractAllowlist`, {@link Allowlist.parse} or {@link Allowlist.merge}. */
  constructor(native: NativeAllowlist) {
    this.#native = native;
  }

  /**
   * Reads a flat allowlist: the output of `sha256sum` and its kin.
   * @param origin - a name for where it is from
   * @throws AllowlistError `ALLOWLIST_LINE_MALFORMED` with the first such line, `ALLOWLIST_EMPTY`
   */
  static parse(text: Uint8Array | string, origin: string): Allowlist {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text;
    return new Allowlist(guard(() => loadAddon().Allowlist.parseFlat(bytes, origin)));
  }

  /** The union of several allowlists; a digest that several of them have keeps each origin. */
  static merge(lists: readonly Allowlist[]): Allowlist {
    return new Allowlist(guard(() => loadAddon().Allowlist.merge(lists.map((list) => list.#native))));
  }

  /** Number of rows. */
  get size(): number {
    return this.#native.rowCount;
  }

  /** Names of the images and lists the digests came from. */
  get origins(): readonly string[] {
    return this.#native.origins;
  }

  /** The rows, in order. */
  *[Symbol.iterator](): Generator<AllowlistRow> {
    for (let start = 0; start < this.size; start += ROWS_AT_ONCE) {
      const rows = this.#native.rows(start, ROWS_AT_ONCE);
      let at = 0;
      for (const [index, length] of rows.pathLengths.entries()) {
        yield {
          path: rows.paths.toString('utf8', at, (at += length)),
          algorithm: rows.algorithms[index] ?? '',
          digest: rows.digests[index] ?? '',
          origin: rows.origins[index] ?? 0,
        };
      }
    }
  }

  /**
   * Serialises the list.
   * @param keepGoing - leave out what the format cannot write; see {@link Serialisation.omitted}
   */
  serialise(
    format: AllowlistFormat,
    { keepGoing = false }: { readonly keepGoing?: boolean } = {},
  ): Serialisation {
    return new Serialisation(guard(() => this.#writer(format, keepGoing)));
  }

  #writer(format: AllowlistFormat, keepGoing: boolean): Writer {
    switch (format.format) {
      case 'allowlist':
        return this.#native.writeFlat(keepGoing);
      case 'json':
        return this.#native.writeJson(keepGoing);
      case 'mtree':
        return this.#native.writeMtree(keepGoing);
      case 'runtime-policy':
        return this.#native.writeRuntimePolicy(toPolicyArguments(format.settings ?? {}), keepGoing);
    }
  }
}

/** The text of an allowlist in some format, made piece by piece while it is iterated, once. */
export class Serialisation implements Iterable<Buffer> {
  readonly #writer: Writer;

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  /**
   * The pieces.
   * @throws AllowlistError `PATH_UNLISTABLE`, `DIGEST_UNLISTABLE` for what the format cannot write
   */
  *[Symbol.iterator](): Generator<Buffer> {
    for (;;) {
      const piece = guard(() => this.#writer.next(PIECE_BYTES));
      if (piece === null) return;
      yield piece;
    }
  }

  /** What was left out so far, with `keepGoing`. */
  get omitted(): readonly Omission[] {
    const omitted: readonly Omission[] = JSON.parse(this.#writer.omitted());
    return omitted;
  }
}

function guard<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw fromNative(error);
  }
}
