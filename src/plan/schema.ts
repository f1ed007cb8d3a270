import { z } from 'zod';
import { visibilities, type Visibility } from '../openstack/images.ts';

/** What is to be: defaults filled in, paths absolute. The schema below says what each part means. */
export interface Plan {
  readonly version: 1;
  readonly cloud?: string | undefined;
  readonly keylime?: PlannedKeylime | undefined;
  readonly images: Readonly<Record<string, PlannedImage>>;
  readonly policies: Readonly<Record<string, PlannedPolicy>>;
  readonly nodes: Readonly<Record<string, PlannedNode>>;
}

export interface PlannedKeylime {
  readonly verifier: string;
  readonly registrar?: string | undefined;
  readonly certificates: string;
}

export interface PlannedImage {
  readonly disk: string;
  readonly kernel?: string | undefined;
  readonly ramdisk?: string | undefined;
  readonly visibility?: Visibility | undefined;
}

export interface PlannedPolicy {
  readonly images: readonly string[];
  readonly sources: readonly string[];
  readonly policies: readonly string[];
  readonly measurementLists: readonly string[];
  readonly excludeLists: readonly string[];
  readonly layers: readonly string[];
}

export interface PlannedNode {
  readonly image?: string | undefined;
  readonly existingImage?: string | undefined;
  readonly resourceClass: string;
  readonly networks: readonly string[];
  readonly attach: readonly string[];
  readonly candidates: readonly string[];
  readonly sshPublicKeys: readonly string[];
  readonly userName?: string | undefined;
  readonly rootSizeGib?: number | undefined;
  readonly policy?: string | undefined;
  readonly agent?: PlannedAgent | undefined;
}

export interface PlannedAgent {
  readonly uuid?: string | undefined;
  readonly address?: string | undefined;
  readonly ek?: string | undefined;
  readonly endpoint?: string | undefined;
}

/** Names of ours: they become names of images, policies and files. */
const name = z
  .string()
  .regex(
    /^[A-Za-z0-9][\w.-]{0,62}$/,
    'is no name: letters, digits, "_", "." and "-", a letter or digit first',
  );

const hostname = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'is no hostname: small letters, digits and "-"');

/** Names that others gave: they are passed on, never to a shell. */
const foreign = z
  .string()
  .min(1)
  .max(255)
  .regex(/^(?!-)[^\p{Cc}]*$/u, 'begins with "-" or has a control character');

const path = z
  .string()
  .min(1)
  .max(4096)
  .regex(/^(?!-$)[^\0]*$/, 'is no path of a file');
const paths = z.array(path).default([]).describe('Files; relative paths are relative to the plan');

const keylime = z
  .strictObject({
    verifier: foreign.describe('HOST or HOST:PORT of the verifier; its port is 8881'),
    registrar: foreign
      .optional()
      .describe(
        'HOST or HOST:PORT of the registrar, with TLS: its port is 8891. Default: the host of the verifier',
      ),
    certificates: path.describe('Directory with cacert.crt, client-cert.crt and client-private.pem'),
  })
  .describe('The Keylime servers, and with what they are asked');

const image = z
  .strictObject({
    disk: path.describe('Disk image'),
    kernel: path.optional().describe('Kernel, for a disk that does not boot by itself'),
    ramdisk: path.optional().describe('Initramfs, with the kernel'),
    visibility: z.enum(visibilities).optional().describe('Who may see it. Default: private'),
  })
  .refine((one) => (one.kernel === undefined) === (one.ramdisk === undefined), {
    message: 'has a kernel or a ramdisk without the other',
  })
  .describe('Files that are uploaded together');

const policy = z
  .strictObject({
    images: z.array(name).default([]).describe('Images of this plan: the files of their disk and ramdisk'),
    sources: paths.describe('Other images, as `ima-assay extract` reads them'),
    policies: paths.describe('Runtime policies and allowlists'),
    measurementLists: paths.describe('Measurement lists of machines that are as they should be'),
    excludeLists: paths,
    layers: z
      .array(name)
      .default([])
      .describe('Other policies of this plan, whose union with this one counts'),
  })
  .describe('A runtime policy: the union of all that is named');

const agent = z
  .strictObject({
    uuid: foreign.optional().describe('Its id'),
    address: foreign.optional().describe('The address it registered'),
    ek: z
      .string()
      .regex(/^[\da-fA-F]{64}$/, 'is not 64 hex digits')
      .optional()
      .describe('SHA-256 of its endorsement key in PEM'),
    endpoint: foreign
      .optional()
      .describe('Where the verifier reaches it, HOST or HOST:PORT. Default: as registered'),
  })
  .refine(({ uuid, address, ek }) => [uuid, address, ek].filter((one) => one !== undefined).length <= 1, {
    message: 'is told by more than one of uuid, address and ek',
  })
  .describe('How the agent of a node is told. Default: by the address of the node on its first network');

const node = z
  .strictObject({
    image: name.optional().describe('Image of this plan'),
    existingImage: foreign.optional().describe('Image that is in the cloud, by name or ID'),
    resourceClass: foreign.default('baremetal'),
    networks: z
      .array(foreign)
      .min(1, 'needs at least one network')
      .describe('Networks, by name or ID; the agent is reached by the first'),
    attach: z.array(foreign).default([]).describe('Networks that it is attached to once it is active'),
    candidates: z.array(foreign).default([]).describe('Nodes to choose from'),
    sshPublicKeys: paths,
    userName: foreign.optional(),
    rootSizeGib: z.int().min(1).max(1_000_000).optional(),
    policy: name.optional().describe('Policy of this plan. Without one it is not attested'),
    agent: agent.optional(),
  })
  .refine((one) => (one.image === undefined) !== (one.existingImage === undefined), {
    message: 'needs one of image and existingImage',
  })
  .describe('A machine');

/** A plan as it is written; read it with `readPlan`. */
export const planSchema: z.ZodType<Plan> = z
  .strictObject({
    version: z.literal(1, 'has to be 1'),
    cloud: foreign.optional().describe('A cloud of clouds.yaml. Default: what OS_CLOUD and OS_* say'),
    keylime: keylime.optional(),
    images: z.record(name, image).default({}).describe('Images by their names'),
    policies: z.record(name, policy).default({}).describe('Policies by their names on the verifier'),
    nodes: z.record(hostname, node).default({}).describe('Machines by their hostnames'),
  })
  .describe('What ima-assay attest makes true: images in a cloud, machines with them, and their attestation');
