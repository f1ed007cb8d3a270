/**
 * Every code the native core can throw, by the class it becomes. A code that the core has and this table
 * does not, or the other way round, fails `test/native/codes.test.ts`.
 */
export const imageErrorCodes = [
  'FILE_CHANGED',
  'FORMAT_UNKNOWN',
  'IMAGE_EMPTY',
  'IMAGE_UNREADABLE',
  'NOTHING_LISTED',
  'SHARES_UNREADABLE',
  'STOPPED',
  'TOO_DEEP',
  'TOO_MANY_FILES',
] as const;

export const allowlistErrorCodes = [
  'ALLOWLIST_EMPTY',
  'ALLOWLIST_LINE_MALFORMED',
  'DIGEST_UNLISTABLE',
  'PATH_UNLISTABLE',
] as const;

export const nativeErrorCodes = ['ALGORITHM_UNKNOWN', 'CANCELLED', 'INTERNAL', 'NATIVE_BINDING_MISSING'] as const;
