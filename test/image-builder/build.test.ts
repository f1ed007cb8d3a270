// `image build`: the command line, against a fake that checks it; failures as the real program words them; and the real
// diskimage-builder, which needs no network for an element of our own.

import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { describe, expect, test, type TestContext } from 'vitest';

import { applyImageBuild } from '../../src/image-builder/build.ts';
import { type BuildRequest, formatCommand, planImageBuild } from '../../src/image-builder/plan.ts';
import { runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import { needsTool, skipAloud } from '../support/tools.ts';

const SAMPLES = fileURLToPath(new URL('../../fixtures/initramfs/', import.meta.url));
const ELEMENTS = fileURLToPath(new URL('elements', import.meta.url));
const run = promisify(execFile);

describe('the command line', () => {
  test("is the guide's", async () => {
    const directory = await freshDirectory();
    const name = join(directory, 'keylime-image');
    const plan = await planImageBuild({
      name,
      registrarIp: '192.0.2.10',
      registrarPort: 8890,
      agentPort: 9002,
    });
    expect(plan.args).toEqual(
      ['-t', 'qcow2', '-o', name].concat(
        'centos baremetal dhcp-all-interfaces grub2 keylime-agent'.split(' '),
      ),
    );
    expect(plan.environment).toEqual({
      DIB_NO_TIMESTAMP: '1',
      DIB_KEYLIME_AGENT_REGISTRAR_IP: '192.0.2.10',
      DIB_KEYLIME_AGENT_REGISTRAR_PORT: '8890',
      DIB_KEYLIME_AGENT_PORT: '9002',
    });
    expect(plan.outputs).toEqual({
      disk: `${name}.qcow2`,
      kernel: `${name}.vmlinuz`,
      ramdisk: `${name}.initrd`,
    });
  });

  test('has every choice', async () => {
    const directory = await freshDirectory();
    const plan = await planImageBuild(
      {
        name: join(directory, 'x'),
        elements: ['tiny'],
        tpmEmulator: true,
        release: '9-stream',
        architecture: 'amd64',
        packages: ['vim', 'tmux'],
        imageSizeGib: 4,
        type: 'raw',
        offline: true,
        base: false,
        elementsPaths: [ELEMENTS],
        environment: { DIB_REPOREF_keylime: 'v6.2.0' },
      },
      { ELEMENTS_PATH: '/opt/elements' },
    );
    expect(plan.args.join(' ')).toBe(
      `-a amd64 -n -p vim,tmux --image-size 4 --offline -t raw -o ${directory}/x tiny tpm-emulator`,
    );
    expect(plan.environment).toMatchObject({
      DIB_RELEASE: '9-stream',
      ELEMENTS_PATH: `${ELEMENTS}:/opt/elements`,
      DIB_REPOREF_keylime: 'v6.2.0',
    });
    expect(plan.outputs).toEqual({ disk: join(directory, 'x.raw') });
  });

  test('is printed as a shell takes it', async () => {
    const name = join(await freshDirectory(), "it's; rm $HOME");
    const plan = await planImageBuild({ name, elements: ['tiny'], environment: { NOTE: 'a b' } });
    // A shell that echoes its words gives back what would be run.
    const script = formatCommand(plan).replace('disk-image-create', `sh -c 'printf "%s\\n" "$NOTE" "$@"' sh`);
    const { stdout } = await run('sh', ['-c', script]);
    expect(stdout.trimEnd().split('\n')).toEqual(['a b', ...plan.args]);
  });

  test.each<{ why: string; change: Partial<BuildRequest> }>([
    { why: 'an element like an option', change: { elements: ['--help'] } },
    { why: 'an element for a shell', change: { elements: ['; rm'] } },
    { why: 'no element', change: { elements: [] } },
    { why: 'a package like an option', change: { packages: ['-x'] } },
    { why: 'two packages in one', change: { packages: ['a,b'] } },
    { why: 'a port that is none', change: { registrarPort: 65_536 } },
    { why: 'an address for a shell', change: { registrarIp: '$(id)' } },
    { why: 'a variable of two lines', change: { environment: { X: 'a\nb' } } },
    { why: 'a variable that is none', change: { environment: { 'A B': 'x' } } },
    { why: 'two directories in one', change: { elementsPaths: ['a:b'] } },
    { why: 'an architecture like an option', change: { architecture: '-x' } },
    { why: 'a name like an option', change: { name: '--help' } },
    { why: 'a directory that is not there', change: { name: '/no/such/directory/x' } },
    { why: 'a name of two lines', change: { name: 'a\nb' } },
    { why: 'a name of 10 kB', change: { name: 'x'.repeat(10_000) } },
  ])('is refused with $why', async ({ change }) => {
    const planning = planImageBuild({ name: 'x', ...change });
    await expect(planning).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
  });
});

describe('the advice', () => {
  test.each<{ why: string; request: Omit<BuildRequest, 'name'>; says: string }>([
    { why: 'the legacy agent', request: {}, says: 'Keylime 6.2.0' },
    { why: "the builder's boot aggregate", request: {}, says: 'boot aggregate of the build machine' },
    { why: 'the kernel command line', request: {}, says: 'ima_policy' },
    { why: 'no registrar', request: {}, says: '127.0.0.1' },
    { why: 'the TLS port', request: { registrarPort: 8891 }, says: 'TLS port' },
    {
      why: 'a newer Keylime',
      request: { environment: { DIB_REPOREF_keylime: 'v7.0.0' } },
      says: 'will fail',
    },
    { why: 'a software TPM', request: { tpmEmulator: true }, says: 'tpm-emulator' },
    { why: 'an old CentOS', request: { release: '8' }, says: 'end of life' },
  ])('is given on $why, and not without', async ({ request, says }) => {
    const { advice } = await planImageBuild({ name: 'x', ...request });
    expect(advice.filter((text) => text.includes(says))).toHaveLength(1);
    const clean = { name: 'x', elements: ['centos', 'baremetal'], release: '9-stream', registrarPort: 8890 };
    expect((await planImageBuild(clean)).advice).toEqual([]);
  });

  test('is silent on an old reference of Keylime', async () => {
    const { advice } = await planImageBuild({ name: 'x', environment: { DIB_REPOREF_keylime: '6.4.1' } });
    expect(advice.join()).not.toContain('will fail');
  });
});

/** A disk-image-create that makes what it is asked for, from initramfs samples. */
async function fakeBuilder(directory: string, script: string): Promise<Readonly<Record<string, string>>> {
  const programs = join(directory, 'bin');
  await mkdir(programs);
  await writeFile(join(programs, 'disk-image-create'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { PATH: `${programs}${delimiter}${process.env['PATH'] ?? ''}` };
}

describe('image build', () => {
  const MAKE = `
while [ "$1" != -o ]; do shift; done
echo "Running hooks from /tmp/x/hooks/root.d"
echo "Running hooks from /tmp/x/hooks/install.d" >&2
cp '${SAMPLES}gzip.img' "$2.initrd"; cp '${SAMPLES}names.img' "$2.qcow2"; echo kernel > "$2.vmlinuz"
echo "registrar $DIB_KEYLIME_AGENT_REGISTRAR_IP"`;

  test('lists what was built, and keeps the log', async () => {
    const cwd = await freshDirectory();
    const env = await fakeBuilder(cwd, MAKE);
    const result = await runCli(['image', 'build', 'image', '--registrar-ip', '192.0.2.10'], { cwd, env });
    expect(result, result.stderr).toMatchObject({ code: 0, stdout: '' });
    expect(result.stderr).toContain('built image.qcow2');
    await run('sha256sum', ['-c', 'image.allowlist.txt.sha256'], { cwd });
    const expected = await runCli(['extract', 'image.initrd', 'image.qcow2'], { cwd });
    expect(await readFile(join(cwd, 'image.allowlist.txt'), 'utf8')).toBe(expected.stdout);
    expect(await readFile(join(cwd, 'image.log'), 'utf8')).toContain('registrar 192.0.2.10\n');
  });

  test('gives its report as JSON, files where they are wanted', async () => {
    const cwd = await freshDirectory();
    const env = await fakeBuilder(cwd, MAKE);
    const args = [
      'image',
      'build',
      'image',
      '--json',
      '-q',
      '--allowlist',
      'list',
      '--log',
      'log',
      '--timeout',
      '60',
    ];
    const { stdout, stderr, code } = await runCli([...args, '-e', 'baremetal'], { cwd, env });
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    expect(JSON.parse(stdout)).toMatchObject({
      schemaVersion: 1,
      files: ['image.vmlinuz', 'image.initrd', 'image.qcow2'],
      log: 'log',
    });
    expect(await readdir(cwd)).toEqual(expect.arrayContaining(['list', 'list.sha256', 'log']));
  });

  test('builds again unless it may keep what the same choices built', async () => {
    const cwd = await freshDirectory();
    const env = await fakeBuilder(cwd, `${MAKE}\necho run >> '${cwd}/ran'`);
    const runs = async (): Promise<number> =>
      (await readFile(join(cwd, 'ran'), 'utf8')).split('\n').length - 1;
    const build = async (...args: readonly string[]): Promise<unknown> => {
      const result = await runCli(['image', 'build', 'image', '--json', '-q', ...args], { cwd, env });
      expect(result, result.stderr).toMatchObject({ code: 0 });
      return JSON.parse(result.stdout);
    };
    expect(await build('--unless-built')).toMatchObject({ did: 'built' });
    expect(await build()).toMatchObject({ did: 'built' });
    expect(await runs()).toBe(2);
    expect(await build('--unless-built')).toMatchObject({ did: 'kept' });
    expect(await runs()).toBe(2);
    // Other choices, and a file that was touched since, are another build.
    expect(await build('--unless-built', '--release', '9-stream')).toMatchObject({ did: 'built' });
    await writeFile(join(cwd, 'image.vmlinuz'), 'another');
    expect(await build('--unless-built', '--release', '9-stream')).toMatchObject({ did: 'built' });
    expect(await runs()).toBe(4);
  });

  test('reports its phases', async () => {
    const directory = await freshDirectory();
    const env = await fakeBuilder(directory, MAKE);
    const plan = await planImageBuild({ name: join(directory, 'image') });
    const names: string[] = [];
    await applyImageBuild(
      { ...plan, environment: { ...plan.environment, ...env } },
      { onPhase: ({ name, number, count }) => void names.push(`${name} ${number}/${count}`) },
    );
    expect(names).toEqual(['root.d 1/10', 'install.d 4/10']);
  });

  test.each([
    {
      why: 'an unknown element',
      line: "diskimage_builder.element_dependencies.MissingElementException: Element 'x' not found",
      code: 'BUILD_ELEMENT_UNKNOWN',
    },
    { why: 'no network', line: 'curl: (6) Could not resolve host: cloud.centos.org', code: 'BUILD_NETWORK' },
    {
      why: 'no rights',
      line: 'sudo: a terminal is required to read the password',
      code: 'BUILD_PRIVILEGES',
    },
    { why: 'no room', line: 'cp: error writing: No space left on device', code: 'BUILD_NO_SPACE' },
    { why: 'something else', line: 'the last word', code: 'BUILD_FAILED' },
  ])('tells $why by the last lines', async ({ line, code }) => {
    const cwd = await freshDirectory();
    const env = await fakeBuilder(cwd, `echo "${line}"; exit 1`);
    const result = await runCli(['image', 'build', 'image', '-q'], { cwd, env });
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain(line);
    expect(result.stderr).toContain(`[${code}]`);
    expect(await readFile(join(cwd, 'image.log'), 'utf8')).toBe(`${line}\n`);
  });

  test('does not take a build for one that made nothing', async () => {
    const cwd = await freshDirectory();
    const env = await fakeBuilder(cwd, 'true');
    const result = await runCli(['image', 'build', 'image', '-q'], { cwd, env });
    expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining('image.vmlinuz') });
  });

  test('prints its command and runs nothing with --dry-run', async () => {
    const cwd = await freshDirectory();
    const env = await fakeBuilder(cwd, 'echo run >> ran');
    const args = [
      'image',
      'build',
      'image',
      '--dry-run',
      '-e',
      'tiny',
      '-p',
      'vim',
      '-a',
      'arm64',
      '-t',
      'raw',
    ];
    args.push('--no-base', '--offline', '--image-size', '3', '--release', '9', '--elements-path', 'mine');
    args.push('--set', 'DIB_X=a b', '--tpm-emulator', '--registrar-port', '8890', '--agent-port', '9002');
    const { stdout, code } = await runCli(args, { cwd, env });
    expect(code).toBe(0);
    expect(stdout.replaceAll(cwd, '.')).toBe(
      "DIB_NO_TIMESTAMP=1 DIB_RELEASE=9 DIB_KEYLIME_AGENT_REGISTRAR_PORT=8890 DIB_KEYLIME_AGENT_PORT=9002 ELEMENTS_PATH=./mine DIB_X='a b' disk-image-create -a arm64 -n -p vim --image-size 3 --offline -t raw -o ./image tiny tpm-emulator\n",
    );
    expect(await readdir(cwd)).toEqual(['bin']);
  });
});

describe('the real diskimage-builder', () => {
  function needsBuilder(context: TestContext): void {
    needsTool(context, 'disk-image-create', 'sudo', 'qemu-img', 'busybox');
  }

  test('does not know an element', async (context) => {
    needsBuilder(context);
    const cwd = await freshDirectory();
    const result = await runCli(['image', 'build', 'image', '-q', '-e', 'no-such-element'], { cwd });
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain("Element 'no-such-element' not found");
    expect(result.stderr).toContain('[BUILD_ELEMENT_UNKNOWN]');
  });

  test('builds an image without a network', { timeout: 300_000 }, async (context) => {
    needsBuilder(context);
    if (process.getuid?.() !== 0) skipAloud(context, 'mounting needs root');
    // A container may be forbidden to; that is nothing to install.
    const probe = `file=$(mktemp) && truncate -s 1M "$file" && device=$(losetup --show -f "$file") && losetup -d "$device" &&
      rm "$file" && directory=$(mktemp -d) && mount -t tmpfs none "$directory" && umount "$directory" && rmdir "$directory"`;
    const mayMount = await run('sh', ['-c', probe]).then(
      () => true,
      () => false,
    );
    if (!mayMount) {
      process.stderr.write(`skipped: this machine may not mount loop devices (${context.task.name})\n`);
      context.skip('this machine may not mount loop devices');
    }
    const cwd = await freshDirectory();
    const args = ['image', 'build', 'tiny', '-e', 'tiny', '--no-base', '--image-size', '1'];
    const result = await runCli([...args, '--elements-path', ELEMENTS], { cwd });
    expect(result, result.stderr).toMatchObject({ code: 0, stdout: '' });
    expect(result.stderr).toContain('Build completed successfully');
    const { stdout: sum } = await run('sha256sum', ['/bin/busybox']);
    const list = await readFile(join(cwd, 'tiny.allowlist.txt'), 'utf8');
    expect(list).toContain(`${sum.slice(0, 64)}  /bin/busybox\n`);
    // echo tiny | sha256sum
    expect(list).toContain(
      '36d25d3d80f8431614deece844a6def69fb24b92310156ce7847ba1d9595db57  /etc/tiny-release\n',
    );
  });
});
