import { AssayError } from '../error.ts';
import { RemoteError } from '../remote/error.ts';

/** An error with another hint than its own. */
class Advised extends AssayError {}

/** Options that only commands have that write policies; all others of which the core knows are of `extract`, too. */
const POLICY_OPTIONS = ['--log-hash-alg', '--lossy', '--release'];

/**
 * The error with a hint that is of use at this command. The core makes most hints: it knows options, and not
 * which command has them.
 * @param hints - those of the command, by code
 * @param help - of the command: what options it has
 */
export function advise(error: unknown, hints: Readonly<Record<string, string>>, help: string): unknown {
  if (!(error instanceof AssayError) || error instanceof RemoteError || error.hint === undefined)
    return error;
  const { code, problem, at } = error;
  const own = hints[code];
  if (own !== undefined) return new Advised(code, { problem, at, hint: own, cause: error });
  // Between back-ticks are other commands, with options of their own.
  const named = error.hint.replaceAll(/`[^`]*`/g, '').match(/--[a-z][a-z-]*/g) ?? [];
  const known = new Set(help.match(/--[a-z][a-z-]*/g));
  const missing = [...new Set(named)].filter((option) => !known.has(option));
  if (missing.length === 0) return error;
  const home = missing.some((option) => POLICY_OPTIONS.includes(option)) ? 'policy convert' : 'extract';
  const hint = `${error.hint} (\`ima-assay ${home}\` has ${missing.join(' and ')}, this command has not)`;
  return new Advised(code, { problem, at, hint, cause: error });
}
