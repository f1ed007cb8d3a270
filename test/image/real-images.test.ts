// Real images of dracut and initramfs-tools, made by .ci/make-images, against cpio and sha256sum.

import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { describe, expect, test } from 'vitest';

import { runCli } from '../support/cli.ts';
import { skipAloud } from '../support/tools.ts';

const directory = process.env['IMA_ASSAY_IMAGES'];
const images = directory ? readdirSync(directory).filter((name) => name.endsWith('.img')) : [];

describe('a real initramfs yields what cpio unpacks', () => {
  test('there are images to read', (context) => {
    if (!directory) skipAloud(context, 'IMA_ASSAY_IMAGES names no directory of .ci/make-images');
    expect(images).not.toEqual([]);
  });

  test.each(images)('%s', { timeout: 60_000 }, async (image) => {
    const path = resolve(join(directory ?? '', image));
    const expected = await readFile(`${path}.expected`, 'latin1');
    const { stdoutBytes, stderr, code } = await runCli(['extract', path]);
    // A list of lines: a failure then shows the files that differ.
    expect(stdoutBytes.toString('latin1').split('\n')).toEqual(expected.split('\n'));
    expect({ code, stderr }).toMatchObject({ code: 0 });
  });
});
