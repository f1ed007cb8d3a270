import type { Argv } from 'yargs';
import {
  type ComposeOptions,
  logHashAlgorithms,
  policyForms,
  type PolicyNote,
  type RuntimePolicy,
} from '../runtime-policy/compose.ts';
import { writeAtomically } from '../output/atomic-file.ts';
import { UsageError } from '../usage.ts';
import { flag, one, wholeNumber } from './arguments.ts';
import type { ParsedArguments } from './command.ts';
import { exitCodes } from './exit.ts';
import { reportWritten, writeData } from './output.ts';
import { warn } from './summary.ts';
import { escapeControls, formatCount, plural } from './terminal.ts';

const valued = { type: 'string', requiresArg: true } as const;

/** A form of a policy. */
export type PolicyForm = (typeof policyForms)[number];

/** What to do about errors of writing, in the commands that write policies. */
export const policyHints: Readonly<Record<string, string>> = {
  PATH_UNLISTABLE:
    'leave it out with --keep-going; a flat allowlist has line breaks with --escape, and a runtime policy has them as they are',
  DIGEST_UNLISTABLE: 'leave it out with --keep-going, or write a flat allowlist, which takes every digest',
};

/** Declares the options of every command that writes a policy. */
export function declarePolicyOutput(yargs: Argv, form: string): Argv {
  return yargs
    .option('output', {
      ...valued,
      alias: 'o',
      describe: 'Write to FILE, and its checksum to FILE.sha256 (default: standard output, no checksum)',
    })
    .option(form, {
      ...valued,
      choices: policyForms.filter((name) => name !== 'upgraded-policy'),
      describe: 'The form to write',
    })
    .option('prefix', { type: 'boolean', describe: 'Write ALGORITHM: before digests of a flat allowlist' })
    .option('escape', {
      type: 'boolean',
      describe: 'Escape line breaks and backslashes of a flat allowlist, as sha256sum does',
    })
    .option('lossy', { type: 'boolean', describe: 'Leave out what the form has no place for' })
    .option('json', { type: 'boolean', describe: 'Write the summary as JSON, to standard error' })
    .option('provenance', { ...valued, describe: 'Also write to FILE which source each thing comes from' })
    .option('release', { ...valued, describe: "The policy's release: a number of your own" })
    .option('log-hash-alg', {
      ...valued,
      choices: logHashAlgorithms,
      describe: 'The algorithm of template hashes (default: that of the sources, or sha1)',
    })
    .option('policy-key', {
      ...valued,
      describe: 'A key that must have signed every policy that is read, of several one of them (repeatable)',
    })
    .option('assume-algorithm', {
      ...valued,
      describe: 'What digests of its length are, where a policy does not say (for example sm3_256)',
    });
}

/** The choices that a composition takes. */
export function readChoices(parsed: ParsedArguments): ComposeOptions {
  const release = one(parsed, 'release');
  const given = one(parsed, 'log-hash-alg');
  return {
    assumedAlgorithm: one(parsed, 'assume-algorithm'),
    release: release === undefined ? undefined : wholeNumber(release, '--release'),
    logHashAlgorithm: logHashAlgorithms.find((known) => known === given),
  };
}

/** The form that was asked for. */
export function readForm(parsed: ParsedArguments, option: string): PolicyForm | undefined {
  const given = one(parsed, option);
  return policyForms.find((known) => known === given);
}

/** Writes a policy and what belongs to it, and says on standard error what was. Returns the exit code. */
export async function writePolicy(
  policy: RuntimePolicy,
  form: PolicyForm,
  parsed: ParsedArguments,
  { timestamp, signal }: { readonly timestamp: string | undefined; readonly signal: AbortSignal },
): Promise<number> {
  const keepGoing = flag(parsed, 'keep-going');
  const quiet = flag(parsed, 'quiet');
  const output = one(parsed, 'output');
  const provenance = one(parsed, 'provenance');
  if (provenance !== undefined && (provenance === '-' || provenance === output)) {
    throw new UsageError('ARGUMENT_INVALID', { problem: '--provenance must name a file of its own' });
  }
  const idle = ['prefix', 'escape'].find((name) => form !== 'allowlist' && flag(parsed, name));
  if (idle !== undefined) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `--${idle} has no place in JSON`,
      hint: 'it is for flat allowlists: choose the form `allowlist`',
    });
  }
  const text = policy.serialise(form, {
    timestamp,
    lossy: flag(parsed, 'lossy'),
    prefixes: flag(parsed, 'prefix'),
    escapes: flag(parsed, 'escape'),
    keepGoing,
  });
  const written = [...(await writeData(text, { output, signal }))];
  if (provenance !== undefined) {
    written.push(...(await writeAtomically(provenance, policy.provenance(), { signal })));
  }
  const { summary } = policy;
  if (flag(parsed, 'json')) process.stderr.write(`${JSON.stringify({ ...summary, written })}\n`);
  for (const note of flag(parsed, 'json') ? [] : summary.notes) reportNote(note);
  if (form === 'allowlist' && summary.beyondFlat.length > 0)
    warn(`left out: ${summary.beyondFlat.join(', ')}`);
  for (const { problem } of text.omitted) warn(`omitted: ${problem}`);
  if (!quiet && !flag(parsed, 'json')) {
    if (summary.paths + summary.keyrings + summary.imaBuf === 0) {
      warn('warning: the policy lists nothing: every file that is not excluded would fail');
    }
    const { paths, digests, excludes, keyrings, imaBuf } = summary;
    const others = [
      [excludes, 'exclude'],
      [keyrings, 'key'],
      [imaBuf, 'buffer'],
    ] as const;
    const shown = others.filter(([count]) => count > 0).map(([count, noun]) => plural(count, noun));
    process.stderr.write(`${[plural(paths, 'path'), plural(digests, 'digest'), ...shown].join(', ')}\n`);
    reportWritten(written);
  }
  return text.omitted.length === 0 ? exitCodes.done : exitCodes.undecided;
}

function reportNote({ code, origin, count, text }: PolicyNote): void {
  process.stderr.write(
    `${escapeControls(origin)}: ${text}${count === 1 ? '' : ` (${formatCount(count)} times)`} [${code}]\n`,
  );
}
