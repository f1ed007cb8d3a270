import { join } from 'node:path';
import type { PlannedFile } from '../../../keylime/configure.ts';
import type { ServerSettings, StartStep } from '../../../keylime/settings.ts';
import { UsageError } from '../../../usage.ts';
import { flag, many, one } from '../../arguments.ts';
import type { Command, ParsedArguments } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import { writeData } from '../../output.ts';
import { warn } from '../../summary.ts';
import { escapeControls } from '../../terminal.ts';
import { now } from '../../timestamp.ts';

const valued = { type: 'string', requiresArg: true } as const;
const PARTS = ['verifier', 'registrar', 'tenant'] as const;

/** `server configure`: the settings of verifier, registrar and tenant. */
export const command: Command = {
  usage: 'configure',
  summary:
    "Write a Keylime server's settings: print them, or change a directory after showing the difference",
  options: (yargs) =>
    yargs
      .option('listen', {
        ...valued,
        describe: 'Address at which verifier and registrar listen; any for all networks of the machine',
      })
      .option('require-ek-cert', {
        ...valued,
        choices: ['yes', 'no'] as const,
        describe: "Whether the tenant insists on the TPM manufacturer's certificate (default: yes)",
      })
      .option('only', {
        ...valued,
        choices: PARTS,
        describe: 'A part that runs here (repeatable; default: all)',
      })
      .option('keylime-version', {
        ...valued,
        describe: 'Release of Keylime; up to 6.4 all settings are in one file (default: a newer one)',
      })
      .option('output', {
        ...valued,
        alias: 'o',
        describe: 'Write below this directory, as below /etc/keylime (up to 6.4: /etc)',
      })
      .option('apply', { type: 'boolean', describe: 'Write below /etc/keylime (up to 6.4: /etc) itself' })
      .option('dry-run', { type: 'boolean', describe: 'Show the difference and write nothing' })
      .option('start', {
        ...valued,
        choices: ['systemd', 'plain'] as const,
        describe: 'How the parts are started (default: systemd)',
      })
      .option('json', { type: 'boolean', describe: 'Write JSON' })
      .option('quiet', {
        alias: 'q',
        type: 'boolean',
        describe: 'Nothing on standard error but warnings and errors',
      })
      .example('$0 server configure --listen 192.0.2.10', 'print the settings')
      .example('sudo $0 server configure --listen 192.0.2.10 --apply', 'change those of this machine')
      .example(
        '$0 server configure --only tenant --require-ek-cert no -o etc',
        'for a machine that only asks',
      ),
  run: async (parsed, { signal }) => {
    const keylime = {
      ...(await import('../../../keylime/settings.ts')),
      ...(await import('../../../keylime/configure.ts')),
    };
    const wanted = readSettings(parsed);
    const files = keylime.chooseSettings(wanted);
    const directory = readDirectory(parsed, keylime.hasSettingsPerPart(wanted.keylimeVersion), keylime);
    const planned = await keylime.planSettings(directory, files);
    const isDry = flag(parsed, 'dry-run');
    if (flag(parsed, 'apply')) requireShared(planned);
    const warnings = [
      ...keylime.warnOfSettings(wanted),
      ...(directory === undefined
        ? []
        : [...warnOfParts(planned), ...(await keylime.warnOfLaterSnippets(directory, files))]),
    ];
    const start = keylime.listStartSteps(
      wanted.parts,
      one(parsed, 'start') === 'plain' ? 'plain' : 'systemd',
    );
    for (const warning of warnings) warn(`warning: ${warning}`);
    const isJson = flag(parsed, 'json');
    const isPrinted = directory === undefined;
    // The difference comes before anything is written.
    if (!isJson) await writeData([Buffer.from(draw(planned, isPrinted))], { output: '-', signal });
    const applied =
      isPrinted || isDry
        ? { written: [], backups: [] }
        : await keylime.applySettings(directory, planned, { stamp: stampOf(now()), signal });
    if (isJson) {
      const shown = planned.map(({ path, after, diff }) => ({
        path,
        text: after,
        diff: isPrinted ? '' : diff,
      }));
      const report = {
        schemaVersion: 1,
        directory: directory ?? null,
        files: shown,
        warnings,
        start,
        ...applied,
      };
      await writeData([Buffer.from(`${JSON.stringify(report, null, 2)}\n`)], { output: '-', signal });
    } else if (!flag(parsed, 'quiet')) {
      for (const path of applied.backups) process.stderr.write(`kept ${escapeControls(path)}\n`);
      for (const path of applied.written) process.stderr.write(`wrote ${escapeControls(path)}\n`);
      for (const { path, diff } of directory === undefined ? [] : planned) {
        if (diff === '') process.stderr.write(`unchanged ${escapeControls(join(directory ?? '', path))}\n`);
      }
      process.stderr.write(drawStart(start));
    }
    const differs = !isPrinted && planned.some(({ diff }) => diff !== '');
    return isDry && differs ? exitCodes.findings : exitCodes.done;
  },
};

function readSettings(parsed: ParsedArguments): ServerSettings {
  const only = many(parsed, 'only');
  const parts = PARTS.filter((part) => only.includes(part));
  return {
    parts: parts.length === 0 ? undefined : parts,
    listen: one(parsed, 'listen'),
    requireEkCert: one(parsed, 'require-ek-cert') !== 'no',
    keylimeVersion: one(parsed, 'keylime-version'),
  };
}

function readDirectory(
  parsed: ParsedArguments,
  isPerPart: boolean,
  names: { readonly SETTINGS_DIRECTORY: string; readonly OLD_SETTINGS_DIRECTORY: string },
): string | undefined {
  const output = one(parsed, 'output');
  const isApplied = flag(parsed, 'apply');
  if (output !== undefined && isApplied) {
    throw new UsageError('ARGUMENT_INVALID', { problem: '--output and --apply exclude each other' });
  }
  if (flag(parsed, 'dry-run') && output === undefined && !isApplied) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: '--dry-run needs --apply or --output DIR to compare with',
    });
  }
  if (isApplied) return isPerPart ? names.SETTINGS_DIRECTORY : names.OLD_SETTINGS_DIRECTORY;
  return output === '-' ? undefined : output;
}

/** Old releases start only with the whole of their file, which comes with them. */
function requireShared(planned: readonly PlannedFile[]): void {
  const missing = planned.find(({ kind, before }) => kind === 'shared' && before === undefined);
  if (missing === undefined) return;
  throw new UsageError('INPUT_UNREADABLE', {
    problem: 'is not there, and Keylime up to 6.4 needs the whole of it',
    at: { input: missing.path },
    hint: 'install Keylime first, or give --output DIR for the settings alone',
  });
}

function warnOfParts(planned: readonly PlannedFile[]): readonly string[] {
  return planned
    .filter(({ kind, before }) => kind === 'shared' && before === undefined)
    .map(({ path }) => `${path} holds these settings alone: put them into the file that comes with Keylime`);
}

function draw(planned: readonly PlannedFile[], isPrinted: boolean): string {
  if (!isPrinted) return planned.map(({ diff }) => diff).join('');
  return planned.map(({ path, after }) => `# ==> ${path} <==\n${after}`).join('\n');
}

function drawStart(steps: readonly StartStep[]): string {
  if (steps.length === 0) return '';
  return `start, in this order:\n${steps.map(({ command: line, why }) => `  ${line}   # ${why}\n`).join('')}`;
}

/** A time as a part of a name. */
function stampOf(date: Date): string {
  return date.toISOString().replace(/[-:]|\.\d+/g, '');
}
