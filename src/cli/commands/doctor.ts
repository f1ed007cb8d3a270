import { listAlgorithms } from '../../native/algorithms.ts';
import { NativeError } from '../../native/errors.ts';
import { loadAddon, platformName } from '../../native/load.ts';
import { flag, one } from '../arguments.ts';
import type { Command } from '../command.ts';
import { exitCodes } from '../exit.ts';
import { writeData } from '../output.ts';

/** One thing that was looked at. */
interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What was found. */
  readonly found: string;
  /** Which command needs it. */
  readonly neededFor: string;
  /** What to do if it is not ok. */
  readonly fix?: string;
}

/** `doctor`: what is missing on this machine, for which command. */
export const command: Command = {
  usage: 'doctor',
  summary: 'Say what is missing on this machine, for which command, and how to get it',
  options: (yargs) =>
    yargs
      .option('json', { type: 'boolean', describe: 'Write JSON' })
      .example('$0 doctor', 'everything that was looked at')
      .option('output', {
        alias: 'o',
        type: 'string',
        requiresArg: true,
        describe: 'Write to FILE, and its checksum to FILE.sha256',
      })
      .option('quiet', { alias: 'q', type: 'boolean', describe: 'Only what is not right' }),
  run: async (parsed, { signal }) => {
    const core = checkCore();
    const checks = [checkNode(), core, ...(core.ok ? [checkAlgorithms()] : [])];
    const shown = flag(parsed, 'quiet') ? checks.filter(({ ok }) => !ok) : checks;
    const text = flag(parsed, 'json')
      ? `${JSON.stringify({ schemaVersion: 1, checks: shown }, null, 2)}\n`
      : shown.map(draw).join('');
    await writeData([Buffer.from(text)], { output: one(parsed, 'output'), signal });
    return checks.every(({ ok }) => ok) ? exitCodes.done : exitCodes.findings;
  },
};

function draw({ name, ok, found, neededFor, fix }: Check): string {
  const line = `${ok ? 'ok     ' : 'missing'}  ${name}: ${found} (${neededFor})\n`;
  return ok || fix === undefined ? line : `${line}         ${fix}\n`;
}

function checkNode(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const ok = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
  return {
    name: 'Node',
    ok,
    found: process.versions.node,
    neededFor: 'everything',
    fix: 'install Node 20.19, 22.12 or newer',
  };
}

function checkCore(): Check {
  const neededFor = 'everything';
  try {
    return {
      name: 'native core',
      ok: true,
      found: `${loadAddon().coreVersion()}, ${platformName()}`,
      neededFor,
    };
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    const fix = error instanceof NativeError ? (error.hint ?? '') : 'reinstall ima-assay';
    return { name: 'native core', ok: false, found, neededFor, fix };
  }
}

function checkAlgorithms(): Check {
  const names = listAlgorithms().map(({ name }) => name);
  return { name: 'hash algorithms', ok: names.length > 0, found: names.join(' '), neededFor: 'extract' };
}
