import type { ListLimits } from '../measurement-list/types.ts';
import type { LoadedPolicy, QuoteArguments } from '../native/binding.d.ts';
import { loadAddon, packageVersion } from '../native/load.ts';
import { runNative, type WorkOptions } from '../native/work.ts';
import type { Report, ReportSources, Rules } from '../report/types.ts';
import { loadPolicy, Policy } from '../runtime-policy/policy.ts';
import { requireLimits, UsageError } from '../usage.ts';

/** A quote, in files. */
export type QuoteEvidence = {
  /** The attestation key: PEM, DER, X.509, TPM2B_PUBLIC or TPMT_PUBLIC. */
  readonly key: string;
  /** The nonce that was asked with. Without it nothing shows that the quote is fresh. */
  readonly nonce?: Uint8Array | undefined;
  /** Accept a signature over SHA-1. Default false. */
  readonly allowSha1?: boolean | undefined;
} & (
  | { readonly message: string; readonly signature: string }
  /** Keylime's quote string, or an agent's JSON answer. */
  | { readonly keylime: string }
);

/** Everything that is known of a machine, and what it should be like. Paths of files; `-` is standard input. */
export interface Evidence {
  /** The measurement list, or its parts in order. */
  readonly list: string | readonly string[];
  /** Runtime policies and allowlists of any shape: files, or what {@link loadPolicy} made of them. */
  readonly policies?: readonly (string | Policy)[] | undefined;
  /** Keys of which one must have signed each policy that is a file. None: they are taken unsigned. */
  readonly policyKeys?: readonly string[] | undefined;
  readonly excludeLists?: readonly string[] | undefined;
  /** Files with PCR values, in any of the forms in use. */
  readonly pcrFiles?: readonly string[] | undefined;
  /** PCR values, `BANK:INDEX=HEX`. */
  readonly pcrValues?: readonly string[] | undefined;
  readonly quote?: QuoteEvidence | undefined;
  /** Keys of file signatures: PEM, DER, X.509, or Keylime's keyring. */
  readonly keys?: readonly string[] | undefined;
  /** The firmware's event log, `binary_bios_measurements`. */
  readonly eventLog?: string | undefined;
}

/** How to verify. */
export interface VerifyOptions extends WorkOptions {
  /** Default `strict`. */
  readonly rules?: Rules | undefined;
  /** Findings, and differences, that the report holds; all are counted. Default 1000. */
  readonly maxFindings?: number | undefined;
  /** PCRs that entries may be extended into. Default 10 alone. */
  readonly pcrs?: readonly number[] | undefined;
  /** Banks to replay. Default: those with an expected or quoted value. */
  readonly banks?: readonly string[] | undefined;
  /** Let violations pass by the strict rules. Default false. */
  readonly allowViolations?: boolean | undefined;
  /** Let buffers that no policy lists pass by the strict rules. Default false. */
  readonly allowBuffers?: boolean | undefined;
  readonly limits?: ListLimits | undefined;
}

const MAX_FINDINGS = 1000;

/**
 * Verifies a measurement list against policies, PCR values, a quote and keys. The list is read once, as a stream.
 *
 * @returns a report with every finding: that something is wrong is no error
 * @throws MeasurementListError, PolicyError, ExcludeListError, EvidenceError, UsageError: nothing can be said
 */
export async function verify(evidence: Evidence, options: VerifyOptions = {}): Promise<Report> {
  const list = typeof evidence.list === 'string' ? [evidence.list] : evidence.list;
  if (list.length === 0)
    throw new UsageError('ARGUMENT_INVALID', { problem: 'no measurement list is given' });
  const files = {
    list: toNames(list),
    excludeLists: toNames(evidence.excludeLists),
    pcrFiles: toNames(evidence.pcrFiles),
    pcrValues: [...(evidence.pcrValues ?? [])],
    keys: toNames(evidence.keys),
    ...(evidence.quote === undefined ? {} : { quote: toQuote(evidence.quote) }),
    ...(evidence.eventLog === undefined ? {} : { eventLog: Buffer.from(evidence.eventLog) }),
  };
  const args = {
    keylimeRules: options.rules === 'keylime',
    maxFindings: options.maxFindings ?? MAX_FINDINGS,
    pcrs: toPcrs(options.pcrs ?? [10]),
    banks: [...(options.banks ?? [])],
    allowsViolations: options.allowViolations ?? false,
    allowsBuffers: options.allowBuffers ?? false,
    limits: requireLimits(options.limits ?? {}),
  };
  const policies = await load(evidence, options);
  const text = await runNative((control) => loadAddon().verify(files, policies, args, control), options);
  // The addon of this very version wrote it: `report.schema.json` describes it, and tests hold it to that.
  const report: Omit<Report, 'program' | 'sources'> = JSON.parse(text);
  const { schemaVersion, ...findings } = report;
  requireCompared(evidence, report);
  return {
    schemaVersion,
    program: `ima-assay ${packageVersion()}`,
    sources: nameSources(list, evidence),
    ...findings,
  };
}

/** Values that are given and of no use would look like a check that was passed. */
function requireCompared(
  { pcrFiles = [], pcrValues = [], quote }: Evidence,
  { pcrs, verdict }: Pick<Report, 'pcrs' | 'verdict'>,
): void {
  // A quote may need values of other PCRs.
  const isNeeded = quote === undefined && pcrFiles.length + pcrValues.length > 0 && verdict === 'pass';
  if (!isNeeded || pcrs.some(({ expected }) => expected !== null)) return;
  const extended = [...new Set(pcrs.map(({ index }) => index))].join(', ');
  throw new UsageError('ARGUMENT_INVALID', {
    problem: `the PCR values that are given are of none that the list extends: PCR ${extended}`,
    hint: 'read PCR 10 of one of the banks: `tpm2_pcrread sha256:10`',
  });
}

function nameSources(list: readonly string[], evidence: Evidence): ReportSources {
  const {
    policies = [],
    excludeLists = [],
    pcrFiles = [],
    pcrValues = [],
    keys = [],
    quote,
    eventLog,
  } = evidence;
  const quoteName = quote && ('keylime' in quote ? quote.keylime : quote.message);
  return {
    list: [...list],
    policies: policies.map((policy) => (policy instanceof Policy ? policy.origin : policy)),
    excludeLists: [...excludeLists],
    pcrs: [...pcrFiles, ...pcrValues],
    keys: [...keys],
    quote: quoteName ?? null,
    eventLog: eventLog ?? null,
  };
}

/** One after the other: a policy may be standard input. */
async function load(
  { policies = [], policyKeys }: Evidence,
  { signal }: VerifyOptions,
): Promise<LoadedPolicy[]> {
  const loaded: LoadedPolicy[] = [];
  for (const policy of policies) {
    const known = policy instanceof Policy ? policy : await loadPolicy(policy, { keys: policyKeys, signal });
    loaded.push(Policy.nativeOf(known));
  }
  return loaded;
}

function toNames(paths: readonly string[] | undefined): Buffer[] {
  return (paths ?? []).map((path) => Buffer.from(path));
}

function toQuote(quote: QuoteEvidence): QuoteArguments {
  const files =
    'keylime' in quote
      ? { keylime: Buffer.from(quote.keylime) }
      : { message: Buffer.from(quote.message), signature: Buffer.from(quote.signature) };
  return {
    ...files,
    key: Buffer.from(quote.key),
    ...(quote.nonce === undefined ? {} : { nonce: Buffer.from(quote.nonce) }),
    allowsSha1: quote.allowSha1 ?? false,
  };
}

function toPcrs(pcrs: readonly number[]): number[] {
  for (const index of pcrs) {
    if (!Number.isInteger(index) || index < 0 || index > 23) {
      throw new UsageError('ARGUMENT_INVALID', { problem: `there is no PCR ${index}; a bank has 0 to 23` });
    }
  }
  return [...new Set(pcrs)];
}
