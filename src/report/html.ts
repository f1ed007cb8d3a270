import { escapeMarkup } from './markup.ts';
import type { Finding, Report } from './types.ts';

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem}.pass{color:#176b2c}.fail{color:#a3101c}code{overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-top:1px solid #ccc}
@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}.pass{color:#6fcf85}.fail{color:#ff7b84}}`;

/** A report as one HTML page without scripts or anything that is loaded from elsewhere. */
export function drawHtml(report: Report, list: string): string {
  const { verdict, keylimeVerdict, strictVerdict, findings, findingCount, differences, unchecked } = report;
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
    `<title>${verdict}: ${escapeMarkup(list)}</title><style>${STYLE}</style></head><body>`,
    `<h1><span class="${verdict}">${verdict.toUpperCase()}</span> ${escapeMarkup(list)}</h1>`,
    `<p>By the ${report.rules} rules. Strict: ${strictVerdict}; a Keylime verifier: ${keylimeVerdict}. `,
    `${report.list.entries} entries, ${report.list.violations} violations; `,
    `${report.accepted.listed} listed, ${report.accepted.excluded} excluded, ${report.accepted.signed} signed.</p>`,
    ...table(
      'PCRs',
      ['PCR', 'replayed', 'expected', 'matches after'],
      report.pcrs.map(({ bank, index, replayed, expected, matchedEntries }) => [
        `${bank}:${index}`,
        code(replayed),
        expected === null ? 'not given' : code(expected),
        matchedEntries === null ? '' : `entry ${matchedEntries}`,
      ]),
    ),
    `<p>Quote: ${report.quote.status}</p>`,
    ...table('Findings', ['entry', 'code', 'what', 'found', 'expected', 'hint'], findings.map(drawRow)),
    findingCount > findings.length ? `<p>and ${findingCount - findings.length} more</p>` : '',
    ...table(
      'Where the rules differ',
      ['entry', 'path', 'strict', 'Keylime', 'why'],
      differences.map(({ entry, path, strict, keylime, why }) =>
        [String(entry ?? ''), path ?? '', strict ?? 'pass', keylime ?? 'pass', why].map(escapeMarkup),
      ),
    ),
    ...table(
      'Not checked',
      ['what'],
      unchecked.map((what) => [escapeMarkup(what)]),
    ),
    '</body></html>',
    '',
  ].join('\n');
}

function drawRow({
  entry,
  code: findingCode,
  path,
  problem,
  found,
  expected,
  hint,
  near,
}: Finding): readonly string[] {
  const what = path === undefined ? escapeMarkup(problem) : `${code(path)}<br>${escapeMarkup(problem)}`;
  const hints = [
    hint,
    ...near.map(
      ({ kind, path: nearPath, origin }) =>
        `${kind}: ${nearPath}${origin === undefined ? '' : ` in ${origin}`}`,
    ),
  ];
  return [
    String(entry ?? ''),
    findingCode,
    what,
    found === undefined ? '' : code(found),
    expected.map(code).join('<br>'),
    hints.map(escapeMarkup).join('<br>'),
  ];
}

/** A heading and a table of cells that are markup already; nothing where there is no row. */
function table(
  heading: string,
  columns: readonly string[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  if (rows.length === 0) return [];
  return [
    `<h2>${heading}</h2>`,
    `<table><thead><tr>${columns.map((name) => `<th>${name}</th>`).join('')}</tr></thead><tbody>`,
    ...rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`),
    '</tbody></table>',
  ];
}

function code(text: string): string {
  return `<code>${escapeMarkup(text)}</code>`;
}
