// One code, one class: the codes of the core's error enums against the tables that turn them into classes.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

import { allowlistErrorCodes, imageErrorCodes, nativeErrorCodes } from '../../src/native/codes.ts';
import { AllowlistError, fromNative, ImageError, NativeError } from '../../src/native/errors.ts';

const CORE = fileURLToPath(new URL('../../native/core/src/', import.meta.url));

/** The codes in each `impl Explain for …`, one a variant. */
function codesOfCore(): readonly string[] {
  const sources = readdirSync(CORE, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.rs'))
    .map((name) => readFileSync(join(CORE, name), 'utf8'));
  const bodies = sources.flatMap((source) =>
    [...source.matchAll(/impl Explain for \w+ \{\s*fn code\(.*?\n {4}\}\n/gs)].map(([body]) => body),
  );
  return bodies.flatMap((body) => [...body.matchAll(/"([A-Z][A-Z0-9_]+)"/g)].map(([, code = '']) => code));
}

const tables = [
  { name: 'ImageError', construct: ImageError, codes: imageErrorCodes },
  { name: 'AllowlistError', construct: AllowlistError, codes: allowlistErrorCodes },
  { name: 'NativeError', construct: NativeError, codes: nativeErrorCodes },
];

describe('the codes of the native core', () => {
  test('are all known, and all known ones exist', () => {
    // These are made by the binding and the loader, not by an enum of the core.
    const boundary = ['ALGORITHM_UNKNOWN', 'INTERNAL', 'NATIVE_BINDING_MISSING'];
    const known = tables.flatMap(({ codes }) => [...codes]);
    expect([...codesOfCore(), ...boundary].toSorted()).toEqual(known.toSorted());
  });

  test('belong to one variant and one class each', () => {
    const codes = codesOfCore();
    expect(codes).toHaveLength(new Set(codes).size);
  });

  test.each(tables)('become $name', ({ construct, codes }) => {
    for (const code of codes) {
      const thrown = new Error(
        JSON.stringify({ code, problem: 'p', hint: 'h', at: { path: '/x', offsetBytes: 3 } }),
      );
      const error = fromNative(thrown);
      expect(error).toBeInstanceOf(construct);
      expect(error).toMatchObject({ code, problem: 'p', hint: 'h', at: { path: '/x', offsetBytes: 3 } });
    }
  });

  test('that are none become INTERNAL, with what was said', () => {
    expect(fromNative(new Error('no JSON'))).toMatchObject({ code: 'INTERNAL' });
    expect(fromNative(new Error('{"code":"NEW","problem":"p","at":{}}'))).toMatchObject({
      code: 'INTERNAL',
      problem: 'NEW: p',
    });
  });
});
