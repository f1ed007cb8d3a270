import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { AssayError } from '../error.ts';
import { type ProgramResult, type RunProgram, runProgram } from '../process/program.ts';
import type { Check } from './check.ts';

/** Groups of commands that drive programs of others. */
export const driven = ['tenant', 'server', 'image', 'node'] as const;

export type Driven = (typeof driven)[number];

/** A program, or a part of one that is installed by itself. */
interface Program {
  readonly name: string;
  readonly program: string;
  /** Arguments that show that it works, and where from a version is read. */
  readonly probe: readonly string[];
  readonly needs: readonly Driven[];
  readonly neededFor: string;
  readonly fix: string;
  /** A part of a program: only a run tells whether it is there. */
  readonly isPlugin?: boolean;
  /** It has no version to show. */
  readonly describe?: (result: ProgramResult) => Promise<string>;
}

const PROGRAMS: readonly Program[] = [
  {
    name: 'keylime_tenant',
    program: 'keylime_tenant',
    probe: ['--help'],
    needs: ['tenant'],
    neededFor: 'tenant add',
    fix: 'install Keylime: the package keylime-tenant of Fedora and RHEL, or `pip install keylime`',
    describe: async ({ stdout }) => {
      const { readTenantHelp } = await import('../keylime/tenant-program.ts');
      return `of Keylime ${readTenantHelp(stdout).releases}`;
    },
  },
  ...(['verifier', 'registrar'] as const).map((part) => ({
    name: `keylime_${part}`,
    program: `keylime_${part}`,
    // To run it is to start a server.
    probe: [],
    needs: ['server' as const],
    neededFor: 'a Keylime server on this machine',
    fix: `install Keylime: the package keylime-${part} of Fedora and RHEL, or \`pip install keylime\``,
  })),
  {
    name: 'openstack',
    program: 'openstack',
    probe: ['--version'],
    needs: ['image', 'node'],
    neededFor: 'image upload, node',
    fix: 'install python3-openstackclient, or `pip install python-openstackclient`',
  },
  {
    name: 'openstack baremetal',
    program: 'openstack',
    probe: ['baremetal', 'node', 'list', '--help'],
    needs: ['node'],
    neededFor: 'node',
    fix: 'install python3-ironicclient, or `pip install python-ironicclient`',
    isPlugin: true,
  },
  {
    name: 'openstack esi',
    program: 'openstack',
    probe: ['esi', 'node', 'network', 'attach', '--help'],
    needs: ['node'],
    neededFor: 'node attach, node detach',
    fix: '`pip install python-esiclient`, in an environment of its own: it needs a newer openstacksdk than distributions have',
    isPlugin: true,
  },
  {
    name: 'metalsmith',
    program: 'metalsmith',
    probe: ['--version'],
    needs: ['node'],
    neededFor: 'node deploy, node undeploy',
    fix: '`pip install metalsmith`',
  },
  {
    name: 'disk-image-create',
    program: 'disk-image-create',
    probe: ['--version'],
    needs: ['image'],
    neededFor: 'image build',
    fix: 'install python3-diskimage-builder, or `pip install diskimage-builder`',
  },
  {
    name: 'qemu-img',
    program: 'qemu-img',
    probe: ['--version'],
    needs: ['image'],
    neededFor: 'image build',
    fix: 'install qemu-utils (Debian) or qemu-img (Fedora)',
  },
];

/** What to look at. */
export interface ProgramChecks {
  /** Commands that are to work here: what they need is missed. Default: none. */
  readonly wanted?: readonly Driven[] | undefined;
  /** Run each for its version, and to see whether plugins load: seconds for each. Default: only look for it. */
  readonly runs?: boolean | undefined;
  /** Directories, as in `PATH`. */
  readonly path: string;
  readonly run?: RunProgram | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Looks for the programs that commands drive. */
export async function checkPrograms(options: ProgramChecks): Promise<readonly Check[]> {
  const wanted = options.wanted ?? [];
  const looked = PROGRAMS.filter(
    ({ needs }) => wanted.length === 0 || needs.some((need) => wanted.includes(need)),
  );
  const checks: Check[] = [];
  for (const program of looked) {
    const { isPlugin = false, name, neededFor, fix } = program;
    // Without a run nothing can be said of a plugin.
    if (isPlugin && options.runs !== true) continue;
    const place = await findProgram(program.program, options.path);
    const missing = wanted.length > 0 ? ('missing' as const) : ('absent' as const);
    if (place === undefined) {
      checks.push({ name, status: missing, found: 'not in PATH', neededFor, fix });
    } else if (options.runs !== true || program.probe.length === 0) {
      checks.push({ name, status: 'ok', found: place, neededFor });
    } else {
      checks.push(await probe(program, options, missing));
    }
  }
  return checks;
}

async function findProgram(name: string, path: string): Promise<string | undefined> {
  for (const directory of path.split(delimiter).filter((each) => each !== '')) {
    const place = join(directory, name);
    const isThere = await access(place, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return place;
  }
  return undefined;
}

const PROBE_LIMIT_MS = 30_000;

async function probe(
  { name, program, probe: args, neededFor, fix, isPlugin = false, describe }: Program,
  { run = runProgram, signal }: ProgramChecks,
  missing: 'missing' | 'absent',
): Promise<Check> {
  const broken = (found: string): Check => ({ name, status: 'wrong', found, neededFor, fix });
  try {
    const result = await run({ program, args, timeoutMs: PROBE_LIMIT_MS, signal });
    const text = `${result.stdout}\n${result.stderr}`;
    if (result.exitCode === 0) {
      const found = describe === undefined ? readVersion(text, isPlugin) : await describe(result);
      return { name, status: 'ok', found, neededFor };
    }
    if (!isPlugin) return broken(`is broken: ${lastLine(text)}`);
    // A plugin that does not load is told from one that is not there by a line before the refusal.
    const [, why] = /^Could not load '[^']*(?:esi|baremetal)[^']*': *(.*)$/im.exec(text) ?? [];
    if (why !== undefined) return broken(`does not load: ${why.slice(0, 200)}`);
    return /is not an openstack command|Unknown command/.test(text)
      ? { name, status: missing, found: 'not installed', neededFor, fix }
      : broken(`is broken: ${lastLine(text)}`);
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return broken(error.problem);
  }
}

function readVersion(text: string, isPlugin: boolean): string {
  if (isPlugin) return 'loads';
  return /\d+\.\d+(?:\.\d+)*/.exec(text)?.[0] ?? 'works';
}

function lastLine(text: string): string {
  return (text.split('\n').findLast((line) => line.trim() !== '') ?? 'it says nothing').trim().slice(0, 200);
}
