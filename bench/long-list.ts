// node long-list.js ENTRIES: writes a list of that many entries, no two of them alike, to standard output.

import { hash } from 'node:crypto';
import { once } from 'node:events';

import { makeEntry, toLine } from './lists.ts';

const BATCH = 10_000;
const entries = Number(process.argv[2]);
for (let start = 0; start < entries; start += BATCH) {
  const numbers = Array.from({ length: Math.min(BATCH, entries - start) }, (_, index) => start + index);
  const lines = numbers.map((number) => {
    const name = `/var/lib/containers/storage/overlay/${number % 977}/diff/usr/lib/${number}.so`;
    return toLine(makeEntry(name, hash('sha256', name, 'buffer')));
  });
  if (!process.stdout.write(lines.join(''))) await once(process.stdout, 'drain');
}
