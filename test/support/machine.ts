// A virtual machine that says what its kernel made of an initramfs.
//
// The kernel starts `/.oracle/init`; with busybox it writes to the second serial port what it finds. Without KVM: some
// ten seconds.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { TestContext } from 'vitest';

import type { Member } from '../../src/image/segment.ts';
import { freshDirectory } from './directory.ts';
import { needsTool, skipAloud } from './tools.ts';

const BUSYBOX = '/bin/busybox';
const QEMU = 'qemu-system-x86_64';

/** An emulated processor is slow; one that hangs must not hang the tests. */
const PATIENCE_MS = 540_000;

const INIT = `#!/.oracle/busybox sh
b=/.oracle/busybox
$b mknod /.oracle/out c 4 65 && $b stty -F /.oracle/out raw && exec > /.oracle/out
$b find / -xdev -path /.oracle -prune -o -type f -print0 | $b xargs -0 -r $b sha256sum
echo links
$b find / -xdev -path /.oracle -prune -o -type l -print
echo end
exec > /.oracle/closed
$b reboot -f
`;

export interface Machine {
  readonly kernel: string;
  /** What an initramfs must hold to be asked. */
  readonly members: readonly Member[];
}

/** A kernel and what starts it, or a skip. */
export function needsMachine(test: TestContext): Machine {
  if (!process.env['IMA_ASSAY_SLOW_TESTS']) {
    process.stderr.write(`skipped: IMA_ASSAY_SLOW_TESTS is not set (${test.task.name})\n`);
    test.skip('IMA_ASSAY_SLOW_TESTS is not set');
  }
  const kernel = process.env['IMA_ASSAY_KERNEL'];
  if (!kernel) skipAloud(test, 'IMA_ASSAY_KERNEL names no kernel');
  needsTool(test, QEMU, 'busybox');
  return {
    kernel,
    members: [
      { kind: 'directory', name: '.oracle' },
      { kind: 'file', name: '.oracle/busybox', mode: 0o755, content: readFileSync(BUSYBOX) },
      { kind: 'file', name: '.oracle/init', mode: 0o755, content: Buffer.from(INIT) },
    ],
  };
}

/** Boots an initramfs: its files as lines of an allowlist, and its symbolic links. */
export async function bootInitramfs(
  { kernel }: Machine,
  initramfs: string,
): Promise<{ readonly files: readonly string[]; readonly links: readonly string[] }> {
  const cwd = await freshDirectory();
  await writeFile(join(cwd, 'answers'), '');
  const append = 'console=ttyS0 quiet panic=-1 no_timer_check mitigations=off nokaslr rdinit=/.oracle/init';
  const machine =
    '-machine pc -accel tcg,thread=single -m 512 -nodefaults -no-user-config -display none -no-reboot';
  const serials = '-serial file:console -serial file:answers';
  const args = [
    ...`${machine} ${serials}`.split(' '),
    '-kernel',
    await realpath(kernel),
    '-initrd',
    await realpath(initramfs),
    '-append',
    append,
  ];
  await promisify(execFile)(QEMU, args, { cwd, timeout: PATIENCE_MS });
  const answers = await readFile(join(cwd, 'answers'), 'utf8');
  const [files, links, rest] = answers.split(/^(?:links|end)\n/m);
  if (files === undefined || links === undefined || rest !== '') {
    throw new Error(`the kernel gave no tree: ${await readFile(join(cwd, 'console'), 'utf8')}`);
  }
  return { files: files.trimEnd().split('\n'), links: links.trimEnd().split('\n') };
}
