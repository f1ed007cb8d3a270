import { applyImageUpload } from '../../openstack/upload-apply.ts';
import { listUploadActions, planImageUpload, type UploadPlan } from '../../openstack/upload-plan.ts';
import type { PlanContext } from '../context.ts';
import type { Output, Step, Thing } from '../step.ts';

/** The id of an image's step. */
export function imageStepId(name: string): string {
  return `image ${name}`;
}

/** The files of an image, in the cloud. Leaves `imageId`, of the disk. */
export function imageStep({ plan, cloud }: PlanContext, name: string): Step {
  const look = (signal: AbortSignal | undefined): Promise<UploadPlan> => {
    const { disk, kernel, ramdisk, visibility } = plan.images[name] ?? { disk: '' };
    return planImageUpload({ name, disk, kernel, ramdisk, visibility }, { ...cloud, signal });
  };
  return {
    id: imageStepId(name),
    needs: [],
    inspect: async (_outputs, signal) => {
      const upload = await look(signal);
      const actions = listUploadActions(upload).filter(({ action }) => action !== 'keep');
      return {
        actions: actions.map(
          ({ action, part, name: partName, detail }) => `${action} ${part} ${partName}: ${detail}`,
        ),
        output: toOutput(upload),
        creates: upload.parts.filter(({ found }) => found === undefined).map(toThing),
      };
    },
    apply: async ({ signal, onProgress }) => {
      let last = '';
      const images = await applyImageUpload(await look(signal), {
        ...cloud,
        signal,
        // It is called each second.
        onProgress: ({ part, doing }) => {
          const text = `${doing} the ${part}`;
          if (text !== last) onProgress(text);
          last = text;
        },
        onNotice: onProgress,
      });
      const disk = images.find(({ part }) => part === 'disk');
      return disk === undefined ? {} : { imageId: disk.id };
    },
  };
}

function toOutput({ parts }: UploadPlan): Output | undefined {
  const found = parts.find(({ part }) => part === 'disk')?.found;
  return found && { imageId: found.id };
}

function toThing({ name, content }: UploadPlan['parts'][number]): Thing {
  return { kind: 'image', name, sha512: content.sha512 };
}
