import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

import { readPlan } from '../../src/plan/read.ts';
import { planSchema } from '../../src/plan/schema.ts';
import { freshDirectory } from '../support/directory.ts';

const SCHEMA = new URL('../../src/plan/plan.schema.json', import.meta.url);

const PLAN = `version: 1
cloud: esi
keylime: {verifier: 192.0.2.10, certificates: certs}
images:
  small: {disk: disk}
policies:
  base:
    policies: [list]
  workers:
    images: [small]
    layers: [base]
nodes:
  w-1:
    image: small
    networks: [attestation]
    policy: workers
`;

async function directoryWith(text: string): Promise<string> {
  const directory = await freshDirectory();
  for (const name of ['certs', 'disk', 'list', 'key']) await writeFile(join(directory, name), '');
  const file = join(directory, 'plan.yaml');
  await writeFile(file, text);
  return file;
}

describe('a plan', () => {
  test('has its defaults, and paths that do not depend on where one is', async () => {
    const file = await directoryWith(PLAN);
    const plan = await readPlan(file);
    expect(plan.images['small']?.disk).toBe(join(file, '../disk'));
    expect(plan.keylime?.certificates).toBe(join(file, '../certs'));
    expect(plan.policies['base']?.policies).toEqual([join(file, '../list')]);
    expect(plan.nodes['w-1']).toMatchObject({ resourceClass: 'baremetal', attach: [], sshPublicKeys: [] });
  });

  test('may be empty but for its version', async () => {
    expect(await readPlan(await directoryWith('version: 1\n'))).toMatchObject({ nodes: {}, images: {} });
  });

  const edit = (from: string | RegExp, to: string): string => PLAN.replace(from, to);

  test.each([
    { why: 'an unknown key', text: edit('cloud: esi', 'clod: esi'), line: 2, says: 'clod is nothing' },
    {
      why: 'an unknown key far inside',
      text: edit('    policy: workers', '    polcy: x'),
      line: 16,
      says: 'polcy',
    },
    { why: 'a password', text: edit('cloud: esi', 'password: x'), line: 2, says: 'password is nothing' },
    {
      why: 'a private key',
      text: `${PLAN}# -----BEGIN EC PRIVATE KEY-----\n`,
      line: 17,
      says: 'private key',
    },
    { why: 'another version', text: edit('version: 1', 'version: 2'), line: 1, says: 'version' },
    { why: 'no version', text: edit('version: 1\n', ''), line: 1, says: 'version has to be 1' },
    {
      why: 'a wrong type',
      text: edit('[attestation]', 'attestation'),
      line: 15,
      says: 'has to be of type array',
    },
    { why: 'no network', text: edit('[attestation]', '[]'), line: 15, says: 'networks' },
    { why: 'a missing file', text: edit('disk: disk', 'disk: nowhere'), line: 5, says: 'is not there' },
    {
      why: 'an unknown image',
      text: edit('    image: small', '    image: large'),
      line: 14,
      says: 'no image of this plan',
    },
    {
      why: 'two images',
      text: edit('    image: small', '    image: small\n    existingImage: x'),
      line: 13,
      says: 'one of image',
    },
    {
      why: 'an unknown policy',
      text: edit('policy: workers', 'policy: others'),
      line: 16,
      says: 'no policy of this plan',
    },
    {
      why: 'a circle',
      text: edit('    policies: [list]', '    layers: [workers]'),
      line: 8,
      says: 'is a layer of itself: base → workers → base',
    },
    {
      why: 'an empty policy',
      text: edit('    policies: [list]', '    excludeLists: [list]'),
      line: 7,
      says: 'lists nothing',
    },
    {
      why: 'a policy without a verifier',
      text: edit(/keylime.*\n/, ''),
      line: 5,
      says: 'keylime is missing',
    },
    { why: 'a hostile hostname', text: edit('  w-1:', '  "--help":'), line: 13, says: 'is no hostname' },
    { why: 'a hostile network', text: edit('[attestation]', '["--all"]'), line: 15, says: 'begins with "-"' },
    {
      why: 'a name with a line break',
      text: edit('[attestation]', '["a\\nb"]'),
      line: 15,
      says: 'control character',
    },
    {
      why: 'a name of 10 kB',
      text: edit('cloud: esi', `cloud: ${'x'.repeat(10_000)}`),
      line: 2,
      says: 'cloud',
    },
    { why: 'a key twice', text: `${PLAN}cloud: other\n`, line: 17, says: 'unique', code: 'PLAN_MALFORMED' },
    { why: 'no YAML', text: 'nodes: [}', line: 1, says: '', code: 'PLAN_MALFORMED' },
    {
      why: 'two documents',
      text: `${PLAN}---\nversion: 1\n`,
      line: 17,
      says: 'document',
      code: 'PLAN_MALFORMED',
    },
    { why: 'nothing', text: '', line: 1, says: 'the plan', code: 'PLAN_INVALID' },
  ])('with $why is refused, with the line', async ({ text, line, says, code = 'PLAN_INVALID' }) => {
    const file = await directoryWith(text);
    await expect(readPlan(file)).rejects.toMatchObject({
      code,
      at: { input: file, line },
      problem: expect.stringContaining(says),
    });
  });

  test('whose aliases would become millions of values is refused', async () => {
    const levels = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
    const lines = levels.map(
      (name, at) => `${name}: &${name} [${at === 0 ? 'x' : `*${levels[at - 1] ?? ''},`.repeat(9)}]`,
    );
    await expect(readPlan(await directoryWith(lines.join('\n')))).rejects.toMatchObject({
      code: 'PLAN_MALFORMED',
    });
  });

  test('with several mistakes names all of them', async () => {
    const text = edit('cloud: esi', 'clod: esi')
      .replace('policy: workers', 'policy: others')
      .replace('version: 1', 'version: 3');
    await expect(readPlan(await directoryWith(text))).rejects.toThrow(/version.*line 2: clod/);
  });

  test('that is too large, or not there, is refused', async () => {
    const large = await directoryWith(`# ${'x'.repeat(5_000_000)}\n`);
    await expect(readPlan(large)).rejects.toMatchObject({ code: 'PLAN_MALFORMED' });
    await expect(readPlan('/nowhere.yaml')).rejects.toMatchObject({ code: 'PLAN_MALFORMED' });
  });
});

describe('the JSON Schema that editors use', () => {
  test('is that of the plans that are read', async () => {
    const schema = z.toJSONSchema(planSchema, { io: 'input' });
    await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot(SCHEMA.pathname);
  });

  test('takes a plan, and not one with an unknown key', async () => {
    const validate = new Ajv2020({ strict: false }).compile(JSON.parse(await readFile(SCHEMA, 'utf8')));
    expect(validate(parse(PLAN))).toBe(true);
    expect(validate(parse(PLAN.replace('cloud', 'clod')))).toBe(false);
  });
});
