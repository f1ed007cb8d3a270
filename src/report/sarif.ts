import { packageVersion } from '../native/load.ts';
import { type Finding, findingCodes, type Report } from './types.ts';

/**
 * A report as SARIF 2.1.0, for code-scanning dashboards. A finding's place is the entry in the list.
 * @param list - the measurement list's name
 * @see https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
 */
export function drawSarif(report: Report, list: string): string {
  const results = report.findings.map((finding) => describeResult(finding, list));
  const notifications = report.unchecked.map((text) => ({
    level: 'note',
    message: { text: `not checked: ${text}` },
  }));
  const run = {
    tool: {
      driver: {
        name: 'ima-assay',
        version: packageVersion(),
        rules: findingCodes.map((id) => ({ id })),
      },
    },
    invocations: [{ executionSuccessful: true, toolExecutionNotifications: notifications }],
    properties: {
      verdict: report.verdict,
      keylimeVerdict: report.keylimeVerdict,
      findingCount: report.findingCount,
    },
    results,
  };
  const log = { $schema: 'https://json.schemastore.org/sarif-2.1.0.json', version: '2.1.0', runs: [run] };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function describeResult(
  { entry, code, path, problem, hint, found, expected, near }: Finding,
  list: string,
): unknown {
  return {
    ruleId: code,
    level: 'error',
    message: { text: `${path === undefined ? '' : `${path}: `}${problem}. ${hint}` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: encodeURI(list) },
          ...(entry === undefined ? {} : { region: { startLine: entry } }),
        },
        ...(path === undefined ? {} : { logicalLocations: [{ fullyQualifiedName: path }] }),
      },
    ],
    properties: { found, expected, near },
  };
}
