import { z } from 'zod';
import { type Cloud, type CallOptions, readAnswer } from './client.ts';

/** Who may see an image. */
export const visibilities = ['private', 'shared', 'community', 'public'] as const;

/** One of {@link visibilities}. */
export type Visibility = (typeof visibilities)[number];

/** An image, as far as an upload looks at it. */
export interface Image {
  readonly id: string;
  readonly name: string | null;
  /** `queued`, `saving`, `active`, `killed`, `deactivated`, … */
  readonly status: string;
  readonly visibility: string;
  readonly sizeBytes: number | null;
  /** MD5, lower-case hex. */
  readonly checksum: string | null;
  readonly diskFormat: string | null;
  readonly containerFormat: string | null;
  /** All others, `kernel_id` and `os_hash_value` among them. */
  readonly properties: Readonly<Record<string, unknown>>;
}

/** A row of a list. */
export interface ImageRow {
  readonly id: string;
  readonly name: string | null;
  readonly status: string;
  readonly sizeBytes: number | null;
  readonly checksum: string | null;
}

const shown = z
  .object({
    id: z.string(),
    name: z.string().nullable().default(null),
    status: z.string(),
    visibility: z.string(),
    size: z.number().nullish(),
    checksum: z.string().nullish(),
    disk_format: z.string().nullish(),
    container_format: z.string().nullish(),
    properties: z.record(z.string(), z.unknown()).default({}),
  })
  .transform((image) => ({
    id: image.id,
    name: image.name,
    status: image.status,
    visibility: image.visibility,
    sizeBytes: image.size ?? null,
    checksum: image.checksum ?? null,
    diskFormat: image.disk_format ?? null,
    containerFormat: image.container_format ?? null,
    properties: image.properties,
  }));

const rows = z.array(
  z
    .object({
      ID: z.string(),
      Name: z.string().nullable(),
      Status: z.string(),
      Size: z.number().nullish(),
      Checksum: z.string().nullish(),
    })
    .transform((row) => ({
      id: row.ID,
      name: row.Name,
      status: row.Status,
      sizeBytes: row.Size ?? null,
      checksum: row.Checksum ?? null,
    })),
);

/** An image by its ID, or by a name that only one has. */
export async function showImage(cloud: Cloud, image: string): Promise<Image> {
  const text = await cloud.openstack(['image', 'show', '--format=json', '--', image]);
  return readAnswer('`openstack image show`', text, shown);
}

/** Images with a property, whatever their status. */
export async function findImagesByProperty(
  cloud: Cloud,
  [name, value]: readonly [name: string, value: string],
  options?: CallOptions,
): Promise<readonly ImageRow[]> {
  return listImages(cloud, [`--property=${name}=${value}`], options);
}

/** Images with a name: names are not unique. */
export async function findImagesByName(cloud: Cloud, name: string): Promise<readonly ImageRow[]> {
  return listImages(cloud, [`--name=${name}`]);
}

async function listImages(
  cloud: Cloud,
  filter: readonly string[],
  options?: CallOptions,
): Promise<readonly ImageRow[]> {
  const args = ['image', 'list', '--long', '--format=json', ...filter];
  return readAnswer('`openstack image list`', await cloud.openstack(args, options), rows);
}

/** An image to make. */
export interface NewImage {
  readonly name: string;
  readonly file: string;
  readonly containerFormat: string;
  readonly diskFormat: string;
  readonly visibility: Visibility;
  readonly properties: Readonly<Record<string, string>>;
}

const created = z.object({ id: z.string() });

/** Makes an image and uploads its file. Returns its ID: the rest of this answer is stale with older clients. */
export async function createImage(cloud: Cloud, image: NewImage, timeoutMs: number): Promise<string> {
  const { name, file, containerFormat, diskFormat, visibility, properties } = image;
  const args = [
    'image',
    'create',
    '--format=json',
    `--file=${file}`,
    `--${visibility}`,
    `--container-format=${containerFormat}`,
    `--disk-format=${diskFormat}`,
    ...toProperties(properties),
    '--',
    name,
  ];
  const text = await cloud.openstack(args, { timeoutMs });
  return readAnswer('`openstack image create`', text, created).id;
}

/** Changes properties, and who may see it. */
export async function setImage(
  cloud: Cloud,
  id: string,
  changes: {
    readonly visibility?: Visibility | undefined;
    readonly properties: Readonly<Record<string, string>>;
  },
): Promise<void> {
  const { visibility, properties } = changes;
  const visible = visibility === undefined ? [] : [`--${visibility}`];
  await cloud.openstack(['image', 'set', ...visible, ...toProperties(properties), '--', id]);
}

/** Deletes an image, also when the work around it was aborted. */
export async function deleteImage(cloud: Cloud, id: string): Promise<void> {
  await cloud.openstack(['image', 'delete', '--', id], { isCleanUp: true });
}

function toProperties(properties: Readonly<Record<string, string>>): string[] {
  return Object.entries(properties).map(([name, value]) => `--property=${name}=${value}`);
}
