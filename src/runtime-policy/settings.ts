import type { PolicyArguments } from '../native/binding.d.ts';
import { UsageError } from '../usage.ts';

/** Everything in a Keylime runtime policy beside its digests. The defaults are those of an empty policy. */
export interface PolicySettings {
  /** `meta.timestamp`, in Keylime's shape `YYYY-MM-DD HH:MM:SS.ffffff`; see {@link formatTimestamp}. */
  readonly timestamp?: string | undefined;
  /** `release`: a number for the policy's author. Default 0. */
  readonly release?: number | undefined;
  /** `excludes`: Python patterns of paths that are not appraised. */
  readonly excludes?: readonly string[] | undefined;
  /** `keyrings`: lower-case hex digests of keys, by keyring. */
  readonly keyrings?: Readonly<Record<string, readonly string[]>> | undefined;
  /** `ima-buf`: lower-case hex digests of buffers, by name. */
  readonly imaBuf?: Readonly<Record<string, readonly string[]>> | undefined;
  /** `ima.ignored_keyrings`. */
  readonly ignoredKeyrings?: readonly string[] | undefined;
  /** `verification-keys`: an IMA keyring as JSON text. */
  readonly verificationKeys?: string | undefined;
}

/** A point in time as Keylime writes it, in UTC. */
export function formatTimestamp(time: Date): string {
  return `${time.toISOString().replace('T', ' ').slice(0, -1)}000`;
}

/** The settings as the native core takes them. */
export function toPolicyArguments(settings: PolicySettings): PolicyArguments {
  const release = settings.release ?? 0;
  if (!Number.isSafeInteger(release) || release < 0) {
    throw new UsageError('ARGUMENT_INVALID', { problem: `release must be a whole number, not ${release}` });
  }
  return {
    ...(settings.timestamp === undefined ? {} : { timestamp: settings.timestamp }),
    release,
    excludes: [...(settings.excludes ?? [])],
    keyrings: toPairs('keyrings', settings.keyrings ?? {}),
    imaBuf: toPairs('ima-buf', settings.imaBuf ?? {}),
    ignoredKeyrings: [...(settings.ignoredKeyrings ?? [])],
    verificationKeys: settings.verificationKeys ?? '',
  };
}

// Keylime's schema, as far as a digest is concerned.
const DIGEST = /^[0-9a-f]{40,128}$/;

function toPairs(key: string, sets: Readonly<Record<string, readonly string[]>>): [string, string][] {
  const pairs = Object.entries(sets).flatMap(([name, digests]) =>
    digests.map((digest): [string, string] => [name, digest]),
  );
  for (const [name, digest] of pairs) {
    if (!DIGEST.test(digest)) {
      throw new UsageError('ARGUMENT_INVALID', {
        problem: `${key} "${name}": ${JSON.stringify(digest)} is no digest`,
        hint: 'Keylime takes 40 to 128 lower-case hex digits',
      });
    }
  }
  return pairs;
}
