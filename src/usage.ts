import { AssayError } from './error.ts';

/** The caller asked for something that makes no sense. */
export class UsageError extends AssayError<'ARGUMENT_INVALID' | 'INPUT_UNREADABLE' | 'SOURCE_NOT_FOUND'> {}

/** The value, if it is a whole number that is not negative. */
export function requireWholeNumber(name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `${name} must be a whole number that is not negative, not ${String(value)}`,
    });
  }
  return value;
}

/** The upper bounds that are given, each a whole number. */
export function requireLimits(limits: object): Record<string, number> {
  const given = Object.entries(limits).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, requireWholeNumber(name, value)]));
}
