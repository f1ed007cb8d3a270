// Root filesystem trees as no unit test can make them: mounts, loops, files without a size, files one may not read.

import { execFile } from 'node:child_process';
import { chmod, link, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { describe, expect, test, type TestContext } from 'vitest';

import { MAIN } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import { needsTool, skipAloud } from '../support/tools.ts';

interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

const isRoot = process.getuid?.() === 0;

/** Runs a program to its end, whatever its exit code. */
async function run(file: string, args: readonly string[]): Promise<Ran> {
  return promisify(execFile)(file, args, { maxBuffer: 1 << 28 }).then(
    ({ stdout, stderr }) => ({ stdout, stderr, code: 0 }),
    (error: unknown) => {
      if (!(error instanceof Error && 'code' in error && typeof error.code === 'number')) throw error;
      const text = (stream: 'stdout' | 'stderr'): string => String(Reflect.get(error, stream) ?? '');
      return { stdout: text('stdout'), stderr: text('stderr'), code: error.code };
    },
  );
}

/** Runs a shell script where it may mount; `$1` is a directory, `$2` Node, `$3` the built program. */
async function inMountNamespace(context: TestContext, directory: string, script: string): Promise<Ran> {
  needsTool(context, 'unshare', 'mount');
  const namespace = isRoot ? ['--mount'] : ['--map-root-user', '--mount'];
  if ((await run('unshare', [...namespace, 'true'])).code !== 0)
    skipAloud(context, 'no mount namespaces here');
  return run('unshare', [...namespace, 'sh', '-euc', script, 'sh', directory, process.execPath, MAIN]);
}

describe('mounts in a tree', () => {
  test('a directory that is one of its own parents is passed over and counted', async (context) => {
    const root = await freshDirectory();
    await mkdir(join(root, 'usr/loop'), { recursive: true });
    await writeFile(join(root, 'usr/file'), 'x');
    const { stdout, stderr, code } = await inMountNamespace(
      context,
      root,
      'mount --bind "$1" "$1/usr/loop"; exec "$2" "$3" extract "$1" --all-owners',
    );
    expect({ code, lines: stdout.trimEnd().split('\n').length }).toEqual({ code: 0, lines: 1 });
    expect(stderr).toContain('1 loop');
  });

  test('another filesystem is part of it, unless only one is wanted', async (context) => {
    const root = await freshDirectory();
    await mkdir(join(root, 'opt/other'), { recursive: true });
    await writeFile(join(root, 'opt/file'), 'x');
    const script =
      'mount -t tmpfs none "$1/opt/other"; echo y > "$1/opt/other/file"; "$2" "$3" extract "$1" --all-owners; ' +
      'exec "$2" "$3" extract "$1" --all-owners --one-file-system';
    const { stdout, stderr, code } = await inMountNamespace(context, root, script);
    expect(code).toBe(0);
    const paths = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.slice(66));
    expect(paths).toEqual(['/opt/file', '/opt/other/file', '/opt/file']);
    expect(stderr).toContain('1 mount');
  });

  test('a file that the kernel makes up while it is read is read to its end', async (context) => {
    const root = await freshDirectory();
    await writeFile(join(root, 'made-up'), '');
    // It says that it has no bytes, and gives them in pieces smaller than asked.
    const script =
      'mount --bind /proc/kallsyms "$1/made-up"; sha256sum < "$1/made-up"; exec "$2" "$3" extract "$1" --all-owners';
    const { stdout, code } = await inMountNamespace(context, root, script);
    const [theirs = '', ours = ''] = stdout.split('\n');
    expect({ code, ours }).toEqual({ code: 0, ours: `${theirs.slice(0, 64)}  /made-up` });
  });
});

describe('a file that may not be read', () => {
  /** Root reads everything, unless it gives that right up. */
  async function extractUnprivileged(context: TestContext, args: readonly string[]): Promise<Ran> {
    const command = [MAIN, 'extract', ...args];
    if (!isRoot) return run(process.execPath, command);
    needsTool(context, 'setpriv');
    const caps = ['--bounding-set', '-dac_override,-dac_read_search'];
    return run('setpriv', [...caps, process.execPath, ...command]);
  }

  test('stops the extraction, or is listed by each of its names with --keep-going', async (context) => {
    const root = await freshDirectory();
    await writeFile(join(root, 'good'), 'x');
    await writeFile(join(root, 'secret'), 'x');
    await link(join(root, 'secret'), join(root, 'secret-too'));
    await mkdir(join(root, 'closed'));
    await chmod(join(root, 'secret'), 0);
    await chmod(join(root, 'closed'), 0);
    const stopped = await extractUnprivileged(context, [root, '--all-owners']);
    expect(stopped).toMatchObject({ code: 2, stdout: '' });
    expect(stopped.stderr).toContain('[IMAGE_UNREADABLE]');
    const went = await extractUnprivileged(context, [root, '--all-owners', '--keep-going']);
    await chmod(join(root, 'closed'), 0o700);
    expect(went.code).toBe(2);
    expect(
      went.stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.slice(66)),
    ).toEqual(['/good']);
    for (const name of ['secret', 'secret-too', 'closed']) expect(went.stderr).toContain(`/${name}`);
  });
});

describe('a path to skip', () => {
  test('that is not there is said', async () => {
    const root = await freshDirectory();
    await writeFile(join(root, 'file'), 'x');
    const { stderr, code } = await run(process.execPath, [
      MAIN,
      'extract',
      root,
      '--all-owners',
      '--skip',
      '/no',
    ]);
    expect(code).toBe(0);
    expect(stderr).toContain('/no is not skipped: there is no such path in the tree [SKIP_UNMET]');
  });
});
