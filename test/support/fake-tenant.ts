// A `keylime_tenant` for PATH. It shows the help of a release, recorded from the real one, refuses what that release
// does not know as its parser does, and ends as the test says.

import { statSync } from 'node:fs';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** How a call ends; the first whose command fits is used up. */
export interface TenantAnswer {
  readonly command: string;
  readonly exitCode?: number;
  readonly stdout?: string;
  readonly stderr?: string;
}

export interface FakeTenant {
  readonly env: Readonly<Record<string, string>>;
  /** Whether it was called for more than its help. */
  readonly hasRun: () => boolean;
  /** The arguments of each call, `--help` left out. */
  readonly calls: () => Promise<readonly (readonly string[])[]>;
}

const HELPS = fileURLToPath(new URL('../../fixtures/keylime-tenant/', import.meta.url));

const SCRIPT = `#!${process.execPath}
const fs = require('node:fs');
const { help, answers, log } = JSON.parse(fs.readFileSync(__dirname + '/scenario.json', 'utf8'));
const args = process.argv.slice(2);
const end = (code, out, err) => { fs.writeSync(1, out); fs.writeSync(2, err); process.exit(code); };
if (args[0] === '--help') end(0, help, 'INFO:keylime.config:Reading configuration\\n');
fs.appendFileSync(log, JSON.stringify({ args, tls: process.env.KEYLIME_TENANT_TLS_DIR ?? null }) + '\\n');
const known = new Set(help.match(/(?<![\\w-])--?[a-z][\\w-]*/g));
for (const arg of args.filter((arg) => /^-/.test(arg)))
  if (!known.has(arg)) end(2, '', 'keylime_tenant: error: unrecognized arguments: ' + arg + '\\n');
const command = args[args.indexOf('-c') + 1];
const commands = /validcommandsare([a-z,]+)/.exec(help.replace(/\\s/g, ''))[1].split(',');
if (!commands.includes(command)) end(1, '... - keylime.tenant - ERROR - Invalid command specified: ' + command + '\\n', '');
const needsPayload = !commands.includes('listruntimepolicy');
const hasPayload = args.includes('-f') && fs.readFileSync(args[args.indexOf('-f') + 1]).length > 0;
if (['add', 'update'].includes(command) && needsPayload && !hasPayload)
  end(1, '... - keylime.tenant - ERROR - You must specify one of -k, -f, or --cert\\n', '');
const scenario = JSON.parse(fs.readFileSync(__dirname + '/scenario.json', 'utf8'));
const index = scenario.answers.findIndex((answer) => answer.command === command);
const [answer = {}] = index === -1 ? [] : scenario.answers.splice(index, 1);
fs.writeFileSync(__dirname + '/scenario.json', JSON.stringify(scenario));
end(answer.exitCode ?? 0, answer.stdout ?? '', answer.stderr ?? '');
`;

/** Puts a fake of a release, as in `fixtures/keylime-tenant/`, into a directory of its own. */
export async function makeFakeTenant(
  directory: string,
  release: string,
  answers: readonly TenantAnswer[] = [],
): Promise<FakeTenant> {
  const log = join(directory, 'calls');
  const help = await readFile(join(HELPS, `${release}.txt`), 'utf8');
  await writeFile(join(directory, 'scenario.json'), JSON.stringify({ help, answers, log }));
  await writeFile(join(directory, 'keylime_tenant'), SCRIPT);
  await chmod(join(directory, 'keylime_tenant'), 0o755);
  await writeFile(log, '');
  return {
    env: { PATH: `${directory}${delimiter}${process.env['PATH'] ?? ''}` },
    hasRun: () => statSync(log).size > 0,
    calls: async () => {
      const lines = (await readFile(log, 'utf8')).split('\n').filter(Boolean);
      return lines.map((line): readonly string[] => JSON.parse(line).args);
    },
  };
}
