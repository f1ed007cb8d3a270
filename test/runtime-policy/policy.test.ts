// `loadPolicy`: every shape of a policy, what is listed in it, and one that several verifications share.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { loadPolicy, PolicyError, verify } from '../../src/index.ts';
import { freshDirectory } from '../support/directory.ts';
import { ALLOWLIST, DIGEST, LINE } from '../support/hello.ts';

const policyWith = (digests: object, excludes: readonly string[] = []): string =>
  JSON.stringify({
    meta: { version: 1, generator: 3 },
    release: 0,
    digests,
    excludes,
    keyrings: {},
    ima: { ignored_keyrings: [], log_hash_alg: 'sha1', dm_policy: null },
    'ima-buf': {},
    'verification-keys': '',
  });

async function fileWith(text: string): Promise<string> {
  const file = join(await freshDirectory(), 'policy');
  await writeFile(file, text);
  return file;
}

describe('loadPolicy', () => {
  test.each([
    { shape: 'runtime-policy', text: policyWith({ '/usr/bin/hello': [DIGEST] }) },
    { shape: 'json-allowlist', text: JSON.stringify({ hashes: { '/usr/bin/hello': [DIGEST] } }) },
    { shape: 'flat-allowlist', text: ALLOWLIST },
  ])('reads a $shape', async ({ shape, text }) => {
    const policy = await loadPolicy(await fileWith(text));
    expect(policy).toMatchObject({ shape, isSigned: false, excludes: [] });
    expect(policy.count()).toBe(1);
    expect(policy.listed('/usr/bin/hello')).toEqual([
      { algorithm: 'sha256', digest: DIGEST, line: expect.any(Number) },
    ]);
    expect(policy.listed(Buffer.from('/usr/bin/hello').subarray(0, 8))).toBeUndefined();
    expect(policy.count('ima-buf')).toBe(0);
  });

  test('tells what is wrong, and whether Keylime refuses it', async () => {
    const text = policyWith({ '/a': [`sha256:${DIGEST}`], '/b c': [DIGEST.toUpperCase()], '/d': [] }, [
      '/tmp/.*',
    ]);
    const policy = await loadPolicy(await fileWith(text));
    expect(policy.excludes).toEqual(['/tmp/.*']);
    const { problems, total } = policy.problems();
    expect(problems.map(({ code, refusedByKeylime }) => [code, refusedByKeylime])).toEqual(
      expect.arrayContaining([
        ['DIGEST_PREFIXED', true],
        ['DIGEST_UPPER_CASE', true],
        ['NAME_NEVER_MATCHES', false],
        ['LIST_EMPTY', true],
      ]),
    );
    expect(total).toBe(problems.length);
    expect(policy.problems(1)).toEqual({ problems: [problems[0]], total });
  });

  test('refuses what is no policy, and an envelope that nobody signed', async () => {
    const refused = { class: PolicyError, at: expect.objectContaining({ input: expect.any(String) }) };
    await expect(loadPolicy(await fileWith('{"digests": 7}'))).rejects.toThrow(refused.class);
    await expect(loadPolicy(await fileWith('[1]'))).rejects.toMatchObject({ at: refused.at });
  });
});

test('verifications share a policy that was loaded once', async () => {
  const policy = await loadPolicy(await fileWith(policyWith({ '/usr/bin/hello': [DIGEST] })));
  const list = await fileWith(LINE);
  const reports = await Promise.all([
    verify({ list, policies: [policy] }),
    verify({ list, policies: [policy] }),
    verify({ list, policies: [await fileWith(policyWith({}))] }),
  ]);
  expect(reports.map(({ verdict, accepted }) => [verdict, accepted.listed])).toEqual([
    ['pass', 1],
    ['pass', 1],
    ['fail', 0],
  ]);
});
