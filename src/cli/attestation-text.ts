import { type AttestationReport, findCauses } from '../keylime/explain.ts';
import { escapeControls, plural } from './terminal.ts';

const MAX_CAUSES = 20;

/** What is known of an attestation, for a person. */
export function drawAttestation(report: AttestationReport, listName: string | undefined): string {
  const { id, standing, state, attestations, lastSuccess, event, ownReport } = report;
  const last = lastSuccess === undefined ? '' : `, the last at ${lastSuccess.toISOString()}`;
  const lines = [
    `${escapeControls(id)}: ${standing.toUpperCase()} (${state}), ${plural(attestations, 'attestation')} passed${last}`,
  ];
  if (event !== undefined) {
    lines.push(`event ${escapeControls(event.id)}: ${event.says}`);
    if (ownReport === undefined) lines.push(`  hint: ${event.hint}`);
  }
  if (ownReport !== undefined) {
    const { verdict, list, findingCount, unchecked } = ownReport;
    lines.push(
      `our own verification of ${escapeControls(listName ?? 'the list')}: ${verdict.toUpperCase()}, ${list.entries} entries, ${plural(findingCount, 'finding')}`,
    );
    const causes = event === undefined ? ownReport.findings : findCauses(report);
    for (const { entry, code, path, problem, found, hint } of causes.slice(0, MAX_CAUSES)) {
      const where = entry === undefined ? '' : ` entry ${entry}`;
      lines.push(`  ${code}${where}${path === undefined ? '' : ` ${path}`}: ${problem}`);
      if (found !== undefined) lines.push(`    found ${found}`);
      lines.push(`    hint: ${hint}`);
    }
    if (causes.length > MAX_CAUSES) lines.push(`  and ${causes.length - MAX_CAUSES} more (--json)`);
    if (event !== undefined && verdict === 'pass') {
      lines.push(
        '  the list that is given here passes: it may be older than the failure, or the verifier has another policy',
      );
    }
    lines.push(...unchecked.map((what) => `  not checked: ${what}`));
  }
  return `${lines.join('\n')}\n`;
}

/** The same for programs. */
export function toJson(report: AttestationReport): string {
  return `${JSON.stringify({ schemaVersion: 1, ...report, causes: findCauses(report) }, null, 2)}\n`;
}
