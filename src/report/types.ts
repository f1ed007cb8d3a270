/** What a finding is about: a closed set. */
export const findingCodes = [
  'NOT_LISTED',
  'DIGEST_MISMATCH',
  'ALGORITHM_MISMATCH',
  'TEMPLATE_HASH_MISMATCH',
  'VIOLATION',
  'SIGNATURE_INVALID',
  'SIGNATURE_KEY_UNKNOWN',
  'SIGNATURE_MALFORMED',
  'KEY_NOT_LISTED',
  'BUFFER_NOT_LISTED',
  'BUFFER_DIGEST_MISMATCH',
  'DEVICE_MAPPER',
  'UNEXPECTED_PCR',
  'PCR_MISMATCH',
  'QUOTE_INVALID',
  'NONCE_MISMATCH',
  'BOOT_AGGREGATE_MISMATCH',
  'ENTRY_MALFORMED',
  'TEMPLATE_UNKNOWN',
  'LIST_TRUNCATED',
  'DIGEST_MISSING',
] as const;

export type FindingCode = (typeof findingCodes)[number];

export type Verdict = 'pass' | 'fail';

/** Which rules decide: ours, or a Keylime verifier's with its quirks. */
export type Rules = 'strict' | 'keylime';

/** Something that nearly fits, for whoever has to find out why a thing does not. */
export interface NearMiss {
  /** How it is near, for example `same-digest-other-path`. */
  readonly kind: string;
  readonly path: string;
  /** `algorithm:hex`, where it helps. */
  readonly digest?: string;
  /** The policy or allowlist it is from. */
  readonly origin?: string;
}

/** One thing that is wrong. */
export interface Finding {
  /** In the list's order, from 1; absent for what concerns the list as a whole. */
  readonly entry?: number;
  readonly code: FindingCode;
  /** The name the entry measures, escaped for one line. */
  readonly path?: string;
  /** `algorithm:hex`, a PCR value, or what else was found. */
  readonly found?: string;
  readonly expected: readonly string[];
  /** One sentence on what is wrong. */
  readonly problem: string;
  /** What to do about it. */
  readonly hint: string;
  readonly near: readonly NearMiss[];
}

/** Where the two sets of rules disagree. */
export interface Difference {
  readonly entry?: number;
  readonly path?: string;
  /** The finding by our rules, or `null` where they accept. */
  readonly strict: FindingCode | null;
  /** Keylime's event id, or `null` where it accepts. */
  readonly keylime: string | null;
  readonly why: string;
}

/** One PCR: what the list replays to, and what the machine says. */
export interface PcrReport {
  /** `sha1`, `sha256`, `sha384`, `sha512` or `sm3_256`. */
  readonly bank: string;
  readonly index: number;
  /** The value after the covered entries, or after all of them where nothing is expected; lower-case hex. */
  readonly replayed: string;
  readonly expected: string | null;
  /** How many entries lead to the expected value; `null` if none do or nothing is expected. */
  readonly matchedEntries: number | null;
  /** How entries were extended: each bank its own hash, or SHA-1 padded with zeros (Linux before 5.8). */
  readonly extend: 'per-bank' | 'padded-sha1';
}

/** What became of a TPM quote. */
export interface QuoteReport {
  readonly status: 'verified' | 'failed' | 'not-given';
  /** Each check by name, in order. */
  readonly checks?: readonly QuoteCheck[];
  /** `BANK:INDEX` of each PCR that the quote covers. */
  readonly selection?: readonly string[];
}

export interface QuoteCheck {
  readonly name: string;
  readonly status: 'passed' | 'failed' | 'not-checked';
  readonly detail?: string;
}

/** What the measurement list is. */
export interface ListReport {
  readonly format: 'ascii' | 'binary';
  readonly entries: number;
  /** Entries by template. */
  readonly templates: Readonly<Record<string, number>>;
  readonly violations: number;
}

/** What a verdict is about, as the caller named it. */
export interface ReportSources {
  readonly list: readonly string[];
  readonly policies: readonly string[];
  readonly excludeLists: readonly string[];
  /** Files, and values given by themselves. */
  readonly pcrs: readonly string[];
  /** Keys of file signatures. */
  readonly keys: readonly string[];
  readonly quote: string | null;
  readonly eventLog: string | null;
}

/** The answer of `verify`: one report, many faces. `report.schema.json` of the package describes its JSON form. */
export interface Report {
  readonly schemaVersion: 1;
  /** `ima-assay` and its version. */
  readonly program: string;
  readonly sources: ReportSources;
  /** By the chosen rules. */
  readonly verdict: Verdict;
  readonly rules: Rules;
  readonly strictVerdict: Verdict;
  /** What a Keylime verifier would say. */
  readonly keylimeVerdict: Verdict;
  readonly differences: readonly Difference[];
  readonly list: ListReport;
  readonly pcrs: readonly PcrReport[];
  readonly quote: QuoteReport;
  readonly accepted: { readonly listed: number; readonly excluded: number; readonly signed: number };
  /** The first of them, in the list's order; see `findingCount`. */
  readonly findings: readonly Finding[];
  /** All of them, also those that `maxFindings` left out. */
  readonly findingCount: number;
  /** What was not checked, and why. */
  readonly unchecked: readonly string[];
}
