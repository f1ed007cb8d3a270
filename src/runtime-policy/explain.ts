import { type Allowlist, nativeOf } from '../allowlist/allowlist.ts';
import { loadAddon } from '../native/load.ts';
import { listAlgorithms } from '../native/algorithms.ts';
import { runNative, type WorkOptions } from '../native/work.ts';
import { UsageError } from '../usage.ts';

/** A digest that a policy lists. */
export interface ListedRow {
  readonly section: 'digests' | 'keyrings' | 'ima-buf';
  /** Path, keyring or buffer, escaped for one line. */
  readonly name: string;
  /** `algorithm:hex`, the algorithm by the length where the policy does not say. */
  readonly digest: string;
  readonly policy: string;
  readonly line: number | null;
}

/** Why a path or a digest passes, or does not. */
export interface Explanation {
  readonly question:
    { readonly kind: 'path'; readonly path: string } | { readonly kind: 'digest'; readonly digest: string };
  /** A path that is excluded is not checked, whatever is listed for it. */
  readonly answer: 'listed' | 'excluded' | 'not-listed';
  /** The first hundred. */
  readonly listed: readonly ListedRow[];
  readonly listedCount: number;
  /** Every pattern that matches the path. */
  readonly excludedBy: readonly {
    readonly source: string;
    /** Counted from 0. */
    readonly index: number;
    readonly line: number | null;
    readonly pattern: string;
  }[];
  /** Where the images have it. */
  readonly inImages: readonly {
    readonly image: string;
    readonly path: string;
    readonly digest: string;
    readonly isListed: boolean;
  }[];
  /** What is listed and nearly the path: see {@link NearMiss.kind}; `same-name` is in another directory. */
  readonly near: readonly {
    readonly kind: string;
    readonly path: string;
    readonly digest: string | null;
    readonly policy: string;
  }[];
}

/** What to look in. */
export interface ExplainSources {
  /** Policies and allowlists of any shape: paths of files. */
  readonly policies: readonly string[];
  readonly excludeLists?: readonly string[] | undefined;
  /** Digests of images. */
  readonly images?: readonly Allowlist[] | undefined;
}

/**
 * Tells who lists a path or a digest, what excludes it, and what is nearly it.
 * @param question - a path; or a digest in hex, perhaps with `ALGORITHM:` before it
 * @throws PolicyError, ExcludeListError: a file cannot be read
 * @throws UsageError `ARGUMENT_INVALID` for what looks like a digest and is none
 */
export async function explainRuntimePolicy(
  question: string,
  { policies, excludeLists = [], images = [] }: ExplainSources,
  options: WorkOptions = {},
): Promise<Explanation> {
  requireQuestion(question);
  const names = (paths: readonly string[]): Buffer[] => paths.map((path) => Buffer.from(path));
  const text = await runNative(
    (control) =>
      loadAddon().explainPolicies(
        Buffer.from(question),
        images.map(nativeOf),
        names(policies),
        names(excludeLists),
        control,
      ),
    options,
  );
  const explanation: Explanation = JSON.parse(text);
  return explanation;
}

/** Hex digits that no name has by chance. */
const FEWEST_DIGITS = 32;

/** A slip in a digest must not be answered as if it were a path. */
function requireQuestion(question: string): void {
  const [, name, digits] = /^(?:([\w-]+):)?([\da-f]+)$/i.exec(question) ?? [];
  if (digits === undefined || (name === undefined && digits.length < FEWEST_DIGITS)) return;
  const known = listAlgorithms();
  const algorithm = known.find((each) => each.name === name || each.aliases.includes(name ?? ''));
  const lengths = (algorithm === undefined ? known : [algorithm]).map(({ digestBytes }) => 2 * digestBytes);
  if (name !== undefined && algorithm === undefined) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `${JSON.stringify(name)} is no hash algorithm`,
      hint: '`ima-assay doctor` lists the known ones',
    });
  }
  if (lengths.includes(digits.length)) return;
  throw new UsageError('ARGUMENT_INVALID', {
    problem: `a digest${name === undefined ? '' : ` of ${name}`} does not have ${digits.length} hex digits`,
    hint: `it has ${[...new Set(lengths)].toSorted((one, other) => one - other).join(', ')}; was it cut?`,
  });
}
