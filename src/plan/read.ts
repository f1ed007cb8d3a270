import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { type Document, isMap, isNode, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import type { z } from 'zod';
import { PlanError } from './error.ts';
import { type Plan, planSchema } from './schema.ts';

/** A plan of a thousand nodes has a tenth of it. */
const MAX_BYTES = 4 * 1024 * 1024;

/** The way to a value: `nodes`, `w-1`, `policy`. */
type Way = readonly (string | number)[];

/** What is wrong with a plan, and at which value. */
interface Problem {
  readonly way: Way;
  readonly text: string;
}

/**
 * Reads a plan and checks all that can be checked without asking anybody: its shape, what its parts say of one
 * another, and that the files it names are there.
 *
 * @returns the plan with its defaults, and with absolute paths
 * @throws PlanError `PLAN_MALFORMED` if it is no YAML, `PLAN_INVALID` with the line of the first thing that is wrong
 */
export async function readPlan(file: string): Promise<Plan> {
  const text = await readText(file);
  const lines = new LineCounter();
  // Aliases are bounded by the library, so that a few lines cannot become millions.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const [fault] = [...document.errors, ...document.warnings];
  if (fault !== undefined) {
    throw new PlanError('PLAN_MALFORMED', {
      problem: fault.message,
      at: { input: file, line: lines.linePos(fault.pos[0]).line },
      hint: 'a plan is YAML; docs/attest.md has one',
    });
  }
  const lineOf = (way: Way): number => {
    for (let length = way.length; length > 0; length -= 1) {
      const found = findNode(document, way.slice(0, length));
      if (found?.range) return lines.linePos(found.range[0]).line;
    }
    return 1;
  };
  const refuse = (problems: readonly Problem[]): never => {
    const placed = problems
      .map(({ way, text: words }) => ({
        line: lineOf(way),
        words: `${way.join('.') || 'the plan'} ${words}`,
      }))
      .toSorted((a, b) => a.line - b.line);
    const [first, ...others] = placed;
    const more = others.map(({ line, words }) => `line ${line}: ${words}`);
    throw new PlanError('PLAN_INVALID', {
      problem: [first?.words ?? '', ...more].join('; '),
      at: { input: file, ...(first === undefined ? {} : { line: first.line }) },
      hint: 'docs/attest.md says what a plan can have; credentials belong into clouds.yaml, never here',
    });
  };
  const secret = findSecret(text);
  if (secret !== undefined) {
    throw new PlanError('PLAN_INVALID', {
      problem: 'a private key stands in the plan',
      at: { input: file, line: lines.linePos(secret).line },
      hint: 'plans are shared and kept: name the file it lies in instead',
    });
  }
  const parsed = planSchema.safeParse(toValue(document, file));
  if (!parsed.success) return refuse(parsed.error.issues.flatMap(describeIssue));
  const plan = absolute(parsed.data, dirname(resolve(file)));
  const problems = [...checkReferences(plan), ...(await checkFiles(plan))];
  return problems.length > 0 ? refuse(problems) : plan;
}

async function readText(file: string): Promise<string> {
  const unreadable = (problem: string, cause?: unknown): PlanError =>
    new PlanError('PLAN_MALFORMED', {
      problem,
      at: { input: file },
      hint: 'give the path of a plan; docs/attest.md has one',
      cause,
    });
  try {
    const { size } = await stat(file);
    if (size > MAX_BYTES) throw unreadable(`has ${size} bytes, more than a plan can have`);
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
  } catch (error) {
    if (error instanceof PlanError) throw error;
    throw unreadable(`cannot be read: ${error instanceof Error ? error.message : String(error)}`, error);
  }
}

/** The key of a value, or the value where it has none. */
function findNode(document: Document, way: Way): Node | undefined {
  const parent = way.length === 1 ? document.contents : document.getIn(way.slice(0, -1), true);
  const pair = isMap(parent)
    ? parent.items.find(({ key }) => isScalar(key) && key.value === way.at(-1))
    : undefined;
  const found = pair?.key ?? document.getIn(way, true);
  return isNode(found) ? found : undefined;
}

function toValue(document: Document, file: string): unknown {
  try {
    const value: unknown = document.toJS();
    return value;
  } catch (cause) {
    throw new PlanError('PLAN_MALFORMED', {
      problem: cause instanceof Error ? cause.message : String(cause),
      at: { input: file },
      cause,
    });
  }
}

function findSecret(text: string): number | undefined {
  const at = text.search(/-----BEGIN [A-Z ]*PRIVATE KEY/);
  return at === -1 ? undefined : at;
}

function describeIssue(issue: z.core.$ZodIssue): Problem[] {
  const way = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ way: [...way, key], text: 'is nothing that a plan can have' }));
    case 'invalid_key':
      return [{ way, text: issue.issues[0]?.message ?? issue.message }];
    case 'invalid_type': {
      const isMissing = issue.message.endsWith('received undefined');
      return [{ way, text: isMissing ? 'is missing' : `has to be of type ${issue.expected}` }];
    }
    default:
      return [{ way, text: issue.message }];
  }
}

/** Paths as the plan's directory means them; `~/` is the home of whoever runs it. */
function absolute(plan: Plan, directory: string): Plan {
  const file = (path: string): string =>
    path.startsWith('~/') ? join(homedir(), path.slice(2)) : resolve(directory, path);
  const optional = (path: string | undefined): string | undefined => path && file(path);
  const each = <From, To>(record: Record<string, From>, change: (from: From) => To): Record<string, To> =>
    Object.fromEntries(Object.entries(record).map(([name, from]) => [name, change(from)]));
  return {
    ...plan,
    keylime: plan.keylime && { ...plan.keylime, certificates: file(plan.keylime.certificates) },
    images: each(plan.images, (image) => ({
      ...image,
      disk: file(image.disk),
      kernel: optional(image.kernel),
      ramdisk: optional(image.ramdisk),
    })),
    policies: each(plan.policies, (policy) => ({
      ...policy,
      sources: policy.sources.map(file),
      policies: policy.policies.map(file),
      measurementLists: policy.measurementLists.map(file),
      excludeLists: policy.excludeLists.map(file),
    })),
    nodes: each(plan.nodes, (node) => ({ ...node, sshPublicKeys: node.sshPublicKeys.map(file) })),
  };
}

/** What the parts of a plan say of one another. */
function checkReferences({ images, policies, nodes, keylime }: Plan): Problem[] {
  const problems: Problem[] = [];
  const require = (way: Way, kind: string, known: object, wanted: string | undefined): void => {
    if (wanted !== undefined && !Object.hasOwn(known, wanted)) {
      problems.push({ way, text: `is no ${kind} of this plan: ${JSON.stringify(wanted)}` });
    }
  };
  for (const [name, policy] of Object.entries(policies)) {
    policy.images.forEach((image, at) => require(['policies', name, 'images', at], 'image', images, image));
    policy.layers.forEach((layer, at) =>
      require(['policies', name, 'layers', at], 'policy', policies, layer),
    );
    const cycle = findCycle(policies, name);
    if (cycle !== undefined) {
      problems.push({
        way: ['policies', name, 'layers'],
        text: `is a layer of itself: ${cycle.join(' → ')}`,
      });
    }
    const { images: fromImages, sources, policies: others, measurementLists, layers } = policy;
    if ([fromImages, sources, others, measurementLists, layers].every(({ length }) => length === 0)) {
      problems.push({ way: ['policies', name], text: 'lists nothing: every file would fail' });
    }
  }
  for (const [hostname, node] of Object.entries(nodes)) {
    require(['nodes', hostname, 'image'], 'image', images, node.image);
    require(['nodes', hostname, 'policy'], 'policy', policies, node.policy);
  }
  if (keylime === undefined && Object.keys(policies).length > 0) {
    problems.push({ way: ['policies'], text: 'need a verifier: keylime is missing' });
  }
  return problems;
}

function findCycle(policies: Plan['policies'], start: string): string[] | undefined {
  const seen = new Set<string>();
  const follow = (name: string, way: readonly string[]): string[] | undefined => {
    for (const layer of policies[name]?.layers ?? []) {
      if (layer === start) return [...way, layer];
      if (seen.has(layer)) continue;
      seen.add(layer);
      const found = follow(layer, [...way, layer]);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return follow(start, [start]);
}

async function checkFiles({ keylime, images, policies, nodes }: Plan): Promise<Problem[]> {
  const named: (readonly [way: Way, path: string])[] = [];
  const add = (way: Way, path: string | undefined): void => {
    if (path !== undefined) named.push([way, path]);
  };
  add(['keylime', 'certificates'], keylime?.certificates);
  for (const [name, image] of Object.entries(images)) {
    for (const key of ['kernel', 'ramdisk', 'disk'] as const) add(['images', name, key], image[key]);
  }
  for (const [name, policy] of Object.entries(policies)) {
    for (const key of ['sources', 'policies', 'measurementLists', 'excludeLists'] as const) {
      policy[key].forEach((path, at) => add(['policies', name, key, at], path));
    }
  }
  for (const [hostname, { sshPublicKeys }] of Object.entries(nodes)) {
    sshPublicKeys.forEach((path, at) => add(['nodes', hostname, 'sshPublicKeys', at], path));
  }
  const found = await Promise.all(
    named.map(async ([way, path]): Promise<Problem[]> => {
      const error = await stat(path).then(
        () => undefined,
        (cause: unknown) => cause,
      );
      return error === undefined ? [] : [{ way, text: `names ${JSON.stringify(path)}, which is not there` }];
    }),
  );
  return found.flat();
}
