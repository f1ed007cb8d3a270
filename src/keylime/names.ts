import { requireName } from '../process/name.ts';
import { UsageError } from '../usage.ts';

/** The id of every agent that was not given one, and of a tenant's command that names none. */
export const DEFAULT_AGENT_ID = 'd432fbb3-d2f1-4a97-9ef7-75bd81c00000';

/**
 * An agent's id, of the characters that Keylime lets it have.
 * @throws UsageError `ARGUMENT_INVALID`
 */
export function requireAgentId(id: string): string {
  requireName('the id of an agent', id);
  if (!/^[\w.-]+$/.test(id) || /^\.+$/.test(id)) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `${JSON.stringify(id.slice(0, 80))} is no id of an agent`,
      hint: 'ids have letters, digits, "_", "." and "-"; `ima-assay tenant list` shows those that are registered',
    });
  }
  return id;
}

/**
 * The name of a policy on a verifier. It becomes a part of an address, which Keylime does not decode.
 * @throws UsageError `ARGUMENT_INVALID`
 */
export function requirePolicyName(name: string): string {
  requireName('the name of a policy', name);
  if (!/^[\w.~-]+$/.test(name) || /^\.+$/.test(name)) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `${JSON.stringify(name.slice(0, 80))} cannot be the name of a policy`,
      hint: 'use letters, digits, "_", ".", "~" and "-": a verifier would not find another name again',
    });
  }
  return name;
}
