// The samples of fixtures/initramfs against what sha256sum says of the trees they were made from.

import { readFile } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

import { runCli } from '../support/cli.ts';

const SAMPLES = fileURLToPath(new URL('../../fixtures/initramfs/', import.meta.url));
const images = readdirSync(SAMPLES).filter((name) => name.endsWith('.img'));

describe('a sample initramfs yields the digests of its source tree', () => {
  test.each(images)('%s', async (image) => {
    const expected = await readFile(`${SAMPLES}${image}.sha256`);
    const { stdoutBytes, stderr, code } = await runCli(['extract', `${SAMPLES}${image}`]);
    // Names need not be UTF-8: Latin-1 shows each byte as a character.
    expect(stdoutBytes.toString('latin1')).toBe(expected.toString('latin1'));
    expect({ code, stderr }).toMatchObject({ code: 0 });
  });

  test('is the same from standard input', async () => {
    const expected = await readFile(`${SAMPLES}early+zstd+zstd.img.sha256`, 'utf8');
    const input = await readFile(`${SAMPLES}early+zstd+zstd.img`);
    expect(await runCli(['extract', '-'], { input })).toMatchObject({ code: 0, stdout: expected });
  });
});

describe('a cut initramfs is an error, never a smaller allowlist', () => {
  test.each(images)('%s', async (image) => {
    const whole = await readFile(`${SAMPLES}${image}`);
    // Inside the last segment: a cut right behind a whole one leaves a whole initramfs.
    const end = whole.findLastIndex((byte) => byte !== 0);
    const input = whole.subarray(0, end - 8);
    expect(await runCli(['extract', '-'], { input })).toMatchObject({ code: 2, stdout: '' });
  });
});
