import { formatTimestamp } from '../runtime-policy/settings.ts';
import { UsageError } from '../usage.ts';

/** The time to write into a result, as Keylime writes it: `SOURCE_DATE_EPOCH` makes builds reproducible. */
export function timestampNow(): string {
  return formatTimestamp(now());
}

/** The time, or that of `SOURCE_DATE_EPOCH`. */
export function now(): Date {
  const epoch = process.env['SOURCE_DATE_EPOCH'];
  if (epoch === undefined) return new Date();
  if (!/^\d{1,12}$/.test(epoch)) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `SOURCE_DATE_EPOCH must be a number of seconds, not ${JSON.stringify(epoch)}`,
    });
  }
  return new Date(Number(epoch) * 1000);
}
