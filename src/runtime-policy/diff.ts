import { fromNative } from '../native/errors.ts';
import { loadAddon } from '../native/load.ts';
import { nativePolicyOf, type RuntimePolicy } from './compose.ts';

/** A name whose digests differ. */
export interface NameDifference {
  readonly section: 'digests' | 'keyrings' | 'ima-buf';
  /** The path, keyring or buffer. What is no UTF-8 in it is replaced. */
  readonly name: string;
  /** Its bytes in hex, where it is not UTF-8. */
  readonly 'name:bytes'?: string;
  readonly change: 'added' | 'removed' | 'changed';
  /** Digests that only the left, or only the right one lists for it, in lower-case hex. */
  readonly removed: readonly string[];
  readonly added: readonly string[];
}

/** A setting that differs, or an item of a list that only one has. */
export interface SettingDifference {
  /** The key, as `ima.log_hash_alg`. */
  readonly key: string;
  readonly removed: string | null;
  readonly added: string | null;
}

/** What differs between two policies. Timestamps and generators do not count. */
export interface PolicyDifferences {
  readonly schemaVersion: 1;
  readonly isSame: boolean;
  readonly counts: {
    readonly added: number;
    readonly removed: number;
    readonly changed: number;
    readonly settings: number;
  };
  readonly names: readonly NameDifference[];
  readonly settings: readonly SettingDifference[];
}

/** How to compare. */
export interface DiffOptions {
  /**
   * Compare digests of files alone, and for a path that both have only those of algorithms that both have: for
   * what was extracted from an image. Default false.
   */
  readonly filesOnly?: boolean | undefined;
}

/** Compares two policies. */
export async function diffRuntimePolicies(
  left: RuntimePolicy,
  right: RuntimePolicy,
  options: DiffOptions = {},
): Promise<PolicyDifferences> {
  const { text } = await drawDifferences(
    { policy: left, name: '' },
    { policy: right, name: '' },
    'json',
    options,
  );
  const differences: PolicyDifferences = JSON.parse(Buffer.from(text).toString());
  return differences;
}

/** A policy and what it is called. */
export interface NamedPolicy {
  readonly policy: RuntimePolicy;
  readonly name: string;
}

/** Compares two policies and shows what differs: lines with `+` and `-`, or JSON as {@link PolicyDifferences}. */
export async function drawDifferences(
  left: NamedPolicy,
  right: NamedPolicy,
  face: 'text' | 'coloured' | 'json',
  { filesOnly = false }: DiffOptions = {},
): Promise<{ readonly isSame: boolean; readonly text: Uint8Array }> {
  return loadAddon()
    .comparePolicies(
      nativePolicyOf(left.policy),
      left.name,
      nativePolicyOf(right.policy),
      right.name,
      filesOnly,
      face,
    )
    .catch((error: unknown) => {
      throw fromNative(error);
    });
}
