import type { UploadedPart } from '../../../openstack/upload-apply.ts';
import type { UploadAction, UploadPlan, UploadProgress } from '../../../openstack/upload-plan.ts';
import { UsageError } from '../../../usage.ts';
import { openActivity } from '../../activity.ts';
import { flag, one } from '../../arguments.ts';
import { declareCloudOptions, isDryRun, readCloudOptions } from '../../cloud-options.ts';
import type { Command, ParsedArguments } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import { writeOutput } from '../../output.ts';
import { warn } from '../../summary.ts';
import { escapeControls, formatBytes } from '../../terminal.ts';

const valued = { type: 'string', requiresArg: true } as const;
const visibilities = ['private', 'shared', 'community', 'public'] as const;

/** `image upload`: kernel, ramdisk and disk into the cloud, as far as they are not there. */
export const command: Command = {
  usage: 'upload',
  summary: 'Upload kernel, ramdisk and disk to Glance, as far as they are not there',
  options: (yargs) =>
    declareCloudOptions(yargs)
      .option('name', {
        ...valued,
        alias: 'n',
        describe: 'Name of the image; its parts are NAME-kernel and NAME-ramdisk',
      })
      .option('disk', { ...valued, describe: 'Disk image, qcow2 or raw' })
      .option('kernel', { ...valued, describe: 'Kernel (aki)' })
      .option('ramdisk', { ...valued, describe: 'Initramfs (ari)' })
      .option('visibility', {
        ...valued,
        choices: visibilities,
        describe: 'Who may see it (default: private; what is there stays as it is)',
      })
      .option('public', { type: 'boolean', describe: 'The same as --visibility public' })
      .example(
        '$0 image upload -n keylime-image --kernel keylime-image.vmlinuz --ramdisk keylime-image.initrd --disk keylime-image.qcow2',
        'what disk-image-create has built',
      ),
  run: async (parsed, { signal }) => {
    const [name, disk] = [one(parsed, 'name'), one(parsed, 'disk')];
    if (name === undefined || disk === undefined) {
      throw new UsageError('ARGUMENT_INVALID', {
        problem: `--${name === undefined ? 'name' : 'disk'} is missing`,
      });
    }
    const request = {
      name,
      disk,
      kernel: one(parsed, 'kernel'),
      ramdisk: one(parsed, 'ramdisk'),
      visibility: readVisibility(parsed),
    };
    const activity = openActivity({ quiet: flag(parsed, 'quiet') });
    const options = {
      ...readCloudOptions(parsed, signal),
      onProgress: (progress: UploadProgress) => activity.show(describe(progress)),
      onNotice: warn,
    };
    const { planImageUpload, listUploadActions } = await import('../../../openstack/upload-plan.ts');
    const plan = await planImageUpload(request, options).finally(activity.close);
    const actions = listUploadActions(plan);
    const isJson = flag(parsed, 'json');
    if (isDryRun(parsed)) {
      const text = isJson ? toJson({ actions }) : actions.map(drawAction).join('');
      await writeOutput([Buffer.from(text)], parsed, signal);
      return exitCodes.done;
    }
    const { applyImageUpload } = await import('../../../openstack/upload-apply.ts');
    const images = await applyImageUpload(plan, options).finally(activity.close);
    const text = isJson
      ? toJson({ images: images.map((image) => withDigest(image, plan)) })
      : images.map(draw).join('');
    await writeOutput([Buffer.from(text)], parsed, signal);
    return exitCodes.done;
  },
};

function readVisibility(parsed: ParsedArguments): (typeof visibilities)[number] | undefined {
  const given = one(parsed, 'visibility');
  const visibility = visibilities.find((known) => known === given);
  if (!flag(parsed, 'public')) return visibility;
  if (visibility !== undefined && visibility !== 'public') {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `--public and --visibility ${visibility} exclude each other`,
    });
  }
  return 'public';
}

function describe({ part, doing, bytes, totalBytes }: UploadProgress): string {
  return doing === 'hashing' ? `hashing ${part}` : `${doing} ${part}, ${formatBytes(bytes || totalBytes)}`;
}

function drawAction({ action, part, name, id, detail }: UploadAction): string {
  const which = id === undefined ? '' : ` ${id}`;
  return `${action.padEnd(7)} ${part.padEnd(8)} ${escapeControls(name)}${which}: ${escapeControls(detail)}\n`;
}

function draw({ part, id, name, did }: UploadedPart): string {
  return `${part.padEnd(8)} ${id}  ${did.padEnd(9)} ${escapeControls(name)}\n`;
}

function withDigest(
  image: UploadedPart,
  { parts }: UploadPlan,
): UploadedPart & { readonly sha512: string | undefined } {
  return { ...image, sha512: parts.find(({ part }) => part === image.part)?.content.sha512 };
}

function toJson(report: object): string {
  return `${JSON.stringify({ schemaVersion: 1, ...report }, null, 2)}\n`;
}
