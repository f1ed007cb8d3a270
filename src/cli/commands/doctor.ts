import { type Check, isAmiss } from '../../doctor/check.ts';
import { checkMachine } from '../../doctor/machine.ts';
import { flag, many, one } from '../arguments.ts';
import type { Command, ParsedArguments } from '../command.ts';
import { exitCodes } from '../exit.ts';
import { writeOutput } from '../output.ts';
import { escapeControls } from '../terminal.ts';

const valued = { type: 'string', requiresArg: true } as const;

/** `doctor`: what is missing on this machine, for which command. */
export const command: Command = {
  usage: 'doctor',
  summary: 'Say what is missing on this machine, for which command, and how to get it',
  options: (yargs) =>
    yargs
      .option('for', {
        ...valued,
        choices: ['tenant', 'server', 'image', 'node'] as const,
        describe: 'Commands that have to work here (repeatable): what they need is missed',
      })
      .option('run', {
        type: 'boolean',
        describe: 'Run the programs for their versions, and see whether plugins load (seconds)',
      })
      .option('certs', {
        ...valued,
        describe: 'Also look at the certificates of a Keylime client in this directory',
      })
      .option('verifier', { ...valued, describe: 'Also ask this verifier, HOST or HOST:PORT' })
      .option('registrar', {
        ...valued,
        describe: 'Also ask this registrar, HOST or HOST:PORT of its port with TLS',
      })
      .option('json', { type: 'boolean', describe: 'Write JSON' })
      .option('output', { ...valued, alias: 'o', describe: 'Write to FILE, and its checksum to FILE.sha256' })
      .option('quiet', { alias: 'q', type: 'boolean', describe: 'Only what is not right' })
      .example('$0 doctor', 'what is installed; asks nobody')
      .example('$0 doctor --for node --run', 'everything that node needs')
      .example('$0 doctor --certs certs --verifier 192.0.2.10 --registrar 192.0.2.10', 'a Keylime server'),
  run: async (parsed, { signal }) => {
    const checks = [...checkMachine(), ...(await lookFurther(parsed, signal))];
    const shown = flag(parsed, 'quiet') ? checks.filter(isAmiss) : checks;
    const text = flag(parsed, 'json')
      ? `${JSON.stringify({ schemaVersion: 1, checks: shown.map(toJson) }, null, 2)}\n`
      : shown.map(draw).join('');
    await writeOutput([Buffer.from(text)], parsed, signal);
    return checks.some(isAmiss) ? exitCodes.findings : exitCodes.done;
  },
};

/** Programs, and whatever servers were named. */
async function lookFurther(parsed: ParsedArguments, signal: AbortSignal): Promise<readonly Check[]> {
  const { checkPrograms, driven } = await import('../../doctor/programs.ts');
  const wanted = many(parsed, 'for');
  const programs = await checkPrograms({
    wanted: driven.filter((name) => wanted.includes(name)),
    runs: flag(parsed, 'run'),
    path: process.env['PATH'] ?? '',
    signal,
  });
  const certs = one(parsed, 'certs');
  const verifier = one(parsed, 'verifier');
  const registrar = one(parsed, 'registrar');
  if (certs === undefined && verifier === undefined && registrar === undefined) return programs;
  const { checkKeylime } = await import('../../doctor/keylime.ts');
  const { CA_DIRECTORY } = await import('../../keylime/certificates.ts');
  const { keylimePorts, parseEndpoint } = await import('../../keylime/endpoint.ts');
  const keylime = await checkKeylime({
    certificates: certs ?? CA_DIRECTORY,
    verifier: verifier === undefined ? undefined : parseEndpoint(verifier, keylimePorts.verifier),
    registrar: registrar === undefined ? undefined : parseEndpoint(registrar, keylimePorts.registrar),
    now: new Date(),
    signal,
  });
  return [...programs, ...keylime];
}

const WORDS = { ok: 'ok     ', missing: 'missing', wrong: 'wrong  ', absent: 'absent ' } as const;

function draw({ name, status, found, neededFor, fix }: Check): string {
  const line = `${WORDS[status]}  ${name}: ${escapeControls(found)} (${neededFor})\n`;
  return status === 'ok' || fix === undefined ? line : `${line}         ${fix}\n`;
}

function toJson(check: Check): Check & { readonly ok: boolean } {
  return { ...check, ok: check.status === 'ok' };
}
