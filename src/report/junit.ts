import { escapeMarkup } from './markup.ts';
import type { Report } from './types.ts';

/**
 * A report as JUnit XML, for continuous integration: a case for the verdict, one for each finding, and a skipped one
 * for each thing that was not checked.
 */
export function drawJunit(report: Report): string {
  const { findings, unchecked, verdict, rules } = report;
  const summary =
    verdict === 'pass'
      ? [openCase(`verdict by the ${rules} rules`, true)]
      : [
          openCase(`verdict by the ${rules} rules`),
          `    <failure message="${report.findingCount} findings"/>`,
          '  </testcase>',
        ];
  const cases = findings.flatMap(({ entry, code, path, problem, found, expected, hint }) => {
    const values = [
      ...(found === undefined ? [] : [`found ${found}`]),
      ...expected.map((one) => `expected ${one}`),
    ];
    return [
      openCase([code, entry === undefined ? '' : `entry ${entry}`, path ?? ''].filter(Boolean).join(' ')),
      `    <failure type="${code}" message="${escapeMarkup(problem)}">${escapeMarkup([...values, hint].join('\n'))}</failure>`,
      '  </testcase>',
    ];
  });
  const skipped = unchecked.flatMap((what) => [openCase(what), '    <skipped/>', '  </testcase>']);
  const count = 1 + findings.length + unchecked.length;
  const failures = findings.length + (verdict === 'pass' ? 0 : 1);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuite name="ima-assay verify" tests="${count}" failures="${failures}" skipped="${unchecked.length}">`,
    ...summary,
    ...cases,
    ...skipped,
    '</testsuite>',
    '',
  ].join('\n');
}

function openCase(name: string, isEmpty = false): string {
  return `  <testcase classname="ima-assay.verify" name="${escapeMarkup(name)}"${isEmpty ? '/' : ''}>`;
}
