// Unified kernel images: a real one by objcopy on systemd's stub, and hand-made ones that lie.
//
//   MZ … @60: offset of "PE\0\0" │ header: sections, size of what follows │ section table │ sections

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { describe, expect, test } from 'vitest';

import { extractAllowlist, inspectImage } from '../../src/index.ts';
import { freshDirectory } from '../support/directory.ts';
import { needsTool, skipAloud } from '../support/tools.ts';
import { makeUki, type Section } from '../support/uki.ts';

const SAMPLES = fileURLToPath(new URL('../../fixtures/initramfs/', import.meta.url));
const STUB = '/usr/lib/systemd/boot/efi/linuxx64.efi.stub';

async function sampleRows(image: string): Promise<string> {
  return readFile(join(SAMPLES, `${image}.sha256`), 'utf8');
}

async function rowsOf(file: string): Promise<string> {
  const { allowlist } = await extractAllowlist([file]);
  return Buffer.concat([...allowlist.serialise({ format: 'allowlist' })]).toString();
}

async function writeUki(sections: readonly Section[]): Promise<string> {
  const file = join(await freshDirectory(), 'linux.efi');
  await writeFile(file, makeUki(sections));
  return file;
}

const kernel: Section = ['.linux', Buffer.from('kernel')];
const initrd = await readFile(join(SAMPLES, 'gzip.img'));

describe('a unified kernel image', () => {
  test('of objcopy and systemd yields its initramfs', async (context) => {
    needsTool(context, 'objcopy');
    if (!existsSync(STUB)) skipAloud(context, `${STUB} is not installed`);
    const directory = await freshDirectory();
    const parts = [
      ['.osrel', '/etc/os-release', '0x20000'],
      ['.cmdline', '/etc/hostname', '0x30000'],
      ['.linux', '/etc/passwd', '0x2000000'],
      ['.initrd', join(SAMPLES, 'early+newc+zstd.img'), '0x3000000'],
    ] as const;
    const args = parts.flatMap(([name, file, address]) => [
      '--add-section',
      `${name}=${file}`,
      '--change-section-vma',
      `${name}=${address}`,
    ]);
    const uki = join(directory, 'linux.efi');
    await promisify(execFile)('objcopy', [...args, STUB, uki]);
    expect(await rowsOf(uki)).toBe(await sampleRows('early+newc+zstd.img'));
    const { layer, notes } = await inspectImage(uki);
    expect(layer.kind).toBe('uki');
    expect(notes.first.map(({ code }) => code)).toContain('UKI_ADDS_AT_BOOT');
  });

  test('yields its initramfs wherever the section table ends', async () => {
    const many = Array.from({ length: 200 }, (_, index): Section => [`.s${index}`, Buffer.from('x')]);
    const uki = await writeUki([...many, kernel, ['.initrd', initrd]]);
    expect(await rowsOf(uki)).toBe(await sampleRows('gzip.img'));
  });

  test('has its microcode section in front', async () => {
    const early = await readFile(join(SAMPLES, 'newc.img'));
    const uki = await writeUki([kernel, ['.initrd', initrd], ['.ucode', early]]);
    expect(await inspectImage(uki)).toMatchObject({ layer: { kind: 'uki' }, files: 5 });
  });

  test('takes the first profile, and says that there are more', async () => {
    const other = await readFile(join(SAMPLES, 'hard-links.img'));
    const profile: Section = ['.profile', Buffer.from('ID=x')];
    const uki = await writeUki([kernel, profile, ['.initrd', initrd], profile, ['.initrd', other]]);
    expect(await rowsOf(uki)).toBe(await sampleRows('gzip.img'));
    const { notes } = await inspectImage(uki);
    expect(notes.first.map(({ code }) => code)).toContain('UKI_PROFILES');
  });

  test.each<{ why: string; sections: readonly Section[]; code: string }>([
    { why: 'no initramfs', sections: [kernel], code: 'UKI_INITRD_MISSING' },
    {
      why: 'an empty initramfs',
      sections: [kernel, ['.initrd', Buffer.alloc(0)]],
      code: 'UKI_INITRD_MISSING',
    },
    {
      why: 'two',
      sections: [
        ['.initrd', initrd],
        ['.initrd', initrd],
      ],
      code: 'UKI_SECTION_TWICE',
    },
  ])('with $why is refused', async ({ sections, code }) => {
    await expect(inspectImage(await writeUki(sections))).rejects.toMatchObject({ code });
  });

  test('cut at any byte is an error', async () => {
    const whole = makeUki([kernel, ['.initrd', initrd]]);
    const file = join(await freshDirectory(), 'cut.efi');
    for (let length = 0; length < whole.length; length += 7) {
      await writeFile(file, whole.subarray(0, length));
      await expect(inspectImage(file), `${length} bytes`).rejects.toHaveProperty('code');
    }
  });
});
