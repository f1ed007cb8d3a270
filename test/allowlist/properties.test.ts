// What holds for every allowlist, on lists made up at random.

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { Allowlist } from '../../src/index.ts';

const digest = fc
  .constantFrom(20, 32, 48, 64)
  .chain((length) => fc.uint8Array({ minLength: length, maxLength: length }))
  .map((bytes) => Buffer.from(bytes).toString('hex'));
// Printable and without blanks, which IMA spells otherwise.
const path = fc.stringMatching(/^(?:\/[!-.0-~\u00a1-\u00ff]{1,12}){1,4}$/);
const list = fc
  .array(fc.tuple(digest, path), { minLength: 1, maxLength: 30 })
  .map((rows) => rows.map(([hex, name]) => `${hex}  ${name}\n`).join(''));

function text(allowlist: Allowlist): string {
  return Buffer.concat([...allowlist.serialise({ format: 'allowlist' })]).toString();
}

test('writing and reading again changes nothing', () => {
  fc.assert(
    fc.property(list, (rows) => {
      const written = text(Allowlist.parse(rows, 'list'));
      expect(text(Allowlist.parse(written, 'list'))).toBe(written);
      expect(new Set(written.split('\n'))).toEqual(new Set(rows.split('\n')));
    }),
  );
});

test('a merge is the union, in any order and however often', () => {
  fc.assert(
    fc.property(list, list, list, (a, b, c) => {
      const [one, two, three] = [a, b, c].map((rows, index) => Allowlist.parse(rows, String(index)));
      if (one === undefined || two === undefined || three === undefined) return;
      const all = text(Allowlist.merge([one, two, three]));
      expect(text(Allowlist.merge([three, Allowlist.merge([two, one]), two]))).toBe(all);
      expect(text(Allowlist.parse(a + b + c, 'all'))).toBe(all);
    }),
  );
});

test('the same rows in another order give the same bytes', () => {
  fc.assert(
    fc.property(list, (rows) => {
      const backwards = `${rows.trimEnd().split('\n').toReversed().join('\n')}\n`;
      expect(text(Allowlist.parse(backwards, 'list'))).toBe(text(Allowlist.parse(rows, 'list')));
    }),
  );
});
