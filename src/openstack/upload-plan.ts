import { requireName } from '../process/name.ts';
import { UsageError } from '../usage.ts';
import { type Cloud, type CloudOptions, openCloud } from './client.ts';
import { digestFile, type FileDigest } from './file-digest.ts';
import { findImagesByName, findImagesByProperty, type Image, showImage, type Visibility } from './images.ts';

/** The property that says which content an image was made to hold, before its service has hashed it. */
export const STAMP = 'ima_assay_sha512';

/** The parts of an image, in the order of their upload: the last one names the others. */
export const parts = ['kernel', 'ramdisk', 'disk'] as const;

/** One of {@link parts}. */
export type Part = (typeof parts)[number];

/** What is to be in the cloud. */
export interface UploadRequest {
  /** Of the disk; the others are NAME-kernel and NAME-ramdisk. */
  readonly name: string;
  readonly disk: string;
  /** With a ramdisk, or not at all: a disk that boots by itself needs neither. */
  readonly kernel?: string | undefined;
  readonly ramdisk?: string | undefined;
  /** Default: `private` for what is uploaded, and as it is for what is there. Public images are for administrators. */
  readonly visibility?: Visibility | undefined;
}

/** How to look. */
export interface UploadOptions extends CloudOptions {
  /** Called as files are read and images change. */
  readonly onProgress?: ((progress: UploadProgress) => void) | undefined;
}

/** Where an upload is. */
export interface UploadProgress {
  readonly part: Part;
  readonly doing: 'hashing' | 'uploading' | 'checking' | 'deleting';
  /** Bytes that were hashed; of an upload nothing is known before its end. */
  readonly bytes: number;
  readonly totalBytes: number;
}

/** An image that a killed upload left. */
export interface Leftover {
  readonly id: string;
  readonly status: string;
}

/** One part, what is there of it, and what has to be done. */
export interface PartPlan {
  readonly part: Part;
  readonly name: string;
  readonly content: FileDigest;
  readonly containerFormat: string;
  readonly diskFormat: string;
  /** What was asked for. */
  readonly visibility: Visibility | undefined;
  /** The image that holds the content already. */
  readonly found: Image | undefined;
  readonly leftovers: readonly Leftover[];
}

/** What an upload would do. */
export interface UploadPlan {
  readonly parts: readonly PartPlan[];
}

const formats = {
  kernel: { containerFormat: 'aki', diskFormat: 'aki' },
  ramdisk: { containerFormat: 'ari', diskFormat: 'ari' },
} as const;

/**
 * Looks which of the files are in the cloud already, by their content. Nothing is changed.
 * @throws UsageError `ARGUMENT_INVALID`, `INPUT_UNREADABLE`; RemoteError, ProgramError
 */
export async function planImageUpload(
  request: UploadRequest,
  options: UploadOptions = {},
): Promise<UploadPlan> {
  const { name, visibility } = request;
  requireName('image', name);
  if ((request.kernel === undefined) !== (request.ramdisk === undefined)) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `a ${request.kernel === undefined ? 'ramdisk without a kernel' : 'kernel without a ramdisk'} boots nothing`,
      hint: 'give both, or for a disk that boots by itself neither',
    });
  }
  const cloud = openCloud(options);
  const planned: PartPlan[] = [];
  for (const part of parts) {
    const file = request[part];
    if (file === undefined) continue;
    const content = await digest(part, file, options);
    const format =
      part === 'disk' ? { containerFormat: 'bare', diskFormat: content.diskFormat } : formats[part];
    const partName = part === 'disk' ? name : requireName('image', `${name}-${part}`);
    const wanted: Wanted = { part, name: partName, content, visibility, ...format };
    planned.push({ ...wanted, ...(await inspect(cloud, wanted)) });
  }
  return { parts: planned };
}

async function digest(part: Part, file: string, { signal, onProgress }: UploadOptions): Promise<FileDigest> {
  return digestFile(file, {
    signal,
    onBytes: (bytes) => onProgress?.({ part, doing: 'hashing', bytes, totalBytes: 0 }),
  });
}

type Wanted = Omit<PartPlan, 'found' | 'leftovers'>;

async function inspect(cloud: Cloud, wanted: Wanted): Promise<Pick<PartPlan, 'found' | 'leftovers'>> {
  const stamped = await findImagesByProperty(cloud, [STAMP, wanted.content.sha512]);
  const leftovers = stamped.filter((row) => row.name === wanted.name && isUnfinished(row.status));
  const candidates = stamped.filter(({ status }) => status === 'active').map(({ id }) => id);
  // Images that others made have no stamp: size and MD5 of the list pick those that are worth a closer look.
  const named = await findImagesByName(cloud, wanted.name);
  for (const { id, status, sizeBytes, checksum } of named) {
    const { content } = wanted;
    const fits =
      (sizeBytes ?? content.sizeBytes) === content.sizeBytes && (checksum ?? content.md5) === content.md5;
    if (status === 'active' && fits && !candidates.includes(id)) candidates.push(id);
  }
  const holding: Image[] = [];
  for (const id of candidates) {
    const image = await showImage(cloud, id);
    if (holds(image, wanted)) holding.push(image);
  }
  // The same one each time, and rather one that need not be changed.
  holding.sort((a, b) => (a.id < b.id ? -1 : 1));
  return {
    found: holding.find((image) => image.visibility === wanted.visibility) ?? holding[0],
    leftovers: leftovers.map(({ id, status }) => ({ id, status })),
  };
}

/** What a client leaves that was killed in the middle of an upload. */
export function isUnfinished(status: string): boolean {
  return status === 'queued' || status === 'saving';
}

/** Whether an image is what is wanted. Kernels and ramdisks are named by ID alone: their name does not matter. */
function holds(image: Image, wanted: Wanted): boolean {
  return (
    image.status === 'active' &&
    (wanted.part !== 'disk' || image.name === wanted.name) &&
    image.containerFormat === wanted.containerFormat &&
    image.diskFormat === wanted.diskFormat &&
    hasContent(image, wanted.content)
  );
}

/** Whether the service's own hash is that of the file. */
export function hasContent(image: Image, { sizeBytes, sha512, md5 }: FileDigest): boolean {
  const { os_hash_algo: algorithm, os_hash_value: value, [STAMP]: stamp } = image.properties;
  if (image.sizeBytes !== sizeBytes) return false;
  if (algorithm === 'sha512') return value === sha512;
  // Some services are set to another algorithm. MD5 alone proves nothing, but to whoever made the image.
  return stamp === sha512 && image.checksum === md5;
}

/** What has to be done for one part, in order. */
export interface UploadAction {
  readonly part: Part;
  readonly action: 'delete' | 'upload' | 'change' | 'keep';
  readonly name: string;
  /** None of what is still to be uploaded. */
  readonly id: string | undefined;
  /** Why, or what of it. */
  readonly detail: string;
}

/** The plan as a list of actions, for a person or a report. */
export function listUploadActions({ parts: planned }: UploadPlan): readonly UploadAction[] {
  const idOf = (link: Part): string | undefined => {
    const linked = planned.find(({ part }) => part === link);
    return linked && (linked.found?.id ?? 'the new one');
  };
  return planned.flatMap((one) => {
    const { part, name, content, containerFormat, diskFormat, found, leftovers } = one;
    const actions: UploadAction[] = leftovers.map(({ id, status }) => ({
      part,
      action: 'delete',
      name,
      id,
      detail: `left ${status} by an upload that was killed`,
    }));
    if (found === undefined) {
      const detail = `${content.file}, ${containerFormat}/${diskFormat}, ${one.visibility ?? 'private'}`;
      return [...actions, { part, action: 'upload', name, id: undefined, detail }];
    }
    const { visibility, properties } = changesOf(one, found, idOf);
    const changes = Object.entries({ ...(visibility === undefined ? {} : { visibility }), ...properties });
    const detail = changes.map(([key, value]) => `${key}=${value}`).join(', ');
    return [
      ...actions,
      changes.length === 0
        ? {
            part,
            action: 'keep',
            name: found.name ?? name,
            id: found.id,
            detail: 'is there, with this content',
          }
        : { part, action: 'change', name: found.name ?? name, id: found.id, detail },
    ];
  });
}

/** What of an image that is there differs from what is wanted. */
export function changesOf(
  { part, visibility }: PartPlan,
  found: Image,
  idOf: (part: 'kernel' | 'ramdisk') => string | undefined,
): { readonly visibility: Visibility | undefined; readonly properties: Readonly<Record<string, string>> } {
  const properties: Record<string, string> = {};
  for (const link of part === 'disk' ? (['kernel', 'ramdisk'] as const) : []) {
    const id = idOf(link);
    if (id !== undefined && found.properties[`${link}_id`] !== id) properties[`${link}_id`] = id;
  }
  return { visibility: found.visibility === visibility ? undefined : visibility, properties };
}
