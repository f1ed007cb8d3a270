import type { ListLimits } from '../measurement-list/types.ts';
import { loadAddon } from '../native/load.ts';
import { runNative, type WorkOptions } from '../native/work.ts';
import { requireLimits } from '../usage.ts';

/** How much a finding of a lint matters. */
export type Severity = 'error' | 'warning' | 'note';

/** One thing in a policy that is likely to be a mistake. */
export interface PolicyLint {
  /** A stable code: see `docs/policy-life.md`. */
  readonly code: string;
  readonly severity: Severity;
  /** Where it stands, as `excludes[0]`. */
  readonly at: string;
  readonly problem: string;
}

/** What a lint says. */
export interface PolicyLintReport {
  readonly shape: 'runtime-policy' | 'old-policy' | 'json-allowlist' | 'allowlist';
  readonly counts: Readonly<Record<Severity, number>>;
  /** All findings by their codes. */
  readonly codes: Readonly<Record<string, number>>;
  /** At most a hundred of each code. */
  readonly findings: readonly PolicyLint[];
}

/** How to lint. */
export interface LintOptions extends WorkOptions {
  /** Measurement lists: a pattern that is the first to match none of their entries is noted. */
  readonly measurementLists?: readonly string[] | undefined;
  readonly limits?: ListLimits | undefined;
}

/**
 * Looks for what is likely to be a mistake in a policy or an allowlist.
 * @param path - `-` is standard input
 * @throws PolicyError, MeasurementListError: a file cannot be read
 */
export async function lintRuntimePolicy(path: string, options: LintOptions = {}): Promise<PolicyLintReport> {
  const lists = (options.measurementLists ?? []).map((list) => Buffer.from(list));
  const limits = requireLimits(options.limits ?? {});
  const text = await runNative(
    (control) => loadAddon().lintPolicyFile(Buffer.from(path), lists, limits, control),
    options,
  );
  const report: PolicyLintReport = JSON.parse(text);
  return report;
}
