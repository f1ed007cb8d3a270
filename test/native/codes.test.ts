// One code, one class: the codes of the core's error enums against the tables that turn them into classes.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

import * as codes from '../../src/native/codes.ts';
import {
  AllowlistError,
  EvidenceError,
  ExcludeListError,
  fromNative,
  ImageError,
  MeasurementListError,
  NativeError,
  PolicyError,
} from '../../src/native/errors.ts';

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
  { name: 'ImageError', construct: ImageError, codes: codes.imageErrorCodes },
  { name: 'AllowlistError', construct: AllowlistError, codes: codes.allowlistErrorCodes },
  { name: 'PolicyError', construct: PolicyError, codes: codes.policyErrorCodes },
  { name: 'ExcludeListError', construct: ExcludeListError, codes: codes.excludeListErrorCodes },
  { name: 'MeasurementListError', construct: MeasurementListError, codes: codes.measurementListErrorCodes },
  { name: 'EvidenceError', construct: EvidenceError, codes: codes.evidenceErrorCodes },
  { name: 'NativeError', construct: NativeError, codes: codes.nativeErrorCodes },
];

describe('the codes of the native core', () => {
  test('are all known, and all known ones exist', () => {
    // These are made by the binding, the loader or the TypeScript side, or are those of findings.
    const elsewhere = [
      'ALGORITHM_UNKNOWN',
      'ENTRY_MALFORMED',
      'INTERNAL',
      'LIST_TRUNCATED',
      'NATIVE_BINDING_MISSING',
      'TEMPLATE_HASH_MISMATCH',
      'TEMPLATE_UNKNOWN',
    ];
    const known = tables.flatMap(({ codes: own }) => [...own]);
    expect([...new Set([...codesOfCore(), ...elsewhere])].toSorted()).toEqual(known.toSorted());
  });

  test.each(tables)('become $name', ({ construct, codes: own }) => {
    for (const code of own) {
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
