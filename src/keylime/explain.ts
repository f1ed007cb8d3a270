import type { Finding, FindingCode, Report } from '../report/types.ts';
import { verify } from '../verify/verify.ts';
import {
  describeState,
  type EventMeaning,
  explainEvent,
  judge,
  type AttestationStanding,
} from './attestation.ts';
import type { AttestedAgent } from './verifier.ts';

/** What is known of an attestation, in words. */
export interface AttestationReport {
  readonly id: string;
  readonly standing: AttestationStanding;
  /** `Get Quote`, `Invalid Quote`, … */
  readonly state: string;
  readonly attestations: number;
  readonly lastSuccess: Date | undefined;
  readonly event: (EventMeaning & { readonly id: string }) | undefined;
  /** What our own verification of the node's measurement list says, where it is at hand. */
  readonly ownReport: Report | undefined;
}

/** What a node's list is verified with. Paths of files. */
export interface OwnEvidence {
  /** The node's measurement list. */
  readonly list: string;
  readonly policies: readonly string[];
  readonly excludeLists?: readonly string[] | undefined;
  readonly keys?: readonly string[] | undefined;
}

/** Says what an agent's state means, and joins a failure with the entries of its list that cause it. */
export async function explainAttestation(
  agent: AttestedAgent,
  evidence: OwnEvidence | undefined,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<AttestationReport> {
  const standing = judge(agent);
  const isEvent = standing === 'failed' && agent.lastEvent !== undefined;
  return {
    id: agent.id,
    standing,
    state: describeState(agent.state),
    attestations: agent.attestations,
    lastSuccess: agent.lastSuccess,
    event:
      isEvent && agent.lastEvent !== undefined
        ? { id: agent.lastEvent, ...explainEvent(agent.lastEvent) }
        : undefined,
    ownReport: evidence === undefined ? undefined : await verify(evidence, { rules: 'keylime', signal }),
  };
}

/** The findings that can have caused the verifier's event: it stops at the first, and its list may be older than ours. */
export function findCauses({ event, ownReport }: AttestationReport): readonly Finding[] {
  if (event === undefined || ownReport === undefined) return [];
  const codes = CAUSES.find(([prefix]) => prefix.test(event.id))?.[1];
  const fitting = ownReport.findings.filter(({ code }) => codes === undefined || codes.includes(code));
  return fitting.length > 0 ? fitting : ownReport.findings;
}

const CAUSES: readonly (readonly [prefix: RegExp, codes: readonly FindingCode[]])[] = [
  [/\.not_in_allowlist$/, ['NOT_LISTED', 'BUFFER_NOT_LISTED', 'KEY_NOT_LISTED']],
  [/\.runtime_policy_hash$/, ['DIGEST_MISMATCH', 'ALGORITHM_MISMATCH', 'BOOT_AGGREGATE_MISMATCH']],
  [/invalid_signature$/, ['SIGNATURE_INVALID', 'SIGNATURE_KEY_UNKNOWN', 'SIGNATURE_MALFORMED']],
  [/tomtou$/, ['VIOLATION']],
];
