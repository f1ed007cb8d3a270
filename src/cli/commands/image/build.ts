import { appendFile, rm } from 'node:fs/promises';
import type { BuildPlan, BuildRequest } from '../../../image-builder/plan.ts';
import { unwritable } from '../../../output/atomic-file.ts';
import { UsageError } from '../../../usage.ts';
import { openActivity } from '../../activity.ts';
import { flag, many, one, wholeNumber } from '../../arguments.ts';
import { readSeconds } from '../../cloud-options.ts';
import type { Command, ParsedArguments } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import { reportWritten, writeData, writeOutput } from '../../output.ts';
import { summarise, warn } from '../../summary.ts';
import { escapeControls } from '../../terminal.ts';

const valued = { type: 'string', requiresArg: true } as const;
const types = ['qcow2', 'raw'] as const;

/** `image build`: disk-image-create, and the allowlist of what it built. */
export const command: Command = {
  usage: 'build <name>',
  writes: ['output', 'allowlist', 'log'],
  summary: 'Build an image with disk-image-create, and extract its allowlist',
  options: (yargs) =>
    yargs
      .positional('name', { type: 'string', describe: 'Path of the image without an extension' })
      .option('element', {
        ...valued,
        alias: 'e',
        describe:
          'Element (repeatable; default: centos, baremetal, dhcp-all-interfaces, grub2, keylime-agent)',
      })
      .option('tpm-emulator', {
        type: 'boolean',
        describe: 'Add the element tpm-emulator: for machines without a TPM',
      })
      .option('registrar-ip', { ...valued, describe: 'Address of the Keylime registrar' })
      .option('registrar-port', {
        ...valued,
        describe: "The registrar's plain port (default of the element: 8890)",
      })
      .option('agent-port', { ...valued, describe: 'Port of the agent (default of the element: 9002)' })
      .option('release', { ...valued, describe: 'Release of the distribution (DIB_RELEASE)' })
      .option('architecture', {
        ...valued,
        alias: 'a',
        describe: 'Architecture, as disk-image-create calls it',
      })
      .option('package', { ...valued, alias: 'p', describe: 'Extra package (repeatable)' })
      .option('image-size', { ...valued, describe: 'Size in GiB' })
      .option('type', {
        ...valued,
        alias: 't',
        choices: types,
        describe: 'Format of the disk (default: qcow2)',
      })
      .option('elements-path', { ...valued, describe: 'Directory with elements of your own (repeatable)' })
      .option('set', {
        ...valued,
        describe: 'A variable for elements, NAME=VALUE (repeatable); never a secret',
      })
      .option('base', { type: 'boolean', default: true, describe: 'Include the element base (--no-base)' })
      .option('offline', { type: 'boolean', describe: 'Fetch nothing that is in the cache' })
      .option('unless-built', {
        type: 'boolean',
        describe: 'Keep an image that these choices built before, and only extract its allowlist',
      })
      .option('allowlist', {
        ...valued,
        describe:
          'Write the allowlist to FILE, and its checksum to FILE.sha256 (default: NAME.allowlist.txt)',
      })
      .option('log', { ...valued, describe: 'Write the log of the build to FILE (default: NAME.log)' })
      .option('timeout', { ...valued, describe: 'Time limit in seconds (default: 10800)' })
      .option('dry-run', { type: 'boolean', describe: 'Print the command and build nothing' })
      .option('output', {
        ...valued,
        alias: 'o',
        describe: 'Write what --dry-run or --json print to FILE, and its checksum to FILE.sha256',
      })
      .option('json', { type: 'boolean', describe: 'Write what was done as JSON, to standard output' })
      .option('quiet', { alias: 'q', type: 'boolean', describe: 'No log and no summary on the terminal' })
      .example(
        '$0 image build keylime-image --registrar-ip 192.0.2.10',
        'keylime-image.qcow2, .vmlinuz, .initrd and .allowlist.txt',
      )
      .example('$0 image build keylime-image --dry-run', 'the command, to be run by hand'),
  run: async (parsed, { signal }) => {
    const request = readRequest(parsed);
    const { planImageBuild, formatCommand } = await import('../../../image-builder/plan.ts');
    const plan = await planImageBuild(request, process.env);
    for (const text of plan.advice) warn(`note: ${text}`);
    const isJson = flag(parsed, 'json');
    if (flag(parsed, 'dry-run')) {
      const text = isJson ? toJson({ ...plan }) : `${formatCommand(plan)}\n`;
      await writeOutput([Buffer.from(text)], parsed, signal);
      return exitCodes.done;
    }
    return build(plan, request.name, parsed, signal);
  },
};

async function build(
  plan: BuildPlan,
  name: string,
  parsed: ParsedArguments,
  signal: AbortSignal,
): Promise<number> {
  const quiet = flag(parsed, 'quiet');
  const log = await openLog(one(parsed, 'log') ?? `${name}.log`);
  const seconds = readSeconds(parsed, 'timeout');
  const activity = openActivity({ quiet });
  let phase = 'starting';
  const { applyImageBuild } = await import('../../../image-builder/build.ts');
  const { did, files, extraction } = await applyImageBuild(plan, {
    unlessBuilt: flag(parsed, 'unless-built'),
    timeoutMs: seconds === undefined ? undefined : seconds * 1_000,
    signal,
    onPhase: ({ name: entered, number, count }) => {
      phase = `${entered}, ${number} of ${count}`;
    },
    onLine: (line) => {
      log.add(line);
      activity.show(process.stderr.isTTY ? `${phase}: ${line}` : line);
    },
  }).finally(async () => {
    activity.close();
    await log.close();
  });
  const list = extraction.allowlist.serialise({ format: 'allowlist' });
  const allowlist = one(parsed, 'allowlist') ?? `${name}.allowlist.txt`;
  const written = await writeData(list, { output: allowlist, signal });
  if (flag(parsed, 'json')) {
    const report = toJson({ did, files, log: log.file, sources: extraction.sources, written });
    await writeOutput([Buffer.from(report)], parsed, signal);
  }
  if (!quiet) {
    summarise(extraction);
    for (const file of files) process.stderr.write(`${did} ${escapeControls(file)}\n`);
    reportWritten(written);
  }
  return exitCodes.done;
}

function readRequest(parsed: ParsedArguments): BuildRequest {
  const elements = many(parsed, 'element');
  const type = one(parsed, 'type');
  return {
    name: one(parsed, 'name') ?? '',
    elements: elements.length === 0 ? undefined : elements,
    tpmEmulator: flag(parsed, 'tpm-emulator'),
    release: one(parsed, 'release'),
    architecture: one(parsed, 'architecture'),
    packages: many(parsed, 'package'),
    imageSizeGib: readNumber(parsed, 'image-size'),
    type: types.find((known) => known === type),
    offline: flag(parsed, 'offline'),
    base: flag(parsed, 'base'),
    elementsPaths: many(parsed, 'elements-path'),
    registrarIp: one(parsed, 'registrar-ip'),
    registrarPort: readNumber(parsed, 'registrar-port'),
    agentPort: readNumber(parsed, 'agent-port'),
    environment: Object.fromEntries(many(parsed, 'set').map(readVariable)),
  };
}

function readNumber(parsed: ParsedArguments, name: string): number | undefined {
  const text = one(parsed, name);
  return text === undefined ? undefined : wholeNumber(text, `--${name}`);
}

function readVariable(text: string): readonly [string, string] {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `--set must be NAME=VALUE, not ${JSON.stringify(text)}`,
    });
  }
  return [name, value];
}

/** The builder's log, written as it comes: after a failure it is what there is. */
async function openLog(file: string): Promise<{
  readonly file: string;
  readonly add: (line: string) => void;
  readonly close: () => Promise<void>;
}> {
  await rm(file, { force: true });
  await appendFile(file, '').catch((cause: unknown) => {
    throw unwritable(file, cause);
  });
  let writing = Promise.resolve();
  let failure: string | undefined;
  return {
    file,
    add: (line) => {
      writing = writing
        .then(() => appendFile(file, `${line}\n`))
        .catch((cause: unknown) => {
          failure = cause instanceof Error ? cause.message : String(cause);
        });
    },
    close: async () => {
      await writing;
      if (failure !== undefined) warn(`${file} is not complete: ${failure}`);
    },
  };
}

function toJson(report: object): string {
  return `${JSON.stringify({ schemaVersion: 1, ...report }, null, 2)}\n`;
}
