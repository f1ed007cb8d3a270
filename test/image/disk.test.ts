// Disk images through the built program. What is in them, the core's own tests compare with what made them.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

import { extractAllowlist } from '../../src/index.ts';
import { runCli } from '../support/cli.ts';

const SAMPLES = fileURLToPath(new URL('../../fixtures/xfs/', import.meta.url));
const EVERYTHING = ['--all-owners', '--no-default-skips'];

describe('a filesystem in a qcow2', () => {
  test.each(['forms', 'forms-8k'])('%s yields the digests that its kernel reads', async (name) => {
    const rows = await readFile(`${SAMPLES}${name}.sha256`, 'utf8');
    const { stdout, stderr, code } = await runCli(['extract', `${SAMPLES}${name}.qcow2`, ...EVERYTHING]);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stdout.split('\n').sort()).toEqual(rows.split('\n').sort());
  });

  test('is refused while its log has to be replayed', async () => {
    const { stdout, stderr, code } = await runCli(['extract', `${SAMPLES}dirty-log.qcow2`]);
    expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
    expect(stderr).toContain('XFS_LOG_DIRTY');
    expect(stderr).toContain('mount a copy of the image and unmount it');
  });
});

describe('the partition that is the root', () => {
  test.each(['2', 'vg/lv_root'])('is said not to be there: %s', async (partition) => {
    const { stderr, code } = await runCli(['extract', `${SAMPLES}forms.qcow2`, '--partition', partition]);
    expect(code).toBe(2);
    expect(stderr).toContain(`there is no partition ${partition}; parts of the image: the disk (xfs)`);
  });

  test.each(['0', '-1', '1.5', '1K', 'vg', 'vg/', 'a/b/c', ''])('cannot be called %j', async (partition) => {
    const extraction = extractAllowlist([`${SAMPLES}forms.qcow2`], { partition });
    await expect(extraction).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
  });
});
