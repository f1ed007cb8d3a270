// The whole way with real servers: a node that passes, one that is tampered with, why it fails, and the smallest change
// of the policy that makes it pass. Against Keylime 7.14.3 of .ci/setup-keylime and a software TPM.

import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { type CliResult, runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import { needsKeylime } from '../support/keylime.ts';
import { digestField, entry, hashOf, type Made, nameField, toAscii } from '../support/made-list.ts';
import { needsTool } from '../support/tools.ts';
import { startKeylime, startNode } from './keylime.ts';

const LIMIT_MS = 240_000;

/** An entry for a file whose content is its name. */
const ran = (name: string): Made =>
  entry('ima-ng', [digestField('sha256', hashOf('sha256', name)), nameField(name)]);

/** The PCRs of the boot are zeros in a software TPM that nothing booted. */
const bootAggregate = entry('ima-ng', [
  digestField('sha256', hashOf('sha256', Buffer.alloc(10 * 32))),
  nameField('boot_aggregate'),
]);

test(
  'a node passes, fails when it is tampered with, passes with the updated policy, and is deleted',
  async (context) => {
    const environment = needsKeylime(context);
    needsTool(context, 'swtpm', 'tpm2_quote', 'openssl');
    const directory = await freshDirectory();
    const keylime = await startKeylime(environment, directory);
    context.onTestFinished(keylime.stop);

    // Certificates as a third machine has them.
    const certs = join(directory, 'certs');
    await run('server', 'certs', '--for', 'tenant', '--from', keylime.ca, '-o', certs);

    const servers = ['--verifier', `127.0.0.1:${keylime.verifierPort}`, '--certs', certs];
    const tenant = (...args: readonly string[]): Promise<CliResult> => {
      const all = ['tenant', ...args, ...servers, '--registrar', `127.0.0.1:${keylime.registrarPort}`];
      return runCli(all, { cwd: directory, env: keylime.env });
    };
    const before = await tenant('list', '--json');
    expect(JSON.parse(before.stdout).agents).toEqual([]);
    await writeFile(join(directory, 'before.json'), before.stdout);

    const first = toAscii([bootAggregate, ran('/usr/bin/hello')]).toString();
    const node = await startNode(join(directory, 'node'), keylime, first);
    context.onTestFinished(node.stop);
    await writeFile(join(directory, 'first'), first);
    await run('policy', 'create', '--ima-measurement-list', 'first', '-o', 'policy.json');

    // The agent has `hash_ek`: what we make of the registered key has to be its id.
    const list = JSON.parse((await tenant('list', '--json')).stdout);
    expect(list.agents).toMatchObject([
      { id: node.id, ekHash: node.id, address: '127.0.0.1', port: node.port },
    ]);

    const policy = ['--policy-name', 'nodes', '-p', 'policy.json'];
    const plan = await tenant('add', '--since', 'before.json', ...policy, '--dry-run');
    expect(plan).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('would upload the policy, add the agent'),
    });
    const added = await tenant('add', '--since', 'before.json', ...policy);
    expect(added).toMatchObject({ code: 0, stdout: `${node.id}: upload the policy, add the agent\n` });
    const passed = await tenant('wait', '--ek', node.id);
    expect(passed).toMatchObject({ code: 0, stdout: expect.stringContaining('ATTESTED (Get Quote)') });
    const again = await tenant('add', '--address', '127.0.0.1', ...policy);
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing to do') });
    expect(await tenant('list', '--policies')).toMatchObject({ code: 0, stdout: 'nodes\n' });

    // Tampered with: the verifier says that something is wrong, our explanation says what.
    await appendFile(node.list, toAscii([ran('/usr/bin/evil')]));
    const explained = ['--list', node.list, '-p', 'policy.json'];
    const failed = await tenant('wait', '--uuid', node.id, ...explained);
    expect(failed).toMatchObject({ code: 1, stdout: expect.stringContaining('FAILED (Invalid Quote)') });
    expect(failed.stdout).toContain(
      'event ima.validation.ima-ng.not_in_allowlist: the node used a file that',
    );
    expect(failed.stdout).toContain('NOT_LISTED entry 3 /usr/bin/evil');
    expect(await tenant('status', '--uuid', node.id)).toMatchObject({ code: 1 });

    // The smallest change, and it passes again.
    const report = await runCli(['verify', node.list, '-p', 'policy.json', '--json'], { cwd: directory });
    await writeFile(join(directory, 'report.json'), report.stdout);
    const update = [
      'policy',
      'update',
      'policy.json',
      '--from-report',
      'report.json',
      '--accept',
      '/usr/bin/evil',
    ];
    expect(await runCli([...update, '-o', 'updated.json'], { cwd: directory })).toMatchObject({ code: 0 });
    await run('policy', 'sign', 'updated.json', '-p', 'key', '--public-key', 'key.pub', '-o', 'signed.json');
    const updated = ['--policy-name', 'nodes', '-p', 'signed.json', '--policy-key', 'key.pub'];
    expect(await tenant('add', '--uuid', node.id, ...updated)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('delete the agent, replace the policy, add the agent'),
    });
    expect(await tenant('wait', '--uuid', node.id)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('ATTESTED'),
    });
    expect(await tenant('add', '--uuid', node.id, ...updated)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('nothing to do'),
    });
    const stored = await tenant('list', '--policy', 'nodes');
    expect(JSON.parse(stored.stdout)).toEqual(
      JSON.parse(await readFile(join(directory, 'signed.json'), 'utf8')),
    );

    // A node that is gone: the verifier gives up, and we do not delete what we could not add again.
    await node.stop();
    const lost = await tenant('wait', '--uuid', node.id);
    expect(lost).toMatchObject({ code: 1, stdout: expect.stringContaining('FAILED (Failed)') });
    expect(lost.stdout).toContain(
      'event internal.verifier.not_reachable: the verifier did not reach the agent',
    );
    expect(await tenant('add', '--uuid', node.id, '--policy-name', 'nodes')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('cannot be reached at 127.0.0.1'),
    });
    expect(await tenant('status', '--uuid', node.id)).toMatchObject({ code: 1 });

    // What a person may get wrong.
    const plain = await runCli(
      ['tenant', 'list', ...servers, '--registrar', `127.0.0.1:${keylime.plainPort}`],
      { cwd: directory },
    );
    expect(plain).toMatchObject({ code: 3, stderr: expect.stringContaining('speaks plain HTTP') });
    expect(await tenant('delete', '--uuid', 'nobody', '--policy-name', 'nodes')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('[CONFLICT]'),
    });

    const gone = ['delete', '--uuid', node.id, '--registration', '--policy-name', 'nodes'];
    expect(await tenant(...gone)).toMatchObject({
      code: 0,
      stdout: `${node.id}: attestation ended, policy removed, registration removed\n`,
    });
    expect(await tenant(...gone)).toMatchObject({
      code: 0,
      stdout: `${node.id}: was not attested, policy was not there, was not registered\n`,
    });
    expect(JSON.parse((await tenant('list', '--json')).stdout).agents).toEqual([]);

    async function run(...args: readonly string[]): Promise<void> {
      const { code, stderr } = await runCli(args, { cwd: directory });
      if (code !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
    }
  },
  LIMIT_MS,
);
