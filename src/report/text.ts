import type { Finding, PcrReport, Report } from './types.ts';

/** Marks a word of the report: colour on a terminal, nothing elsewhere. Never the only signal. */
export type Paint = (style: 'good' | 'bad' | 'dim', text: string) => string;

const plain: Paint = (_style, text) => text;

/** Draws a report for a person, verdict first; the last lines say what was not checked. */
export function drawText(report: Report, paint: Paint = plain): string {
  const { list, accepted, findings, findingCount, differences, unchecked } = report;
  const templates = Object.entries(list.templates).map(([name, count]) => `${count} ${name}`);
  const lines = [
    `${paint(report.verdict === 'pass' ? 'good' : 'bad', report.verdict.toUpperCase())} by the ${report.rules} rules${isVouchedFor(report) ? '' : ', of a list that nothing vouches for'}; ${otherVerdict(report)}`,
    `list: ${count(list.entries, 'entry')} (${[list.format, templates.join(', ')].filter(Boolean).join('; ')}), ${count(list.violations, 'violation')}`,
    `accepted: ${accepted.listed} listed, ${accepted.excluded} excluded, ${accepted.signed} signed`,
    ...report.pcrs.map((pcr) => drawPcr(pcr, report)),
    ...drawQuote(report, paint),
    ...drawCounts(report),
    ...findings.flatMap((finding) => drawFinding(finding, paint)),
  ];
  const left = findingCount - findings.length;
  if (left > 0) lines.push(`and ${count(left, 'finding')} more (--max-findings)`);
  for (const { entry, path, strict, keylime, why } of differences) {
    const where = entry === undefined ? 'the list' : `entry ${entry}${path === undefined ? '' : ` ${path}`}`;
    lines.push(
      `rules differ on ${where}: strict says ${strict ?? 'pass'}, Keylime ${keylime ?? 'pass'}: ${why}`,
    );
  }
  for (const what of unchecked) lines.push(paint('dim', `not checked: ${what}`));
  return `${lines.join('\n')}\n`;
}

/** Whether PCR values or a quote were compared with the list. Without them anybody may have written it. */
function isVouchedFor({ verdict, pcrs, quote }: Report): boolean {
  return verdict === 'fail' || quote.status === 'verified' || pcrs.some(({ expected }) => expected !== null);
}

function otherVerdict({ rules, strictVerdict, keylimeVerdict }: Report): string {
  return rules === 'strict'
    ? `a Keylime verifier would say ${keylimeVerdict}`
    : `the strict rules would say ${strictVerdict}`;
}

function drawPcr(
  { bank, index, replayed, expected, matchedEntries, extend }: PcrReport,
  { list: { entries }, quote }: Report,
): string {
  const rule = extend === 'padded-sha1' ? ', SHA-1 padded with zeros' : '';
  const pcr = `PCR ${bank}:${index}`;
  if (expected === null) {
    const compared = quote.status === 'verified' ? 'compared by the quote' : 'nothing to compare with';
    return `${pcr} ${replayed} (replayed${rule}; ${compared})`;
  }
  if (matchedEntries === null) return `${pcr} ${replayed} does not match ${expected}`;
  const tail = entries - matchedEntries;
  const after =
    tail === 0
      ? 'all entries'
      : `entry ${matchedEntries}; ${tail === 1 ? 'the entry after it is' : `the ${tail} entries after it are`} not covered`;
  return `${pcr} ${expected} matches after ${after}${rule}`;
}

/** How many of which kind, before a long list of them. */
function drawCounts({ findings, findingCount }: Report): readonly string[] {
  if (findings.length < 2) return [];
  const codes = [...new Set(findings.map(({ code }) => code))];
  const counts = codes.map((code) => `${findings.filter((finding) => finding.code === code).length} ${code}`);
  const among = findings.length < findingCount ? `, of the first ${findings.length}` : '';
  return [`${count(findingCount, 'finding')}: ${counts.join(', ')}${among}`];
}

function count(number: number, noun: string): string {
  return `${number} ${number === 1 ? noun : noun.replace(/y$/, 'ie').concat('s')}`;
}

function drawQuote({ quote }: Report, paint: Paint): readonly string[] {
  if (quote.status === 'not-given') return [];
  const checks = (quote.checks ?? []).map(({ name, status, detail }) => {
    const text = `  ${name}: ${status}${detail === undefined ? '' : ` (${detail})`}`;
    return status === 'failed' ? paint('bad', text) : text;
  });
  const selection = quote.selection === undefined ? '' : ` over ${quote.selection.join(' ')}`;
  return [`quote ${quote.status}${selection}`, ...checks];
}

function drawFinding(
  { entry, code, path, problem, found, expected, hint, near }: Finding,
  paint: Paint,
): readonly string[] {
  const where = [entry === undefined ? [] : [`entry ${entry}`], path === undefined ? [] : [path]].flat();
  return [
    `${paint('bad', code)} ${where.length === 0 ? '' : `${where.join(' ')}: `}${problem}`,
    ...(found === undefined ? [] : [`  found    ${found}`]),
    ...expected.map((value) => `  expected ${value}`),
    ...near.map(({ kind, path: nearPath, digest, origin }) => {
      const source = origin === undefined ? '' : ` in ${origin}`;
      return `  near     ${kind}: ${nearPath}${digest === undefined ? '' : ` ${digest}`}${source}`;
    }),
    `  hint: ${hint}`,
  ];
}
