/**
 * Every code the native core can throw, by the class it becomes. `test/native/codes.test.ts` compares these with
 * the core's own enums, both ways.
 */
export const imageErrorCodes = [
  'FILE_CHANGED',
  'FORMAT_UNKNOWN',
  'IMAGE_EMPTY',
  'IMAGE_UNREADABLE',
  'INPUT_TOO_LARGE',
  'NOTHING_LISTED',
  'SHARES_UNREADABLE',
  'STOPPED',
  'TOO_DEEP',
  'TOO_MANY_FILES',
  // Of an initramfs.
  'CPIO_CHECKSUM_WRONG',
  'CPIO_FIELD_MALFORMED',
  'CPIO_FORMAT_REFUSED',
  'CPIO_MAGIC_UNKNOWN',
  'CPIO_NAME_UNTERMINATED',
  'CPIO_PADDING_BROKEN',
  'CPIO_SPLIT',
  'CPIO_TRAILER_MISSING',
  'CPIO_TRUNCATED',
  'INITRAMFS_NOTHING',
  'INITRAMFS_PATH_TOO_LONG',
  'INITRAMFS_RATIO_TOO_HIGH',
  'INITRAMFS_TOO_DEEP',
  'INITRAMFS_TOO_LARGE',
  'INITRAMFS_TOO_MANY_MEMBERS',
  'SEGMENT_CORRUPT',
  'SEGMENT_FOREIGN',
  'SEGMENT_JUNK',
  'SEGMENT_TRUNCATED',
  'SEGMENT_UNKNOWN',
  'SEGMENT_WINDOW_TOO_LARGE',
  // Of a unified kernel image.
  'UKI_INITRD_MISSING',
  'UKI_MALFORMED',
  'UKI_SECTION_TWICE',
  'UKI_TRUNCATED',
] as const;

export const allowlistErrorCodes = [
  'ALLOWLIST_EMPTY',
  'ALLOWLIST_LINE_MALFORMED',
  'DIGEST_UNLISTABLE',
  'PATH_UNLISTABLE',
] as const;

export const nativeErrorCodes = [
  'ALGORITHM_UNKNOWN',
  'CANCELLED',
  'INTERNAL',
  'NATIVE_BINDING_MISSING',
] as const;
