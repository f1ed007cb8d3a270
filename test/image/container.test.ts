// Container images on the command line: an OCI layout that is made here, for two platforms and under two names.

import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';

/** `sha256sum` of "a\n", by coreutils 9.1. */
const OF_A = '87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7';

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A tar archive with one file that has the bytes "a\n". */
function makeLayer(name: string): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000644\0' + '0000000\0'.repeat(2) + '00000000002\0' + '00000000000\0', 100);
  header.write('        0', 148);
  header.write('ustar\x0000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return Buffer.concat([header, Buffer.from('a\n'), Buffer.alloc(510 + 1024)]);
}

async function makeLayout(): Promise<string> {
  const layout = await freshDirectory();
  await mkdir(join(layout, 'blobs/sha256'), { recursive: true });
  const store = async (mediaType: string, bytes: Uint8Array): Promise<Descriptor> => {
    await writeFile(join(layout, 'blobs/sha256', sha256(bytes)), bytes);
    return { mediaType, digest: `sha256:${sha256(bytes)}`, size: bytes.length };
  };
  const storeJson = (mediaType: string, value: unknown): Promise<Descriptor> =>
    store(mediaType, Buffer.from(JSON.stringify(value)));
  const makeImage = async (architecture: string, name: string): Promise<object> => {
    const layer = makeLayer(name);
    const config = await storeJson(CONFIG, {
      architecture,
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
    });
    const layers = [await store(LAYER, layer)];
    const manifest = await storeJson(MANIFEST, { schemaVersion: 2, config, layers });
    return { ...manifest, platform: { os: 'linux', architecture } };
  };
  const platforms = [
    await makeImage('amd64', 'usr/on-amd64'),
    await makeImage('arm64', 'usr/on-arm64'),
    await makeImage('s390x', 'usr/on-s390x'),
  ];
  const index = await storeJson(INDEX, { schemaVersion: 2, manifests: platforms });
  const named = (descriptor: object, name: string): object => ({
    ...descriptor,
    annotations: { 'org.opencontainers.image.ref.name': name },
  });
  const manifests = [named(index, 'many'), named(await makeImage('amd64', 'usr/one'), 'one')];
  await writeFile(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
  await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  return layout;
}

describe('a container image', () => {
  test('is chosen by name and platform', async () => {
    const layout = await makeLayout();
    expect(await runCli(['extract', layout, '--image-name', 'one', '-q'])).toMatchObject({
      stdout: `${OF_A}  /usr/one\n`,
      code: 0,
    });
    const options = ['--image-name', 'many', '--platform', 'linux/s390x', '-q'];
    expect(await runCli(['extract', layout, ...options])).toMatchObject({
      stdout: `${OF_A}  /usr/on-s390x\n`,
      stderr: '',
      code: 0,
    });
  });

  test('that is not the only one is an error that lists them', async () => {
    const layout = await makeLayout();
    const { stderr, stdout, code } = await runCli(['extract', layout]);
    expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
    expect(stderr).toContain('many (linux/amd64), many (linux/arm64), many (linux/s390x), one (linux/amd64)');
    expect(stderr).toContain('[OCI_IMAGE_AMBIGUOUS]');
  });

  test('is shown with its digests, which are what a registry calls it', async () => {
    const layout = await makeLayout();
    const { stdout, code } = await runCli(['inspect', layout, '--image-name', 'one', '--json']);
    expect(code).toBe(0);
    const layer = sha256(makeLayer('usr/one'));
    expect(JSON.parse(stdout)).toMatchObject({
      sources: [
        {
          layer: {
            kind: 'oci layout',
            facts: { images: 4 },
            layers: [
              { kind: 'image', layers: [{ facts: { digest: `sha256:${layer}`, compression: 'none' } }] },
            ],
          },
        },
      ],
    });
  });

  test.each(['linux', 'linux/amd64/v2/x', '/amd64', 'linux/a b'])(
    'is not asked for by %s',
    async (platform) => {
      const { stderr, code } = await runCli(['extract', '.', '--platform', platform]);
      expect(code).toBe(2);
      expect(stderr).toContain('[ARGUMENT_INVALID]');
    },
  );
});
