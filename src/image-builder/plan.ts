import { stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { requireName } from '../process/name.ts';
import { UsageError } from '../usage.ts';
import { adviseOn } from './advice.ts';
import { isStamped } from './stamp.ts';

/** What to build. */
export interface BuildRequest {
  /** Path without an extension: NAME.qcow2, and with the element `baremetal` NAME.vmlinuz and NAME.initrd. */
  readonly name: string;
  /** Default {@link GUIDE_ELEMENTS}. */
  readonly elements?: readonly string[] | undefined;
  /** Adds the element `tpm-emulator`. Default false. */
  readonly tpmEmulator?: boolean | undefined;
  /** `DIB_RELEASE`. Default: what the element says. */
  readonly release?: string | undefined;
  readonly architecture?: string | undefined;
  /** Extra packages. */
  readonly packages?: readonly string[] | undefined;
  readonly imageSizeGib?: number | undefined;
  /** Default `qcow2`. */
  readonly type?: 'qcow2' | 'raw' | undefined;
  readonly offline?: boolean | undefined;
  /** Default true: without it `base`, which needs a distribution's package manager, is left out. */
  readonly base?: boolean | undefined;
  /** Directories with elements of your own. */
  readonly elementsPaths?: readonly string[] | undefined;
  /** `DIB_KEYLIME_AGENT_REGISTRAR_IP`. */
  readonly registrarIp?: string | undefined;
  /** `DIB_KEYLIME_AGENT_REGISTRAR_PORT`: the plain one. */
  readonly registrarPort?: number | undefined;
  /** `DIB_KEYLIME_AGENT_PORT`. */
  readonly agentPort?: number | undefined;
  /** Other variables for elements; never a secret. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

/** The elements of the ESI guide. */
export const GUIDE_ELEMENTS: readonly string[] = [
  'centos',
  'baremetal',
  'dhcp-all-interfaces',
  'grub2',
  'keylime-agent',
];

/** A call of disk-image-create. */
export interface BuildPlan {
  /** As it was asked for. */
  readonly name: string;
  readonly program: 'disk-image-create';
  readonly args: readonly string[];
  /** Beside the environment that it always gets. */
  readonly environment: Readonly<Record<string, string>>;
  /** Files that it makes. */
  readonly outputs: { readonly disk: string; readonly kernel?: string; readonly ramdisk?: string };
  /** Whether the files are there, built with these choices and untouched since. */
  readonly isBuilt: boolean;
  /** What a person should know first. */
  readonly advice: readonly string[];
}

const ELEMENT = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const MAX_PORT = 65_535;

/**
 * Makes the command line of a build, and looks whether it was built before. Nothing is run.
 * @param inherited - the environment, for `ELEMENTS_PATH`
 * @throws UsageError `ARGUMENT_INVALID`
 */
export async function planImageBuild(
  request: BuildRequest,
  inherited: Readonly<Record<string, string | undefined>> = {},
): Promise<BuildPlan> {
  const { name, tpmEmulator = false, type = 'qcow2' } = request;
  requireName('name', basename(name));
  await requireDirectory(dirname(resolve(name)));
  const elements = [...(request.elements ?? GUIDE_ELEMENTS), ...(tpmEmulator ? ['tpm-emulator'] : [])];
  if (elements.length === 0) throw new UsageError('ARGUMENT_INVALID', { problem: 'no element is given' });
  for (const element of elements) requireMatch('element', element, ELEMENT);
  for (const packageName of request.packages ?? []) requireMatch('package', packageName, /^[^\s,-][^\s,]*$/);
  const outputs = {
    disk: `${name}.${type}`,
    ...(elements.includes('baremetal') ? { kernel: `${name}.vmlinuz`, ramdisk: `${name}.initrd` } : {}),
  };
  const choices = {
    // With a directory in front no name is an option.
    args: [...optionsOf(request), '-t', type, '-o', resolve(name), ...elements],
    environment: environmentOf(request, inherited),
  };
  return {
    name,
    program: 'disk-image-create',
    ...choices,
    outputs,
    isBuilt: await isStamped(name, choices, filesOf({ outputs })),
    advice: adviseOn(request, elements),
  };
}

/** The files that a build makes: kernel, ramdisk and disk, as far as there are any. */
export function filesOf({ outputs }: Pick<BuildPlan, 'outputs'>): readonly string[] {
  const { kernel, ramdisk, disk } = outputs;
  return [kernel, ramdisk, disk].filter((file) => file !== undefined);
}

function optionsOf(request: BuildRequest): readonly string[] {
  const { architecture, packages = [], imageSizeGib, offline = false, base = true } = request;
  if (architecture !== undefined) requireMatch('architecture', architecture, ELEMENT);
  return [
    ...(architecture === undefined ? [] : ['-a', architecture]),
    ...(base ? [] : ['-n']),
    ...(packages.length === 0 ? [] : ['-p', packages.join(',')]),
    ...(imageSizeGib === undefined ? [] : ['--image-size', String(imageSizeGib)]),
    ...(offline ? ['--offline'] : []),
  ];
}

function environmentOf(
  request: BuildRequest,
  inherited: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const { release, registrarIp, registrarPort, agentPort, elementsPaths = [], environment = {} } = request;
  const values: Record<string, string | undefined> = {
    // Our own time stamps are enough.
    DIB_NO_TIMESTAMP: '1',
    DIB_RELEASE: release,
    DIB_KEYLIME_AGENT_REGISTRAR_IP: registrarIp,
    DIB_KEYLIME_AGENT_REGISTRAR_PORT: portText('registrar port', registrarPort),
    DIB_KEYLIME_AGENT_PORT: portText('agent port', agentPort),
    ELEMENTS_PATH:
      elementsPaths.length === 0 ? undefined : searchPath(elementsPaths, inherited['ELEMENTS_PATH']),
    ...environment,
  };
  const given: Record<string, string> = {};
  for (const [variable, value] of Object.entries(values)) {
    requireMatch('variable', variable, VARIABLE);
    // Elements put values into shell scripts and configuration files.
    if (value !== undefined) given[variable] = requireMatch(variable, value, /^[^\p{Cc}]*$/u);
  }
  if (registrarIp !== undefined) requireMatch('registrar address', registrarIp, /^[A-Za-z0-9.:-]+$/);
  return given;
}

function searchPath(directories: readonly string[], inherited: string | undefined): string {
  for (const directory of directories) requireMatch('elements path', directory, /^[^:]+$/);
  return [...directories.map((directory) => resolve(directory)), ...(inherited ? [inherited] : [])].join(':');
}

function portText(what: string, port: number | undefined): string | undefined {
  if (port === undefined) return undefined;
  if (!Number.isInteger(port) || port < 1 || port > MAX_PORT) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `${what} must be from 1 to ${MAX_PORT}, not ${port}`,
    });
  }
  return String(port);
}

function requireMatch(what: string, text: string, pattern: RegExp): string {
  if (pattern.test(text)) return text;
  throw new UsageError('ARGUMENT_INVALID', {
    problem: `${what} cannot be ${JSON.stringify(text.slice(0, 80))}`,
    hint: 'it would be an option, or something else, to disk-image-create or its elements',
  });
}

async function requireDirectory(directory: string): Promise<void> {
  const isThere = await stat(directory).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isThere) throw new UsageError('ARGUMENT_INVALID', { problem: `there is no directory ${directory}` });
}

/** The call as a person would type it. */
export function formatCommand({ program, args, environment }: BuildPlan): string {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${quote(value)}`);
  return [...variables, program, ...args.map(quote)].join(' ');
}

/** Quotes for a POSIX shell, where that is needed. */
function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
