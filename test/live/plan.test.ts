// The guide from upload to attestation, as one plan, with real servers: Glance, Ironic, Keylime's verifier, registrar and
// tenant, the official clients, and a software TPM that quotes. The machine that Ironic deploys and the node that is
// attested are two halves of one: nothing links them but the plan.

import { execFile } from 'node:child_process';
import { appendFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

import { expect, test } from 'vitest';

import { type CliResult, runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import { needsKeylime } from '../support/keylime.ts';
import { digestField, entry, hashOf, type Made, nameField, toAscii } from '../support/made-list.ts';
import { needsTool, skipAloud } from '../support/tools.ts';
import { startKeylime, startNode } from './keylime.ts';
import { enrol, hasServices, startServices } from './services.ts';

const CLIENTS = process.env['IMA_ASSAY_LIVE'] ?? '';

const LIMIT_MS = 600_000;

/** An entry for a file whose content is its name. */
const ran = (name: string): Made =>
  entry('ima-ng', [digestField('sha256', hashOf('sha256', name)), nameField(name)]);

/** The PCRs of the boot are zeros in a software TPM that nothing booted. */
const bootAggregate = entry('ima-ng', [
  digestField('sha256', hashOf('sha256', Buffer.alloc(10 * 32))),
  nameField('boot_aggregate'),
]);

test(
  'a plan uploads, deploys and attests; a tampered node fails; the updated policy mends it; destroy leaves nothing',
  async (context) => {
    const environment = needsKeylime(context);
    needsTool(context, 'swtpm', 'tpm2_quote', 'openssl', 'qemu-img');
    if (CLIENTS === '' || !(await hasServices())) {
      skipAloud(
        context,
        'IMA_ASSAY_LIVE names no directory of .ci/setup-openstack, or Glance and Ironic are missing',
      );
    }
    const directory = await freshDirectory();
    const [services, keylime] = await Promise.all([
      startServices(CLIENTS),
      startKeylime(environment, directory),
    ]);
    context.onTestFinished(async () => void (await Promise.all([services.stop(), keylime.stop()])));
    await enrol(services.ironic, 'node-1', ['52:54:00:00:00:01', '52:54:00:00:00:02']);
    const first = toAscii([bootAggregate, ran('/usr/bin/hello')]).toString();
    const node = await startNode(join(directory, 'node'), keylime, first);
    context.onTestFinished(node.stop);

    // The clients before others of their names, which may be older.
    const PATH = [join(CLIENTS, 'bin'), keylime.env['PATH']].join(delimiter);
    const env = { ...keylime.env, ...services.env, PATH };
    const run = (...args: readonly string[]): Promise<CliResult> => runCli(args, { cwd: directory, env });
    const done = async (...args: readonly string[]): Promise<CliResult> => {
      const result = await run(...args);
      expect(result, result.stderr).toMatchObject({ code: 0 });
      return result;
    };

    await done('server', 'certs', '--for', 'tenant', '--from', keylime.ca, '-o', 'certs');
    await writeFile(join(directory, 'first'), first);
    await done('policy', 'create', '--ima-measurement-list', 'first', '-o', 'policy.json');
    await writeFile(join(directory, 'kernel'), 'not really a kernel\n');
    await writeFile(join(directory, 'ramdisk'), 'not really an initramfs\n');
    await promisify(execFile)('qemu-img', ['create', '-q', '-f', 'qcow2', join(directory, 'disk'), '4M']);
    await writeFile(
      join(directory, 'workers.yaml'),
      `version: 1
cloud: live
keylime:
  verifier: 127.0.0.1:${keylime.verifierPort}
  registrar: 127.0.0.1:${keylime.registrarPort}
  certificates: certs
images:
  keylime-image: {kernel: kernel, ramdisk: ramdisk, disk: disk}
policies:
  workers: {policies: [policy.json]}
nodes:
  worker-1:
    image: keylime-image
    networks: [attestation]
    attach: [public]
    rootSizeGib: 10
    policy: workers
    agent: {uuid: ${node.id}}
`,
    );

    const planned = await run('attest', 'plan', 'workers.yaml');
    expect(planned, planned.stderr).toMatchObject({ code: 1 });
    const applied = await done('attest', 'apply', 'workers.yaml');
    expect(applied.stdout.match(/^done /gm)).toHaveLength(5);
    const again = await done('attest', 'apply', 'workers.yaml');
    expect(again.stdout.match(/^kept /gm)).toHaveLength(6);
    await done('attest', 'status', 'workers.yaml');

    await appendFile(node.list, toAscii([ran('/usr/bin/evil')]));
    await expect
      .poll(async () => (await run('attest', 'status', 'workers.yaml')).stdout, {
        timeout: 120_000,
        interval: 500,
      })
      .toContain('FAILED   attestation of worker-1');
    const servers = ['--verifier', `127.0.0.1:${keylime.verifierPort}`, '--certs', 'certs'];
    const explained = await run(
      'tenant',
      'status',
      '--uuid',
      node.id,
      ...servers,
      '--registrar',
      `127.0.0.1:${keylime.registrarPort}`,
      '--list',
      node.list,
      '-p',
      'policy.json',
    );
    expect(explained.stdout, explained.stderr).toContain('NOT_LISTED entry 3 /usr/bin/evil');

    const report = await run('verify', node.list, '-p', 'policy.json', '--json');
    await writeFile(join(directory, 'report.json'), report.stdout);
    const accept = ['--from-report', 'report.json', '--accept', '/usr/bin/evil'];
    await done('policy', 'update', 'policy.json', ...accept, '-o', 'policy.json');
    const mended = await done('attest', 'apply', 'workers.yaml');
    expect(mended.stdout.match(/^done .*/gm)).toEqual([
      'done     policy workers',
      'done     attestation of worker-1',
    ]);
    await done('attest', 'status', 'workers.yaml');

    await done('attest', 'destroy', 'workers.yaml', '--yes');
    const left = await fetch(`${services.glance}/v2/images`);
    expect(JSON.parse(await left.text()).images).toEqual([]);
    const nodes = await fetch(`${services.ironic}/v1/nodes`, {
      headers: { 'x-openstack-ironic-api-version': '1.80' },
    });
    expect(JSON.parse(await nodes.text()).nodes).toMatchObject([
      { provision_state: 'available', instance_uuid: null },
    ]);
    const agents = await run(
      'tenant',
      'list',
      '--json',
      ...servers,
      '--registrar',
      `127.0.0.1:${keylime.registrarPort}`,
    );
    expect(JSON.parse(agents.stdout).agents).toEqual([]);
  },
  LIMIT_MS,
);
