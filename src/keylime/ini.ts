import { UsageError } from '../usage.ts';
import type { Setting, SettingsFile } from './settings.ts';

const HEAD =
  '# Written by ima-assay server configure. Settings here win over those of the file beside this directory.';

/**
 * The text of a file of settings.
 * @param before - what stands there now; of a shared file everything else is kept
 * @throws UsageError `ARGUMENT_INVALID` for a file in which an option stands twice: Keylime cannot read it either
 */
export function writeSettings({ kind, settings, path }: SettingsFile, before: string | undefined): string {
  if (kind === 'snippet' || before === undefined) {
    const sections = [...new Set(settings.map(({ section }) => section))].map((section) => {
      const own = settings.filter((setting) => setting.section === section).map(drawSetting);
      return `[${section}]\n${own.join('\n')}\n`;
    });
    return `${kind === 'snippet' ? `${HEAD}\n` : ''}${sections.join('\n')}`;
  }
  return settings.reduce((text, setting) => change(text, setting, path), before);
}

function drawSetting({ option, value }: Setting): string {
  return `${option} = ${value}`;
}

/** Changes one option, as Python's `configparser` reads it: names without regard to case, `=` or `:`. */
function change(text: string, setting: Setting, path: string): string {
  const lines = text.split('\n');
  const header = lines.findIndex((line) => sectionOf(line) === setting.section);
  if (header === -1) {
    const gap = text === '' || text.endsWith('\n\n') ? '' : text.endsWith('\n') ? '\n' : '\n\n';
    return `${text}${gap}[${setting.section}]\n${drawSetting(setting)}\n`;
  }
  const next = lines.findIndex((line, index) => index > header && sectionOf(line) !== undefined);
  const end = next === -1 ? lines.length : next;
  const places = lines.flatMap((line, index) =>
    index > header && index < end && optionOf(line) === setting.option ? [index] : [],
  );
  const [place, twice] = places;
  if (twice !== undefined) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `${setting.option} stands more than once in [${setting.section}]`,
      at: { input: path, line: twice + 1 },
      hint: 'Keylime cannot read such a file: remove one of them',
    });
  }
  const ending = lines[header]?.endsWith('\r') === true ? '\r' : '';
  const line = `${drawSetting(setting)}${ending}`;
  if (place === undefined) return lines.toSpliced(header + 1, 0, line).join('\n');
  // Indented lines go on with the value.
  const rest = lines.slice(place + 1).findIndex((each) => !/^[ \t]+\S/.test(each));
  return lines.toSpliced(place, rest === -1 ? lines.length - place : rest + 1, line).join('\n');
}

/** The options of ours that a file of settings has as well. */
export function findSettings(text: string, settings: readonly Setting[]): readonly Setting[] {
  let section: string | undefined;
  const found = new Set<string>();
  for (const line of text.split(/\r?\n/)) {
    section = sectionOf(line) ?? section;
    found.add(`${section} ${optionOf(line)}`);
  }
  return settings.filter((setting) => found.has(`${setting.section} ${setting.option}`));
}

function sectionOf(line: string): string | undefined {
  return /^\[(.+)\]/.exec(line)?.[1];
}

function optionOf(line: string): string | undefined {
  return /^([^#;\s=:][^=:]*?)\s*[=:]/.exec(line)?.[1]?.toLowerCase();
}
