// The firmware's event log, and the boot aggregates that follow from it.

import { hashOf } from '../../support/made-list.ts';

export interface Boot {
  /** `binary_bios_measurements`, in the form of before TPM 2.0: SHA-1 alone. */
  readonly eventLog: Buffer;
  /** As Keylime has them: over PCR 0 to 7, and over 0 to 9, which no kernel makes of SHA-1. In hex. */
  readonly aggregates: readonly string[];
}

/** A short log that differs with the number. */
export function makeBoot(number: number): Boot {
  const pcrs = Array.from({ length: 10 }, (): Buffer => Buffer.alloc(20));
  const events = [0, 0, 1, 4, 7, 8, 9].map((index, at) => {
    const digest = hashOf('sha1', `event ${at} of ${number}`);
    pcrs[index] = hashOf('sha1', Buffer.concat([pcrs[index] ?? Buffer.alloc(20), digest]));
    const event = Buffer.from('event');
    const head = Buffer.alloc(8);
    head.writeUInt32LE(index, 0);
    head.writeUInt32LE(0x0d, 4); // EV_IPL
    const length = Buffer.alloc(4);
    length.writeUInt32LE(event.length);
    return Buffer.concat([head, digest, length, event]);
  });
  const aggregates = [8, 10].map((count) =>
    hashOf('sha1', Buffer.concat(pcrs.slice(0, count))).toString('hex'),
  );
  return { eventLog: Buffer.concat(events), aggregates };
}
