import { basename, isAbsolute, resolve } from 'node:path';
import type { Addition, Overlay } from '../../../image/overlay.ts';
import { UsageError } from '../../../usage.ts';
import { flag, many, one } from '../../arguments.ts';
import type { Command } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import { reportWritten, writeData } from '../../output.ts';
import { openProgress } from '../../progress.ts';
import { summarise, warn } from '../../summary.ts';
import { escapeControls, formatBytes } from '../../terminal.ts';

const NO_DISK = 'a disk is no initramfs: give the file that the boot loader hands to the kernel';

const compressions = ['auto', 'zstd', 'gzip', 'none'] as const;

/** `image overlay`: files behind an initramfs, and the allowlist of the two. */
export const command: Command = {
  usage: 'overlay <initrd>',
  writes: ['output', 'allowlist'],
  hints: {
    ROOT_AMBIGUOUS: NO_DISK,
    ROOT_MISSING: NO_DISK,
    PATH_UNLISTABLE:
      'rename the file: `ima-assay extract --format json` can write every path, an allowlist cannot',
  },
  summary: 'Add files to a copy of an initramfs, and extract its allowlist',
  options: (yargs) =>
    yargs
      .positional('initrd', { type: 'string', describe: 'Initramfs; it is not changed' })
      .option('add', {
        alias: 'a',
        type: 'string',
        requiresArg: true,
        describe:
          'Add FILE at the absolute path DEST of the image, DEST=FILE; DEST/ keeps its name; without DEST= at its own path (repeatable)',
      })
      .option('output', {
        alias: 'o',
        type: 'string',
        requiresArg: true,
        describe: 'Write the new initramfs to FILE, and its checksum to FILE.sha256',
      })
      .option('allowlist', {
        type: 'string',
        requiresArg: true,
        describe:
          'Write the allowlist to FILE, and its checksum to FILE.sha256; - for standard output (default: OUTPUT.allowlist.txt)',
      })
      .option('compression', {
        type: 'string',
        requiresArg: true,
        choices: compressions,
        describe: 'Compression of what is added (default: zstd if the initramfs has it, otherwise gzip)',
      })
      .option('json', { type: 'boolean', describe: 'Write what was done as JSON, to standard output' })
      .option('quiet', { alias: 'q', type: 'boolean', describe: 'No progress and no summary' })
      .example(
        '$0 image overlay keylime-image.initrd --add /etc/keylime/agent.conf=agent.conf -o new.initrd',
        'the configuration of an agent',
      ),
  run: async (parsed, { signal }) => {
    const quiet = flag(parsed, 'quiet');
    const image = one(parsed, 'initrd') ?? '';
    const output = one(parsed, 'output');
    if (output === undefined || output === '-') {
      throw new UsageError('ARGUMENT_INVALID', { problem: 'a new initramfs needs a file: --output' });
    }
    if (resolve(output) === resolve(image)) {
      throw new UsageError('ARGUMENT_INVALID', {
        problem: 'the initramfs and --output are one file',
        hint: 'the overlay of an overlay would grow with each run: keep the original',
      });
    }
    const additions = many(parsed, 'add').map(readAddition);
    const given = one(parsed, 'compression');
    const progress = openProgress('reading', { quiet });
    const options = {
      compression: compressions.find((known) => known === given),
      onNotice: warn,
      signal,
      onProgress: progress.onProgress,
    };
    const { planOverlay, writeOverlay } = await import('../../../image/overlay.ts');
    const overlay = await planOverlay(image, additions, options)
      .then((plan) => writeOverlay(plan, output, options))
      .finally(progress.close);
    const isJson = flag(parsed, 'json');
    const allowlist = one(parsed, 'allowlist') ?? `${output}.allowlist.txt`;
    if (isJson && allowlist === '-') {
      throw new UsageError('ARGUMENT_INVALID', { problem: '--json and --allowlist - exclude each other' });
    }
    const text = overlay.extraction.allowlist.serialise({ format: 'allowlist' });
    const written = [...overlay.written, ...(await writeData(text, { output: allowlist, signal }))];
    if (isJson) await writeData([Buffer.from(describe(overlay))], { output: undefined, signal });
    if (!quiet) {
      draw(overlay);
      reportWritten(written);
    }
    return exitCodes.done;
  },
};

function readAddition(text: string): Addition {
  const [, path, file = text] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  if (path === undefined && !isAbsolute(file)) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `--add: where in the image does ${JSON.stringify(file)} belong?`,
      hint: `write --add /DESTINATION=${file}`,
    });
  }
  const place = path ?? file;
  return { file, path: place.endsWith('/') ? `${place}${basename(file)}` : place };
}

function draw({ plan, compression, offsetBytes, alsoChanged, extraction }: Overlay): void {
  for (const { file, path, sizeBytes, replaces } of plan.added) {
    const instead = replaces === undefined ? '' : `, in the place of a ${names[replaces]}`;
    process.stderr.write(
      `${escapeControls(path)}: ${escapeControls(file)}, ${formatBytes(sizeBytes)}${instead}\n`,
    );
  }
  for (const path of alsoChanged) warn(`${path} changes too: it is another name of a file that is replaced`);
  process.stderr.write(`overlay at byte ${offsetBytes}, compression ${compression}\n`);
  summarise(extraction);
}

const names = { file: 'file', symlink: 'symbolic link', special: 'special file' } as const;

function describe({ plan, compression, offsetBytes, alsoChanged, extraction, written }: Overlay): string {
  const { image, added, directories } = plan;
  const { sources } = extraction;
  const report = {
    schemaVersion: 1,
    image,
    added,
    directories,
    compression,
    offsetBytes,
    alsoChanged,
    sources,
    written,
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}
