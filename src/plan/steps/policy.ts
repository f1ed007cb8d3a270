import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { isSamePolicy } from '../../keylime/canonical.ts';
import { RemoteError } from '../../remote/error.ts';
import { writeAtomically } from '../../output/atomic-file.ts';
import { composeRuntimePolicy, logHashAlgorithms } from '../../runtime-policy/compose.ts';
import type { PlanContext } from '../context.ts';
import type { Inspection, Step, Work } from '../step.ts';
import { type PolicyTexts, toText } from './policy-text.ts';

/** The id of the step that brings a policy. */
export function policyStepId(name: string): string {
  return `policy ${name}`;
}

/** The id of the step that leaves nothing of an older policy. */
export function narrowStepId(name: string): string {
  return `policy ${name}, alone`;
}

/**
 * The policy on the verifier. One that is there already becomes the union of what it was and what it is to be: nodes
 * that are attested by it may still have the old files, and must not fail before they are deployed anew.
 */
export function policyStep(context: PlanContext, texts: PolicyTexts, name: string): Step {
  const look = async (signal: AbortSignal | undefined): Promise<Inspection & { readonly text: string }> => {
    const wanted = await texts.get(name, signal);
    const stored = await readStored(context, name);
    if (stored === undefined) {
      const actions = [`upload policy ${name}`];
      return { actions, output: undefined, creates: [{ kind: 'policy', name }], text: wanted };
    }
    const text = isSamePolicy(stored, wanted) ? wanted : await unite(stored, wanted, signal);
    const isThere = isSamePolicy(stored, text);
    return {
      actions: isThere ? [] : [`replace policy ${name} by the union of what it is and what it is to be`],
      output: {},
      creates: [],
      text,
    };
  };
  return {
    id: policyStepId(name),
    needs: [],
    inspect: async (_outputs, signal) => look(signal),
    apply: async (work) => {
      const { text, creates } = await look(work.signal);
      await upload(context, name, { text, isNew: creates.length > 0 }, work);
      return {};
    },
  };
}

/** The policy on the verifier, without what only an older one had, once all nodes have what it lists. */
export function narrowStep(
  context: PlanContext,
  texts: PolicyTexts,
  name: string,
  needs: readonly string[],
): Step {
  return {
    id: narrowStepId(name),
    needs,
    inspect: async (_outputs, signal) => {
      const wanted = await texts.get(name, signal);
      const stored = await readStored(context, name);
      const isDone = stored === undefined || isSamePolicy(stored, wanted);
      return {
        actions: isDone ? [] : [`replace policy ${name} by what it is to be, alone`],
        output: {},
        creates: [],
      };
    },
    apply: async (work) => {
      await upload(context, name, { text: await texts.get(name, work.signal), isNew: false }, work);
      return {};
    },
  };
}

async function readStored({ keylime }: PlanContext, name: string): Promise<string | undefined> {
  const stored = await keylime().verifier.findPolicy(name);
  if (stored === undefined || stored.text !== undefined) return stored?.text;
  throw new RemoteError('VERSION_UNSUPPORTED', {
    problem: `the verifier does not show what policy ${name} is: its release is too old for a plan`,
    hint: '`ima-assay tenant add` works with it',
  });
}

async function upload(
  { keylime, stateDirectory }: PlanContext,
  name: string,
  { text, isNew }: { readonly text: string; readonly isNew: boolean },
  { signal, onProgress }: Work,
): Promise<void> {
  const directory = join(stateDirectory, 'policies');
  await mkdir(directory, { recursive: true });
  const path = join(directory, `${name}.json`);
  await writeAtomically(path, [Buffer.from(text)], { signal });
  const tenant = await keylime().tenant(signal);
  onProgress(isNew ? 'uploading' : 'replacing');
  if (isNew) await tenant.addPolicy({ name, path });
  else await tenant.updatePolicy({ name, path });
}

const settings = z.object({
  release: z.number().optional().catch(undefined),
  ima: z.object({ log_hash_alg: z.enum(logHashAlgorithms).optional().catch(undefined) }).optional(),
});

/** The union; settings that have one value are those of the new one. */
async function unite(stored: string, wanted: string, signal: AbortSignal | undefined): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'ima-assay-'));
  try {
    const files = [join(directory, 'stored.json'), join(directory, 'wanted.json')] as const;
    await writeFile(files[0], stored);
    await writeFile(files[1], wanted);
    const { release, ima } = settings.parse(JSON.parse(wanted));
    const policy = await composeRuntimePolicy(
      { policies: files },
      { signal, release, logHashAlgorithm: ima?.log_hash_alg },
    );
    return toText(policy);
  } finally {
    await rm(directory, { recursive: true });
  }
}
