import { UsageError } from '../usage.ts';

/** The longest name that any of the systems takes. */
const MAX_NAME = 255;

/**
 * A name that may stand among the arguments of another program: one that begins with `-` would be an option there.
 * @throws UsageError `ARGUMENT_INVALID`
 */
export function requireName(what: string, name: string): string {
  const refuse = (why: string): never => {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `${what} ${JSON.stringify(name.slice(0, 80))} ${why}`,
    });
  };
  if (name === '') refuse('is empty');
  if (name.length > MAX_NAME) refuse(`is longer than ${MAX_NAME} characters`);
  if (name.startsWith('-')) refuse('begins with "-": other programs would take it for an option');
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name)) refuse('has a control character');
  return name;
}
