// What format a disk is uploaded as: the one that qemu-img says that it has.

import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { digestFile } from '../../src/openstack/file-digest.ts';
import { freshDirectory } from '../support/directory.ts';
import { needsTool } from '../support/tools.ts';

/** Glance's words for those of qemu-img that differ. */
const GLANCE: Readonly<Record<string, string>> = { vpc: 'vhd' };

describe('the format of a disk', () => {
  test('is the one that qemu-img says', async (context) => {
    needsTool(context, 'qemu-img');
    const cwd = await freshDirectory();
    for (const options of [
      ['-f', 'raw'],
      ['-f', 'qcow2'],
      ['-f', 'vmdk'],
      ['-f', 'vhdx'],
      ['-f', 'vdi'],
      ['-f', 'vpc'],
      ['-f', 'vpc', '-o', 'subformat=fixed'],
    ]) {
      execFileSync('qemu-img', ['create', '-q', ...options, 'disk', '4M'], { cwd });
      const info: unknown = JSON.parse(
        execFileSync('qemu-img', ['info', '--output=json', ...options.slice(0, 2), 'disk'], {
          cwd,
          encoding: 'utf8',
        }),
      );
      const format = String(Object(info).format);
      const { diskFormat } = await digestFile(join(cwd, 'disk'), {});
      expect(diskFormat, options.join(' ')).toBe(GLANCE[format] ?? format);
    }
  });

  test('is iso of a CD', async (context) => {
    needsTool(context, 'genisoimage');
    const cwd = await freshDirectory();
    await writeFile(join(cwd, 'file'), 'x');
    execFileSync('genisoimage', ['-quiet', '-R', '-o', 'disk', 'file'], { cwd });
    expect((await digestFile(join(cwd, 'disk'), {})).diskFormat).toBe('iso');
  });
});
