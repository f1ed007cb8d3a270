// One entry of a measurement list, worked by hand: the file `/usr/bin/hello` with the bytes `hello\n`. The values
// were checked against Keylime's replay and the kernel's rules, not against this program.

/** `sha256sum` of `hello\n`. */
export const DIGEST = '5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03';

/** Its template hash: SHA-1 of the 63 bytes of template data. */
export const TEMPLATE_HASH = 'c8acbfa06c0d5bf7696db445ba8489fa2393c0d5';

/** PCR 10 after this entry alone. */
export const PCR10 = {
  sha1: '59e77991adbaf8bd4d2a22ae41d3951c443fbd1a',
  sha256: '3ebd492c3dbe72cb38ee9970cd9314733898a89672d261c81fcf23bdf974faa5',
} as const;

/** The entry as the kernel prints it. */
export const LINE: string = `10 ${TEMPLATE_HASH} ima-ng sha256:${DIGEST} /usr/bin/hello\n`;

/** An allowlist that it passes. */
export const ALLOWLIST: string = `${DIGEST}  /usr/bin/hello\n`;
