import { Allowlist, nativeOf, Serialisation } from '../allowlist/allowlist.ts';
import type { ListLimits } from '../measurement-list/types.ts';
import type { AdditionArguments, ComposedPolicy } from '../native/binding.d.ts';
import { fromNative } from '../native/errors.ts';
import { loadAddon } from '../native/load.ts';
import { runNative, type WorkOptions } from '../native/work.ts';
import { requireLimits, requireWholeNumber, UsageError } from '../usage.ts';

/** What a policy is made from. Files by their paths; `-` is standard input. */
export interface PolicySources {
  /** Digests of images, as `extractAllowlist` gives them. */
  readonly images?: readonly Allowlist[] | undefined;
  /** Runtime policies of any version, signed or not, and allowlists of any shape. */
  readonly policies?: readonly string[] | undefined;
  /** Measurement lists of machines that are as they should be. */
  readonly measurementLists?: readonly string[] | undefined;
  /** Single digests. */
  readonly additions?: readonly PolicyAddition[] | undefined;
  readonly excludeLists?: readonly string[] | undefined;
  /** Exclude patterns themselves. */
  readonly excludes?: readonly string[] | undefined;
  /** Keys of file signatures: PEM, DER, X.509, or a keyring of Keylime. */
  readonly keys?: readonly string[] | undefined;
  /** Keyrings that are not checked; `*` stands for all. */
  readonly ignoredKeyrings?: readonly string[] | undefined;
}

/** A digest to add. */
export interface PolicyAddition {
  readonly section: 'digests' | 'keyrings' | 'ima-buf';
  /** Path, keyring or buffer. */
  readonly name: Uint8Array | string;
  /** `ALGORITHM:HEX`. */
  readonly digest: string;
  /** Who asks for it. */
  readonly origin: string;
}

/** How to put a policy together. */
export interface ComposeOptions extends WorkOptions {
  /** Keys of which one must have signed each policy. None: policies are taken unsigned. */
  readonly policyKeys?: readonly string[] | undefined;
  /** Take an empty file for an allowlist without rows, as a shard may be. Default false: an error. */
  readonly allowEmpty?: boolean | undefined;
  /** What digests of its length are taken for, where a policy names no algorithm: `sm3_256`, for one. */
  readonly assumedAlgorithm?: string | undefined;
  /** What to take from measurement lists. Default: `digests` alone, of files and the boot. */
  readonly fromLists?: readonly ('digests' | 'keyrings' | 'ima-buf')[] | undefined;
  /** `ima.log_hash_alg`. Without it policies that differ in it are an error. */
  readonly logHashAlgorithm?: (typeof logHashAlgorithms)[number] | undefined;
  /** `release`. Without it policies that differ in it are an error. */
  readonly release?: number | undefined;
  /** Upper bounds on measurement lists. */
  readonly limits?: ListLimits | undefined;
}

/** The values of `ima.log_hash_alg` that Keylime takes. */
export const logHashAlgorithms = ['sha1', 'sha256', 'sha384', 'sha512'] as const;

/** The forms a policy can be written in. */
export const policyForms = [
  'runtime-policy',
  'upgraded-policy',
  'old-policy',
  'json-allowlist',
  'allowlist',
] as const;

/** How a policy is written. */
export interface PolicyWriteOptions {
  /** `meta.timestamp`. Default: the latest of the sources', if they have one. */
  readonly timestamp?: string | undefined;
  /** Leave out what the form has no place for; see {@link PolicySummary.beyondFlat}. Default false: an error. */
  readonly lossy?: boolean | undefined;
  /** Leave out paths that the form cannot write; see {@link Serialisation.omitted}. Default false: an error. */
  readonly keepGoing?: boolean | undefined;
  /** `ALGORITHM:` before each digest of a flat allowlist. Default false. */
  readonly prefixes?: boolean | undefined;
  /** Line breaks and backslashes of a flat allowlist escaped as coreutils do. Default false. */
  readonly escapes?: boolean | undefined;
}

/** What a policy holds, in numbers. */
export interface PolicySummary {
  /** Paths, and digests of them over all sources. */
  readonly paths: number;
  readonly digests: number;
  readonly keyrings: number;
  readonly imaBuf: number;
  readonly excludes: number;
  readonly ignoredKeyrings: readonly string[];
  /** Ids of keys, in hex. */
  readonly verificationKeys: readonly string[];
  /** Algorithms of the digests of files. */
  readonly algorithms: readonly string[];
  readonly logHashAlgorithm: string;
  readonly release: number;
  readonly timestamp: string | null;
  /** Whether a source was a policy of version 0. */
  readonly isUpgraded: boolean;
  /** What a flat allowlist has no place for, in words. */
  readonly beyondFlat: readonly string[];
  readonly origins: readonly PolicyOrigin[];
  /** What a person should know. */
  readonly notes: readonly PolicyNote[];
}

/** A source of a policy. */
export interface PolicyOrigin {
  readonly name: string;
  readonly kind: 'image' | 'policy' | 'measurement-list' | 'exclude-list' | 'keys' | 'request';
  /** What a policy turned out to be. */
  readonly shape: (typeof policyForms)[number] | null;
}

/** Something about a source that is no error. */
export interface PolicyNote {
  readonly code: string;
  readonly origin: string;
  readonly count: number;
  readonly text: string;
}

/** The handle of a policy, for other parts of the library. */
export let nativePolicyOf: (policy: RuntimePolicy) => ComposedPolicy;

/** A policy, complete: everything in it is sorted and unique. It stays in the native core, and is written in pieces. */
export class RuntimePolicy {
  readonly #native: ComposedPolicy;

  static {
    nativePolicyOf = (policy) => policy.#native;
  }

  /** Made by {@link composeRuntimePolicy}. */
  constructor(native: ComposedPolicy) {
    this.#native = native;
  }

  /** Counts, sources and notes. */
  get summary(): PolicySummary {
    const summary: PolicySummary = JSON.parse(this.#native.summary());
    return summary;
  }

  /** The digests of files, each with its origin. */
  get digests(): Allowlist {
    return new Allowlist(this.#native.allowlist());
  }

  /**
   * Serialises the policy.
   * @throws PolicyError `FORM_LOSSY` for what the form has no place for
   * @throws AllowlistError `PATH_UNLISTABLE`, `DIGEST_UNLISTABLE` for what it cannot write
   */
  serialise(
    form: (typeof policyForms)[number] = 'runtime-policy',
    options: PolicyWriteOptions = {},
  ): Serialisation {
    const { timestamp, lossy = false, keepGoing = false, prefixes = false, escapes = false } = options;
    const writing = { lossy, keepGoing, namesAlgorithms: prefixes, escapes };
    try {
      return new Serialisation(
        this.#native.write(form, timestamp === undefined ? writing : { ...writing, timestamp }),
      );
    } catch (error) {
      throw fromNative(error);
    }
  }

  /** Where everything comes from, as JSON: each digest with its source, each source with its patterns and keys. */
  provenance(): Serialisation {
    return new Serialisation(this.#native.provenance());
  }
}

/**
 * Puts one policy together from images, policies and allowlists of any age, measurement lists, exclude lists and
 * keys: their union. Neither order nor repetition matters for what is written.
 *
 * @throws PolicyError `POLICY_UNUSABLE` for what would be lost, `POLICY_CONFLICT` for settings that differ
 * @throws PolicyError, AllowlistError, ExcludeListError, MeasurementListError, EvidenceError: a source cannot be read
 * @throws UsageError `ARGUMENT_INVALID`
 */
export async function composeRuntimePolicy(
  sources: PolicySources,
  options: ComposeOptions = {},
): Promise<RuntimePolicy> {
  const wants = options.fromLists ?? ['digests'];
  const args = {
    policies: toNames(sources.policies),
    policyKeys: toNames(options.policyKeys),
    allowsEmpty: options.allowEmpty ?? false,
    lists: toNames(sources.measurementLists),
    listDigests: wants.includes('digests'),
    listKeyrings: wants.includes('keyrings'),
    listBuffers: wants.includes('ima-buf'),
    additions: (sources.additions ?? []).map(toAddition),
    excludeLists: toNames(sources.excludeLists),
    excludes: [...(sources.excludes ?? [])],
    keys: toNames(sources.keys),
    ignoredKeyrings: [...(sources.ignoredKeyrings ?? [])],
    ...(options.assumedAlgorithm === undefined ? {} : { assumedAlgorithm: options.assumedAlgorithm }),
    ...(options.logHashAlgorithm === undefined
      ? {}
      : { logHashAlgorithm: requireLogAlgorithm(options.logHashAlgorithm) }),
    ...(options.release === undefined ? {} : { release: requireWholeNumber('release', options.release) }),
  };
  const images = (sources.images ?? []).map(nativeOf);
  const limits = requireLimits(options.limits ?? {});
  return new RuntimePolicy(
    await runNative((control) => loadAddon().composePolicy(images, args, limits, control), options),
  );
}

/**
 * The union of policies and allowlists of any shape.
 * @throws as {@link composeRuntimePolicy}
 */
export async function mergeRuntimePolicies(
  policies: readonly string[],
  options: ComposeOptions = {},
): Promise<RuntimePolicy> {
  return composeRuntimePolicy({ policies }, options);
}

function toAddition({ section, name, digest, origin }: PolicyAddition): AdditionArguments {
  const [, algorithm, hex] = /^([^:]+):((?:[\da-f]{2})+)$/i.exec(digest) ?? [];
  if (algorithm === undefined || hex === undefined) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `a digest to add is ALGORITHM:HEX, not ${JSON.stringify(digest)}`,
    });
  }
  return { section, name: Buffer.from(name), algorithm, digest: Buffer.from(hex, 'hex'), origin };
}

function requireLogAlgorithm(name: string): string {
  if (!logHashAlgorithms.some((known) => known === name)) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `log_hash_alg must be ${logHashAlgorithms.join(', ')}, not ${JSON.stringify(name)}`,
    });
  }
  return name;
}

function toNames(paths: readonly string[] | undefined): Buffer[] {
  return (paths ?? []).map((path) => Buffer.from(path));
}
