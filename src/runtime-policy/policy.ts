import type { LoadedPolicy } from '../native/binding.d.ts';
import { fromNative } from '../native/errors.ts';
import { loadAddon } from '../native/load.ts';
import { runNative, type WorkOptions } from '../native/work.ts';
import { requireWholeNumber } from '../usage.ts';

/** What a file turned out to be, told by its content. */
export type PolicyShape = 'runtime-policy' | 'old-runtime-policy' | 'json-allowlist' | 'flat-allowlist';

/** A part of a policy: files by path, keys by keyring, other buffers by name. */
export type PolicySection = 'digests' | 'keyrings' | 'ima-buf';

/** A digest that a policy lists for a name. */
export interface ListedDigest {
  /** By the kernel's name; taken from the length where the policy does not say. */
  readonly algorithm?: string;
  /** Lower-case hex. */
  readonly digest: string;
  /** The line of the name in the file, counted from 1. */
  readonly line: number;
}

/** A name that is nearly the one that was asked for. */
export interface NearName {
  /** How they differ: `usr-merge`, `sysroot`, … */
  readonly kind: string;
  /** Escaped for one line. */
  readonly name: string;
}

/** Something that is wrong with a policy that can be read all the same. */
export interface PolicyProblem {
  /** The kind, in `SCREAMING_SNAKE`. */
  readonly code: string;
  /** Whether a Keylime verifier refuses the policy for it. */
  readonly isRefused: boolean;
  /** Where, as `digests["/usr/bin/x"][0], line 12`. */
  readonly at: string;
  readonly problem: string;
}

/** How to load a policy. */
export interface LoadPolicyOptions extends WorkOptions {
  /** Files with keys of which one must have signed the policy. None: it is taken unsigned. */
  readonly keys?: readonly string[] | undefined;
}

const MAX_PROBLEMS = 1000;

/**
 * A runtime policy or an allowlist of any shape. It stays in the native core, where it takes about as much memory as
 * the file; verifications can share it.
 */
export class Policy {
  /** The name of the file, as it was given. */
  readonly origin: string;
  readonly #native: LoadedPolicy;

  /** Made by {@link loadPolicy}. */
  constructor(origin: string, native: LoadedPolicy) {
    this.origin = origin;
    this.#native = native;
  }

  get shape(): PolicyShape {
    return this.#native.shape;
  }

  /** Whether it came in a signed envelope. Its signatures were checked if keys were given. */
  get isSigned(): boolean {
    return this.#native.isSigned;
  }

  /** The exclude patterns, in their order. */
  get excludes(): readonly string[] {
    return this.#native.excludes;
  }

  /** Number of names in a section. */
  count(section: PolicySection = 'digests'): number {
    return this.#native.count(section);
  }

  /**
   * The digests that are listed for a name; none if it is not listed.
   * @param name - as it stands in a measurement list
   */
  listed(name: string | Uint8Array, section: PolicySection = 'digests'): readonly ListedDigest[] | undefined {
    const bytes =
      typeof name === 'string' ? Buffer.from(name) : Buffer.from(name.buffer, name.byteOffset, name.length);
    return guard(() => this.#native.listed(section, bytes)) ?? undefined;
  }

  /**
   * Paths, keyrings or buffers that are nearly this one and for which this digest is listed.
   * @param algorithm - by the kernel's name
   * @param digest - its bytes
   */
  near(
    name: Uint8Array,
    algorithm: string,
    digest: Uint8Array,
    section: PolicySection = 'digests',
  ): readonly NearName[] {
    return guard(() => this.#native.near(section, Buffer.from(name), algorithm, Buffer.from(digest)));
  }

  /**
   * What Keylime's schema and common sense say against it.
   * @param max - how many problems to list; all are counted
   */
  problems(max: number = MAX_PROBLEMS): {
    readonly problems: readonly PolicyProblem[];
    readonly total: number;
  } {
    return guard(() => this.#native.problems(requireWholeNumber('max', max)));
  }

  /** What the native core calls it: for this library alone. */
  static nativeOf(policy: Policy): LoadedPolicy {
    return policy.#native;
  }
}

/**
 * Reads a runtime policy, signed or not, an old one, a JSON allowlist or a flat one.
 *
 * @param file - a path; `-` is standard input
 * @throws PolicyError it is none, or none of the keys has signed it; EvidenceError it or a key cannot be read
 */
export async function loadPolicy(file: string, options: LoadPolicyOptions = {}): Promise<Policy> {
  const keys = (options.keys ?? []).map((key) => Buffer.from(key));
  const native = await runNative(
    (control) => loadAddon().loadPolicy(Buffer.from(file), keys, control),
    options,
  );
  return new Policy(file, native);
}

function guard<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw fromNative(error);
  }
}
