import type { AttestedAgent } from './verifier.ts';

/** What an attestation is worth. */
export type AttestationStanding = 'attested' | 'pending' | 'failed' | 'stopped';

/** The verifier's states, in its own words. */
const STATES = [
  'Registered',
  'Start',
  'Saved',
  'Get Quote',
  'Get Quote (retry)',
  'Provide V',
  'Provide V (retry)',
  'Failed',
  'Terminated',
  'Invalid Quote',
  'Tenant Quote Failed',
];

const GET_QUOTE = 3;
const FAILED = [7, 9, 10];
const TERMINATED = 8;

/** A state in words: `Get Quote`. */
export function describeState(state: number | undefined): string {
  return state === undefined ? 'Push' : (STATES[state] ?? `state ${state}`);
}

/** Whether an agent can be trusted now. Being asked for quotes is not enough: one of them must have passed. */
export function judge({ state, status, attestations }: AttestedAgent): AttestationStanding {
  if (state === undefined) {
    if (status === 'FAIL' || status === 'TIMEOUT') return 'failed';
    return status === 'PASS' && attestations > 0 ? 'attested' : 'pending';
  }
  if (FAILED.includes(state)) return 'failed';
  if (state === TERMINATED) return 'stopped';
  return state === GET_QUOTE && attestations > 0 ? 'attested' : 'pending';
}

/** What an event of the verifier means, and what to do. */
export interface EventMeaning {
  readonly says: string;
  readonly hint: string;
}

const VERIFY =
  'verify its measurement list with the same policy: `ima-assay verify LIST --policy FILE` names the entry';
const REBOOT =
  'the list and the TPM cannot be brought together again: reboot the node after finding out who changed what';

/** Events by how they begin; the first that fits wins. */
const EVENTS: readonly (readonly [prefix: RegExp, meaning: EventMeaning])[] = [
  [
    /^ima\..*\.not_in_allowlist$/,
    { says: 'the node used a file that its policy does not list', hint: VERIFY },
  ],
  [
    /^ima\..*\.runtime_policy_hash$/,
    { says: 'the node used a file whose content its policy does not list', hint: VERIFY },
  ],
  [/^ima\..*invalid_signature$/, { says: 'the signature of a file is not good', hint: VERIFY }],
  [/^ima\..*invalid_key$/, { says: 'a key was loaded that cannot be read', hint: VERIFY }],
  [
    /^ima\..*tomtou$/,
    {
      says: 'a file was changed while it was measured',
      hint: 'the kernel recorded a violation: see which file is written while it is in use',
    },
  ],
  [
    /^ima\.pcr_mismatch/,
    { says: 'the measurement list does not lead to the PCR in the quote', hint: REBOOT },
  ],
  [
    /^ima\.quote_progress/,
    { says: 'the list goes on, but the PCR in the quote does not follow it', hint: REBOOT },
  ],
  [/^ima\..*(?:parser|entry)/, { says: 'an entry of the measurement list cannot be read', hint: VERIFY }],
  [/^ima\./, { says: 'an entry of the measurement list is not as the policy wants it', hint: VERIFY }],
  [
    /^(?:pcr_validation|measured_boot)\./,
    {
      says: 'a PCR of the boot is not as the policy wants it',
      hint: 'firmware, boot loader or kernel changed: compare the event log with the reference',
    },
  ],
  // Keylime writes it so.
  [
    /^q(?:ou|uo)te_validation\.invalid_(?:hash|enc|sign)_alg/,
    {
      says: 'the TPM used an algorithm that is not accepted',
      hint: 'accept_tpm_…_algs of tenant.conf were stored when the agent was added',
    },
  ],
  [
    /^q(?:ou|uo)te_validation\./,
    {
      says: 'the quote is not good: not signed by the registered key, or not for this nonce',
      hint: 'restart the agent, so that it registers anew, and add it again',
    },
  ],
  [
    /^internal\..*not_reachable/,
    {
      says: 'the verifier did not reach the agent',
      hint: 'is the node up, the agent running, and its port open to the verifier? Then add it again',
    },
  ],
  [/^internal\./, { says: 'the agent answered the verifier with an error', hint: "look at the agent's log" }],
];

/** What an event means; a general word for one that is not known. */
export function explainEvent(event: string): EventMeaning {
  const [, meaning] = EVENTS.find(([prefix]) => prefix.test(event)) ?? [];
  return meaning ?? { says: 'the verifier gave a reason of its own', hint: "look at the verifier's log" };
}
