import { setTimeout as sleep } from 'node:timers/promises';
import { RemoteError } from '../remote/error.ts';
import { type Cloud, openCloud } from './client.ts';
import { createImage, deleteImage, findImagesByProperty, type Image, setImage, showImage } from './images.ts';
import {
  changesOf,
  hasContent,
  isUnfinished,
  type Part,
  type PartPlan,
  STAMP,
  type UploadOptions,
  type UploadPlan,
  type UploadProgress,
} from './upload-plan.ts';

/** What became of a part. */
export interface UploadedPart {
  readonly part: Part;
  readonly id: string;
  readonly name: string;
  readonly did: 'uploaded' | 'changed' | 'kept';
}

/** How to upload. */
export interface ApplyUploadOptions extends UploadOptions {
  /** Takes a sentence about what could not be tidied up. */
  readonly onNotice?: ((text: string) => void) | undefined;
}

/** A slow line carries this much a second. */
const SLOWEST_BYTES_PER_SECOND = 1 << 20;

/** Beside the time for the bytes themselves. */
const UPLOAD_PATIENCE_MS = 600_000;

const POLL_MS = 3_000;

/** Some services take a while to hash what they were given. */
const POLLS = 20;

/**
 * Does what a plan says: removes what killed uploads left, uploads what is missing, changes what differs. After a
 * failure or an abort everything that this run made is deleted again, the last first.
 * @returns the images, in the order of their parts
 * @throws RemoteError, ProgramError, UsageError; the signal's reason
 */
export async function applyImageUpload(
  plan: UploadPlan,
  options: ApplyUploadOptions = {},
): Promise<readonly UploadedPart[]> {
  const cloud = openCloud(options);
  const done: UploadedPart[] = [];
  const made: string[] = [];
  let current: PartPlan | undefined;
  try {
    for (const part of plan.parts) {
      current = part;
      done.push(await applyPart(cloud, part, { done, made }, options));
    }
    return done;
  } catch (error) {
    for (const id of made.toReversed()) await tidy(id, deleteImage(cloud, id), options);
    if (current?.found === undefined && current !== undefined) {
      await tidy(current.name, removeUnfinished(cloud, current), options);
    }
    throw error;
  }
}

async function applyPart(
  cloud: Cloud,
  plan: PartPlan,
  { done, made }: { readonly done: readonly UploadedPart[]; readonly made: string[] },
  options: ApplyUploadOptions,
): Promise<UploadedPart> {
  const { part, name, found, leftovers, content } = plan;
  let doing: UploadProgress['doing'] = 'uploading';
  const report = (now: UploadProgress['doing']): void => {
    doing = now;
    options.onProgress?.({ part, doing, bytes: 0, totalBytes: content.sizeBytes });
  };
  const idOf = (link: Part): string | undefined => done.find((each) => each.part === link)?.id;
  for (const { id } of leftovers) {
    report('deleting');
    await deleteImage(cloud, id);
  }
  if (found !== undefined) {
    const changes = changesOf(plan, found, idOf);
    const isChanged = changes.visibility !== undefined || Object.keys(changes.properties).length > 0;
    if (isChanged) await setImage(cloud, found.id, changes);
    return { part, id: found.id, name: found.name ?? name, did: isChanged ? 'changed' : 'kept' };
  }
  report('uploading');
  const ticking = setInterval(() => report(doing), 1_000);
  try {
    const id = await upload(cloud, plan, idOf);
    made.push(id);
    report('checking');
    await requireArrived(cloud, id, plan, options.signal);
    return { part, id, name, did: 'uploaded' };
  } finally {
    clearInterval(ticking);
  }
}

async function upload(
  cloud: Cloud,
  { part, name, content, containerFormat, diskFormat, visibility = 'private' }: PartPlan,
  idOf: (part: Part) => string | undefined,
): Promise<string> {
  const links = part === 'disk' ? { kernel_id: idOf('kernel'), ramdisk_id: idOf('ramdisk') } : {};
  const properties: Record<string, string> = { [STAMP]: content.sha512 };
  for (const [key, id] of Object.entries(links)) if (id !== undefined) properties[key] = id;
  const image = { name, file: content.file, containerFormat, diskFormat, visibility, properties };
  const patience = UPLOAD_PATIENCE_MS + Math.ceil(content.sizeBytes / SLOWEST_BYTES_PER_SECOND) * 1_000;
  return createImage(cloud, image, patience);
}

/** Asks again for what was made: the first answer is stale with older clients. */
async function requireArrived(
  cloud: Cloud,
  id: string,
  { name, content }: PartPlan,
  signal: AbortSignal | undefined,
): Promise<void> {
  let image: Image = await showImage(cloud, id);
  for (let poll = 0; poll < POLLS && !isSettled(image); poll += 1) {
    await sleep(POLL_MS, undefined, { signal });
    image = await showImage(cloud, id);
  }
  if (image.status !== 'active') {
    throw new RemoteError('WRONG_STATE', {
      problem: `image ${name} (${id}) is ${image.status} after its upload instead of active`,
      hint: 'the service did not store it: ask those who run it',
    });
  }
  if (!hasContent(image, content)) {
    throw new RemoteError('ANSWER_MALFORMED', {
      problem: `image ${name} (${id}) arrived with other bytes than ${content.file} has`,
      hint: 'the file changed while it was uploaded, or something on the way changed it: try again',
    });
  }
}

function isSettled({ status }: Image): boolean {
  return !isUnfinished(status) && status !== 'importing' && status !== 'uploading';
}

/** Deletes what a client left that was ended in the middle of an upload of this run. */
async function removeUnfinished(cloud: Cloud, { name, content }: PartPlan): Promise<void> {
  const rows = await findImagesByProperty(cloud, [STAMP, content.sha512], { isCleanUp: true });
  for (const row of rows) {
    if (row.name === name && isUnfinished(row.status)) await deleteImage(cloud, row.id);
  }
}

async function tidy(what: string, work: Promise<void>, { onNotice }: ApplyUploadOptions): Promise<void> {
  await work.catch((error: unknown) => {
    if (error instanceof RemoteError && error.code === 'NOT_FOUND') return;
    const reason = error instanceof Error ? error.message : String(error);
    onNotice?.(`image ${what} could not be deleted again: ${reason}`);
  });
}
