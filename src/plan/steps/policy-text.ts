import { extractAllowlist } from '../../image/extract.ts';
import { composeRuntimePolicy, type RuntimePolicy } from '../../runtime-policy/compose.ts';
import type { Plan } from '../schema.ts';

/** Makes the policies of a plan, each once however many steps ask for it. */
export class PolicyTexts {
  readonly #plan: Plan;
  readonly #made = new Map<string, Promise<string>>();

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** The text of a policy. The same files give the same bytes: it has no timestamp of its own. */
  get(name: string, signal: AbortSignal | undefined): Promise<string> {
    const known = this.#made.get(name);
    if (known !== undefined) return known;
    const made = this.#make(name, signal);
    this.#made.set(name, made);
    return made;
  }

  async #make(name: string, signal: AbortSignal | undefined): Promise<string> {
    const all = collect(this.#plan, name).map((each) => this.#plan.policies[each]);
    const of = (key: 'sources' | 'policies' | 'measurementLists' | 'excludeLists'): string[] => [
      ...new Set(all.flatMap((policy) => policy?.[key] ?? [])),
    ];
    const images = new Set(all.flatMap((policy) => policy?.images ?? []));
    const files = [...images].flatMap((image) => {
      const { disk, ramdisk } = this.#plan.images[image] ?? {};
      return [disk, ramdisk].filter((file) => file !== undefined);
    });
    const sources = [...new Set([...files, ...of('sources')])];
    const extracted = sources.length === 0 ? undefined : await extractAllowlist(sources, { signal });
    const policy = await composeRuntimePolicy(
      {
        images: extracted === undefined ? [] : [extracted.allowlist],
        policies: of('policies'),
        measurementLists: of('measurementLists'),
        excludeLists: of('excludeLists'),
      },
      { signal },
    );
    return toText(policy);
  }
}

/** A policy and all its layers. */
function collect(plan: Plan, name: string, seen: Set<string> = new Set()): readonly string[] {
  if (seen.has(name)) return [...seen];
  seen.add(name);
  for (const layer of plan.policies[name]?.layers ?? []) collect(plan, layer, seen);
  return [...seen];
}

/** A policy as it is uploaded. */
export function toText(policy: RuntimePolicy): string {
  return Buffer.concat([...policy.serialise('runtime-policy')]).toString();
}
