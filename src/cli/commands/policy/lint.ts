import { lintRuntimePolicy, type PolicyLintReport, type Severity } from '../../../runtime-policy/lint.ts';
import { flag, many, one } from '../../arguments.ts';
import type { Command } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import { writeOutput } from '../../output.ts';
import { escapeControls, formatCount, hasColours, plural } from '../../terminal.ts';

const valued = { type: 'string', requiresArg: true } as const;

/** `policy lint`: what is likely to be a mistake. */
export const command: Command = {
  usage: 'lint <policy>',
  summary: 'Find what is likely to be a mistake in a policy; exit code 1 for errors and warnings',
  options: (yargs) =>
    yargs
      .positional('policy', {
        type: 'string',
        describe: 'Policy or allowlist of any shape; - for standard input',
      })
      .option('ima-measurement-list', {
        ...valued,
        alias: 'm',
        describe: 'Measurement list: note patterns that have no effect on it (repeatable)',
      })
      .option('json', { type: 'boolean', describe: 'Write JSON' })
      .option('output', { ...valued, alias: 'o', describe: 'Write to FILE, and its checksum to FILE.sha256' })
      .option('quiet', { alias: 'q', type: 'boolean', describe: 'No notes' })
      .example('$0 policy lint policy.json -m list', 'with a list that the policy is for'),
  run: async (parsed, { signal }) => {
    const name = one(parsed, 'policy') ?? '-';
    const output = one(parsed, 'output');
    const report = await lintRuntimePolicy(name, {
      measurementLists: many(parsed, 'ima-measurement-list'),
      signal,
    });
    const isColoured = output === undefined && hasColours(process.stdout);
    const text = flag(parsed, 'json')
      ? `${JSON.stringify({ schemaVersion: 1, policy: name, ...report }, null, 2)}\n`
      : drawReport(name, report, { isColoured, quiet: flag(parsed, 'quiet') });
    await writeOutput([Buffer.from(text)], parsed, signal);
    return report.counts.error + report.counts.warning === 0 ? exitCodes.done : exitCodes.findings;
  },
};

const COLOURS: Readonly<Record<Severity, number>> = { error: 31, warning: 33, note: 2 };

function drawReport(
  name: string,
  { counts, codes, findings }: PolicyLintReport,
  { isColoured, quiet }: { readonly isColoured: boolean; readonly quiet: boolean },
): string {
  const shown = findings.filter(({ severity }) => !quiet || severity !== 'note');
  const lines = shown.map(({ code, severity, at, problem }) => {
    const word = isColoured ? `\u001b[${COLOURS[severity]}m${severity}\u001b[0m` : severity;
    return `${word}: ${escapeControls(at)}: ${escapeControls(problem)} [${code}]`;
  });
  for (const [code, count] of Object.entries(codes)) {
    const rest = count - findings.filter((finding) => finding.code === code).length;
    if (rest > 0 && shown.some((finding) => finding.code === code)) {
      lines.push(`and ${formatCount(rest)} more [${code}]`);
    }
  }
  const sum = `${plural(counts.error, 'error')}, ${plural(counts.warning, 'warning')}, ${plural(counts.note, 'note')}`;
  lines.push(`${escapeControls(name)}: ${sum}`);
  return `${lines.join('\n')}\n`;
}
