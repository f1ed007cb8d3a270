import type { Finding, FindingCode, Report } from '../report/types.ts';
import type { PolicyAddition } from './compose.ts';
import type { Policy } from './policy.ts';

/** A digest that would settle findings of a report. */
export interface Proposal {
  readonly section: 'digests' | 'keyrings' | 'ima-buf';
  /** The path, keyring or buffer, escaped for one line. */
  readonly name: string;
  /** `algorithm:hex`. */
  readonly digest: string;
  /**
   * `known`: the policy lists the very content under another spelling of the path, so that nothing new is trusted.
   * `new`: someone has to know that this content belongs to the machine.
   */
  readonly kind: 'known' | 'new';
  readonly code: FindingCode;
  /** The first entry that needs it. */
  readonly entry: number | undefined;
  /** One sentence for whoever reviews it. */
  readonly reason: string;
}

/** A finding that no change of a policy should settle. */
export interface Withheld {
  readonly code: FindingCode;
  readonly entry: number | undefined;
  readonly name: string | undefined;
  readonly reason: string;
}

/** What to do about a report. */
export interface UpdatePlan {
  readonly proposals: readonly Proposal[];
  readonly withheld: readonly Withheld[];
  /** What a reviewer should know of the report itself. */
  readonly warnings: readonly string[];
}

/** After these the list itself says nothing: whoever altered it may have written the rest as well. */
const DISTRUST: ReadonlySet<FindingCode> = new Set([
  'TEMPLATE_HASH_MISMATCH',
  'PCR_MISMATCH',
  'QUOTE_INVALID',
  'NONCE_MISMATCH',
  'UNEXPECTED_PCR',
  'BUFFER_DIGEST_MISMATCH',
  'ENTRY_MALFORMED',
  'LIST_TRUNCATED',
]);

const SECTIONS: Readonly<Partial<Record<FindingCode, Proposal['section']>>> = {
  NOT_LISTED: 'digests',
  DIGEST_MISMATCH: 'digests',
  ALGORITHM_MISMATCH: 'digests',
  KEY_NOT_LISTED: 'keyrings',
  BUFFER_NOT_LISTED: 'ima-buf',
};

/** Spellings of one path, and what the list calls a file that was removed while it was open. */
const SAME_PATH: ReadonlySet<string> = new Set(['sysroot', 'usr-merge', 'relative', 'blank', 'deleted']);

const DIGEST = /^[a-z0-9_-]+:(?:[\da-f]{2}){16,64}$/;

const ALL_ZEROS = /^[^:]+:0+$/;

/**
 * Proposes the smallest change of a policy that settles the findings of a report: single digests, never a pattern.
 * Nothing is proposed from a list that cannot be trusted, nor for an entry that no PCR covers. What counts as known
 * the policy says, not the report, which may be of another policy or altered.
 */
export function proposeUpdate(report: Report, policy: Policy): UpdatePlan {
  const { findings, findingCount } = report;
  const distrusted = findings.find(({ code }) => DISTRUST.has(code));
  const covered = coveredEntries(report);
  const proposals = new Map<string, Proposal>();
  const withheld: Withheld[] = [];
  for (const finding of findings) {
    const answer = proposal(finding, policy, distrusted, covered);
    if (typeof answer === 'string') {
      withheld.push({ code: finding.code, entry: finding.entry, name: finding.path, reason: answer });
    } else {
      const key = `${answer.section} ${answer.digest} ${answer.name}`;
      if (!proposals.has(key)) proposals.set(key, answer);
    }
  }
  const warnings: string[] = [];
  if (policy.isSigned) {
    warnings.push('the policy is signed, and what is written is not: check it and sign it anew');
  }
  if (findingCount > findings.length) {
    warnings.push(
      `the report holds ${findings.length} of ${findingCount} findings: verify with a larger --max-findings`,
    );
  }
  if (covered === undefined && findings.length > 0) {
    warnings.push('nothing vouches for the list: neither PCR values nor a quote were checked against it');
  }
  return { proposals: [...proposals.values()], withheld, warnings };
}

/** The additions that a plan's proposals are, for `composeRuntimePolicy`. */
export function toAdditions(proposals: readonly Proposal[], origin: string): readonly PolicyAddition[] {
  return proposals.map(({ section, name, digest }) => ({
    section,
    name: unescapeName(name),
    digest,
    origin,
  }));
}

/** How many entries the PCRs cover; nothing if none were compared. */
function coveredEntries({ pcrs }: Report): number | undefined {
  const counts = pcrs.flatMap(({ matchedEntries }) => (matchedEntries === null ? [] : [matchedEntries]));
  return counts.length === 0 ? undefined : Math.max(...counts);
}

/** A proposal, or why there is none. */
function proposal(
  { code, entry, path, found, problem }: Finding,
  policy: Policy,
  distrusted: Finding | undefined,
  covered: number | undefined,
): Proposal | string {
  if (DISTRUST.has(code)) return `the list cannot be trusted: ${problem}`;
  if (distrusted !== undefined) return `the list cannot be trusted: ${distrusted.code}`;
  const section = SECTIONS[code];
  if (section === undefined) return `no policy settles it: ${problem}`;
  if (path === undefined || found === undefined || !DIGEST.test(found))
    return `there is no digest to list: ${problem}`;
  if (ALL_ZEROS.test(found)) return 'the digest is zero: the file could not be read when it was measured';
  if (covered !== undefined && entry !== undefined && entry > covered) {
    return `only the first ${covered} entries are covered by a PCR`;
  }
  const common = { section, name: path, digest: found, code, entry } as const;
  const [algorithm = '', hex = ''] = found.split(':');
  const near = policy.near(unescapeName(path), algorithm, Buffer.from(hex, 'hex'), section);
  const twin = near.find(({ kind }) => SAME_PATH.has(kind));
  if (twin !== undefined && section === 'digests') {
    return { ...common, kind: 'known', reason: `the same content is listed as ${twin.name} (${twin.kind})` };
  }
  const [moved] = near;
  return {
    ...common,
    kind: 'new',
    reason:
      moved === undefined
        ? `${problem}; find out where the content is from`
        : `the same content is listed as ${moved.name}, quite another path`,
  };
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '\\': '\\',
  "'": "'",
  '"': '"',
};

/** Undoes how reports show names on one line: backslash escapes, and bytes that are not UTF-8. */
function unescapeName(name: string): Buffer {
  const parts: Buffer[] = [];
  let rest = name;
  while (rest !== '') {
    const match = /^(?:\\x([\da-f]{2})|\\u\{([\da-f]{1,6})\}|\\(.)|([^\\]+))/s.exec(rest);
    if (match === null) break;
    const [whole, byte, code, escape, plain] = match;
    if (byte !== undefined) parts.push(Buffer.of(Number.parseInt(byte, 16)));
    else if (code !== undefined) parts.push(Buffer.from(String.fromCodePoint(Number.parseInt(code, 16))));
    else parts.push(Buffer.from(plain ?? ESCAPES[escape ?? ''] ?? whole));
    rest = rest.slice(whole.length);
  }
  return Buffer.concat(parts);
}
