// A cloud that is none, for commands that look for its clients in PATH: test/openstack/fakes/client.mjs.

import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { runProgram, type RunProgram } from '../../src/process/program.ts';
import { freshDirectory } from './directory.ts';

const CLIENT = fileURLToPath(new URL('../openstack/fakes/client.mjs', import.meta.url));

export interface FakeImage {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly visibility: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

export interface FakeNode {
  readonly uuid: string;
  readonly name: string;
  readonly provision_state: string;
  readonly hostname?: string;
  readonly image?: string;
  readonly ports: readonly { readonly mac: string; readonly port?: string; readonly network?: string }[];
}

/** A call that is to fail, as often as `times` says; default once. */
export interface FakeFailure {
  readonly call: string;
  readonly exitCode: number;
  readonly stderr: string;
  readonly times?: number;
}

export interface FakeState {
  readonly images: readonly FakeImage[];
  readonly nodes: readonly FakeNode[];
  readonly calls: readonly (readonly string[])[];
}

export interface FakeCloud {
  /** Runs the clients of this cloud. */
  readonly run: RunProgram;
  /** For a command in another process. */
  readonly env: Readonly<Record<string, string>>;
  readonly directory: string;
  readonly state: () => Promise<FakeState>;
  /** Changes the cloud behind everybody's back. */
  readonly change: (state: Readonly<Record<string, unknown>>) => Promise<void>;
}

export const NODE: Readonly<Record<string, unknown>> = {
  uuid: '10000000-0000-4000-8000-000000000001',
  name: 'node-1',
  provision_state: 'available',
  power_state: 'power off',
  maintenance: false,
  last_error: null,
  resource_class: 'baremetal',
  ports: [{ mac: '52:54:00:00:00:01' }, { mac: '52:54:00:00:00:02' }],
};

/** Two networks; their IDs are what other calls call their UUIDs. */
const NETWORKS = ['attestation', 'public'].map((name, index) => {
  const id = `20000000-0000-4000-8000-00000000000${index}`;
  return { id, uuid: id, name };
});

/** A cloud with one node, two networks and no images. */
export async function openFakeCloud(state: Readonly<Record<string, unknown>> = {}): Promise<FakeCloud> {
  const directory = await freshDirectory();
  const programs = join(directory, 'bin');
  await mkdir(programs);
  for (const name of ['openstack', 'metalsmith']) await copyFile(CLIENT, join(programs, `${name}.mjs`));
  for (const name of ['openstack', 'metalsmith']) {
    const script = `#!/bin/sh\nexec '${process.execPath}' '${join(programs, name)}.mjs' "$@"\n`;
    await writeFile(join(programs, name), script, { mode: 0o755 });
  }
  const file = join(directory, 'cloud.json');
  const initial = { images: [], nodes: [NODE], networks: NETWORKS, failures: [], calls: [], ...state };
  await writeFile(file, JSON.stringify(initial));
  const env = { PATH: `${programs}${delimiter}${process.env['PATH'] ?? ''}`, FAKE_CLOUD: file };
  const read = async (): Promise<FakeState & Record<string, unknown>> =>
    JSON.parse(await readFile(file, 'utf8'));
  return {
    run: (call) =>
      runProgram({ ...call, program: join(programs, call.program), env: { ...call.env, ...env } }),
    env,
    directory,
    state: read,
    change: async (changes) => writeFile(file, JSON.stringify({ ...(await read()), ...changes })),
  };
}
