// Runtime policies for entries: right, wrong, incomplete, and of shapes that no schema allows.

import type { Dice } from './dice.ts';
import { EXCLUDES } from './excludes.ts';
import type { Signer } from './signers.ts';

/** Something measured, and where a policy lists it. */
export interface Subject {
  readonly section: 'digests' | 'keyrings' | 'ima-buf';
  readonly name: string;
  /** In hex. */
  readonly digest: string;
}

type Listing = Record<string, string[]>;

/** A policy for these; it lists some of them rightly. `bank` is that of the list's template hashes. */
export function makePolicy(
  dice: Dice,
  subjects: readonly Subject[],
  bank: string,
  signers: readonly Signer[],
): unknown {
  const listings = { digests: {}, keyrings: {}, 'ima-buf': {} };
  // Most policies are nearly right: else nothing but what is wrong first would be seen.
  const wrong = dice.pick([0, 0, 10, 4, 2]);
  for (const { section, name, digest } of subjects) {
    const isWrong = wrong > 0 && dice.onceIn(wrong);
    if (isWrong && dice.onceIn(2)) continue;
    const listing: Listing = listings[isWrong && dice.onceIn(6) ? dice.pick(SECTIONS) : section];
    (listing[name] ??= []).push(...(isWrong ? wrongDigests(dice, digest) : [digest]));
  }
  const excludes = dice.onceIn(3) ? Array.from({ length: 1 + dice.below(3) }, () => dice.pick(EXCLUDES)) : [];
  const settings: Record<string, unknown> = {
    ignored_keyrings: dice.pick([[], [], [], ['*'], ['.ima'], ['.evm', '.builtin_trusted_keys']]),
    log_hash_alg: dice.onceIn(15) ? dice.pick(['sha1', 'sha256', 'sha384', 'sha512']) : bank,
    dm_policy: null,
  };
  const policy: Record<string, unknown> = {
    meta: { version: 1, generator: dice.below(4) },
    release: 0,
    ...listings,
    excludes,
    ima: settings,
    'verification-keys': dice.onceIn(4) ? makeKeyring(dice, signers) : '',
  };
  // The older form, which Keylime's own tool converts.
  if (dice.onceIn(20) && Object.keys(listings.digests).length > 0) {
    const { digests, ...others } = policy;
    return { ...others, hashes: digests };
  }
  if (dice.onceIn(60)) delete settings[dice.pick(Object.keys(settings))];
  if (dice.onceIn(60)) delete policy[dice.pick([...SECTIONS, 'ima', 'excludes', 'release'])];
  return policy;
}

const SECTIONS = ['digests', 'keyrings', 'ima-buf'] as const;

/** What is listed for a name in place of its digest. */
function wrongDigests(dice: Dice, digest: string): readonly string[] {
  const other = digest.replace(/^./, (digit) => (digit === '0' ? '1' : '0'));
  return dice.pick([
    [other],
    [other, digest],
    [digest, digest],
    [digest.toUpperCase()],
    ['0'.repeat(64), other],
  ]);
}

/** Keylime's keyring, as the text that a policy has it in. */
function makeKeyring(dice: Dice, signers: readonly Signer[]): string {
  const chosen = dice.some(signers);
  const keyids = chosen.map(({ keyId }) => dice.pick([keyId, keyId, 0]));
  return JSON.stringify({
    meta: { version: 1 },
    pubkeys: chosen.map(({ spki }) => spki.toString('base64')),
    keyids,
  });
}
