import type { TestContext } from 'vitest';

import { skipAloud } from './tools.ts';

/** The virtual environment of .ci/setup-keylime, or a skip. */
export function needsKeylime(test: TestContext): string {
  const directory = process.env['IMA_ASSAY_KEYLIME'];
  return directory || skipAloud(test, 'IMA_ASSAY_KEYLIME names no directory of .ci/setup-keylime');
}

/** `digests` of a runtime policy. */
export function digestsOf(policy: string): unknown {
  const parsed: unknown = JSON.parse(policy);
  return typeof parsed === 'object' && parsed !== null && 'digests' in parsed ? parsed.digests : undefined;
}
