import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { Report } from '../../../report/types.ts';
import { composeRuntimePolicy } from '../../../runtime-policy/compose.ts';
import { drawDifferences } from '../../../runtime-policy/diff.ts';
import { loadPolicy } from '../../../runtime-policy/policy.ts';
import {
  type Proposal,
  proposeUpdate,
  toAdditions,
  type UpdatePlan,
} from '../../../runtime-policy/update.ts';
import { UsageError } from '../../../usage.ts';
import { flag, many, one } from '../../arguments.ts';
import type { Command } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import { writeOutput } from '../../output.ts';
import { escapeControls, hasColours } from '../../terminal.ts';
import { timestampNow } from '../../timestamp.ts';

const valued = { type: 'string', requiresArg: true } as const;

/** `policy update`: the smallest safe change after a failed verification. */
export const command: Command = {
  usage: 'update <policy>',
  mayReplace: ['policy'],
  summary: 'Propose the smallest safe change that settles the findings of a report',
  options: (yargs) =>
    yargs
      .positional('policy', { type: 'string', describe: 'Policy or allowlist of any shape' })
      .option('from-report', {
        ...valued,
        demandOption: true,
        describe: 'Report of `verify --json`; - for standard input',
      })
      .option('accept', { ...valued, describe: 'Also take new content of this path (repeatable)' })
      .option('accept-new', { type: 'boolean', describe: 'Take all new content: look at it first' })
      .option('json', { type: 'boolean', describe: 'Write the plan as JSON' })
      .option('output', {
        ...valued,
        alias: 'o',
        describe: 'Write the changed policy to FILE, and its checksum to FILE.sha256',
      })
      .option('quiet', { alias: 'q', type: 'boolean', describe: 'Nothing on standard error but errors' })
      .example('$0 verify list -p policy.json --json > report.json', 'first')
      .example('$0 policy update policy.json --from-report report.json', 'what would settle it')
      .example(
        '$0 policy update policy.json --from-report report.json --accept /usr/bin/x -o new.json',
        'and what is accepted',
      ),
  run: async (parsed, { signal }) => {
    const name = one(parsed, 'policy');
    const reportName = one(parsed, 'from-report');
    const output = one(parsed, 'output');
    if (name === undefined || reportName === undefined || output === '-') {
      throw new UsageError('ARGUMENT_INVALID', {
        problem: 'a policy, a report and a file to write to are needed',
      });
    }
    const plan = proposeUpdate(await readReport(reportName), await loadPolicy(name, { signal }));
    const accepted = accept(plan, many(parsed, 'accept'), flag(parsed, 'accept-new'));
    const before = await composeRuntimePolicy({ policies: [name] }, { signal });
    const after = await composeRuntimePolicy(
      { policies: [name], additions: toAdditions(accepted, reportName) },
      { signal },
    );
    const isJson = flag(parsed, 'json');
    const face = hasColours(process.stdout) ? 'coloured' : 'text';
    const { text } = await drawDifferences(
      { policy: before, name },
      { policy: after, name: output ?? `${name} (changed)` },
      isJson ? 'json' : face,
    );
    const drawn = isJson
      ? `${JSON.stringify({ schemaVersion: 1, ...plan, accepted, differences: JSON.parse(Buffer.from(text).toString()) }, null, 2)}\n`
      : drawPlan(plan, accepted) + Buffer.from(text).toString();
    process.stdout.write(drawn);
    if (output !== undefined) {
      const isFlat = before.summary.origins[0]?.shape === 'allowlist';
      const policy = after.serialise(isFlat ? 'allowlist' : 'runtime-policy', { timestamp: timestampNow() });
      await writeOutput(policy, parsed, signal);
    }
    const isSettled = plan.withheld.length === 0 && accepted.length === plan.proposals.length;
    return isSettled ? exitCodes.done : exitCodes.findings;
  },
};

/** What is taken: known content, and new content that somebody vouches for. */
function accept(plan: UpdatePlan, paths: readonly string[], isAllNew: boolean): readonly Proposal[] {
  const unmet = paths.find((path) => !plan.proposals.some(({ name }) => name === path));
  if (unmet !== undefined) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `--accept ${unmet}: nothing is proposed for it`,
      hint: 'give a path as it stands in the proposals',
    });
  }
  return plan.proposals.filter(({ kind, name }) => kind === 'known' || isAllNew || paths.includes(name));
}

function drawPlan({ proposals, withheld, warnings }: UpdatePlan, accepted: readonly Proposal[]): string {
  const lines = warnings.map((warning) => `warning: ${warning}`);
  for (const proposal of proposals) {
    const { kind, entry, code, section, name, digest, reason } = proposal;
    const where = section === 'digests' ? name : `${section} ${name}`;
    const word = accepted.includes(proposal) ? kind : `${kind}, not taken`;
    lines.push(`${word}: ${at(entry)}${code} ${where} ${digest}`, `  ${reason}`);
  }
  for (const { entry, code, name, reason } of withheld) {
    lines.push(`left: ${at(entry)}${code}${name === undefined ? '' : ` ${name}`}`, `  ${reason}`);
  }
  return lines.map((line) => `${escapeControls(line)}\n`).join('');
}

function at(entry: number | undefined): string {
  return entry === undefined ? '' : `entry ${entry} `;
}

async function readReport(file: string): Promise<Report> {
  const unreadable = (problem: string, cause: unknown): UsageError =>
    new UsageError('INPUT_UNREADABLE', {
      problem,
      at: { input: file },
      hint: 'give a report as `ima-assay verify --json` writes it',
      cause,
    });
  const text = await (file === '-' ? buffer(process.stdin) : readFile(file)).catch((cause: unknown) => {
    throw unreadable(`cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  });
  let report: Report;
  try {
    report = JSON.parse(text.toString());
  } catch (cause) {
    throw unreadable('the report is no JSON', cause);
  }
  const isReport =
    typeof report === 'object' &&
    report !== null &&
    report.schemaVersion === 1 &&
    Array.isArray(report.findings) &&
    report.findings.every((finding) => typeof finding.code === 'string' && Array.isArray(finding.near)) &&
    Array.isArray(report.pcrs);
  if (!isReport) throw unreadable('this is no report of a verification', undefined);
  return report;
}
