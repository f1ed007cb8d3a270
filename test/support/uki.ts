// Unified kernel images that are made here.

export type Section = readonly [name: string, data: Uint8Array];

/** A PE file with these sections and nothing that could run. */
export function makeUki(sections: readonly Section[]): Buffer {
  const table = 64 + 24;
  let at = table + sections.length * 40;
  const header = Buffer.alloc(at);
  header.write('MZ', 0, 'latin1');
  header.writeUInt32LE(64, 60);
  header.write('PE\0\0', 64, 'latin1');
  header.writeUInt16LE(sections.length, 64 + 6);
  for (const [index, [name, data]] of sections.entries()) {
    const row = table + index * 40;
    header.write(name, row, 8, 'latin1');
    header.writeUInt32LE(data.length, row + 8);
    header.writeUInt32LE(data.length, row + 16);
    header.writeUInt32LE(at, row + 20);
    at += data.length;
  }
  return Buffer.concat([header, ...sections.map(([, data]) => data)]);
}
