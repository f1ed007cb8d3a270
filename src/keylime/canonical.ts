/** Whether two texts are the same JSON, whatever the order of keys and the white space. Of envelopes, what is signed. */
export function isSamePolicy(one: string, other: string): boolean {
  if (one === other) return true;
  const [first, second] = [canonicalise(one), canonicalise(other)];
  return first !== undefined && first === second;
}

function canonicalise(text: string): string | undefined {
  try {
    return JSON.stringify(sortKeys(unwrap(JSON.parse(text))));
  } catch {
    return undefined;
  }
}

/** A DSSE envelope holds the policy as base64. */
function unwrap(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('payload' in value) || !('signatures' in value)) {
    return value;
  }
  const parsed: unknown = JSON.parse(Buffer.from(String(value.payload), 'base64').toString());
  return parsed;
}

/** Marks objects and arrays, so that none is taken for the other; keys may have any name, also "__proto__". */
function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return ['array', ...value.map(sortKeys)];
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return ['object', ...entries.map(([key, inner]) => [key, sortKeys(inner)])];
}
