import { extractAllowlist } from '../../../image/extract.ts';
import { findPackages, type PackageOwner } from '../../../image/packages.ts';
import type { ExtractOptions } from '../../../image/types.ts';
import { type Explanation, explainRuntimePolicy } from '../../../runtime-policy/explain.ts';
import { flag, many, one } from '../../arguments.ts';
import type { Command } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import { declareImageOptions, readImageOptions } from '../../image-options.ts';
import { writeData } from '../../output.ts';
import { openProgress } from '../../progress.ts';
import { findSources } from '../../sources.ts';
import { warn } from '../../summary.ts';
import { escapeControls, formatCount } from '../../terminal.ts';

const valued = { type: 'string', requiresArg: true } as const;

/** `policy explain`: why a path or a digest passes, or does not. */
export const command: Command = {
  usage: 'explain <question>',
  summary: 'Tell who lists a path or a digest, what excludes it, and what is nearly it',
  options: (yargs) =>
    declareImageOptions(
      yargs
        .positional('question', {
          type: 'string',
          describe: 'PATH, or DIGEST in hex, perhaps with ALGORITHM: before',
        })
        .option('policy', {
          ...valued,
          alias: 'p',
          demandOption: true,
          describe: 'Policy or allowlist of any shape (repeatable)',
        })
        .option('exclude-list', {
          ...valued,
          alias: ['e', 'excludelist'],
          describe: 'Exclude patterns, one a line (repeatable)',
        })
        .option('image', { ...valued, describe: 'Image that the path may be from; a glob (repeatable)' })
        .option('algorithm', {
          ...valued,
          alias: 'a',
          describe: 'Hash algorithm for images (repeatable; default: sha256)',
        })
        .option('json', { type: 'boolean', describe: 'Write JSON' })
        .option('output', {
          ...valued,
          alias: 'o',
          describe: 'Write to FILE, and its checksum to FILE.sha256',
        }),
    ).example('$0 policy explain /usr/bin/x -p policy.json --image rootfs/', 'a path, and its package'),
  run: async (parsed, { signal }) => {
    const question = one(parsed, 'question') ?? '';
    const algorithms = many(parsed, 'algorithm');
    const sources = await findSources(many(parsed, 'image'));
    const quiet = flag(parsed, 'quiet');
    const progress = openProgress('hashing', { quiet });
    const options: ExtractOptions = { ...readImageOptions(parsed), signal };
    const images =
      sources.length === 0
        ? []
        : [
            (
              await extractAllowlist(sources, {
                ...options,
                algorithms: algorithms.length === 0 ? undefined : algorithms,
                onProgress: progress.onProgress,
              }).finally(progress.close)
            ).allowlist,
          ];
    const explanation = await explainRuntimePolicy(
      question,
      { policies: many(parsed, 'policy'), excludeLists: many(parsed, 'exclude-list'), images },
      { signal },
    );
    const { packages, unread } = await packagesOf(explanation, sources, options);
    if (!quiet) for (const line of unread) warn(`warning: ${line}`);
    const text = flag(parsed, 'json')
      ? `${JSON.stringify({ schemaVersion: 1, ...explanation, packages }, null, 2)}\n`
      : draw(explanation, packages);
    await writeData([Buffer.from(text)], { output: one(parsed, 'output'), signal });
    return explanation.answer === 'listed' ? exitCodes.done : exitCodes.findings;
  },
};

/** A package, and where it is installed. */
interface InstalledPackage extends PackageOwner {
  readonly image: string;
}

async function packagesOf(
  { question, inImages, listed }: Explanation,
  images: readonly string[],
  options: ExtractOptions,
): Promise<{ readonly packages: readonly InstalledPackage[]; readonly unread: readonly string[] }> {
  const paths =
    question.kind === 'path'
      ? [question.path]
      : [...new Set([...inImages.map(({ path }) => path), ...listed.map(({ name }) => name)])];
  const packages: InstalledPackage[] = [];
  const unread: string[] = [];
  for (const image of images) {
    // Standard input has been read to its end by now.
    if (image === '-') continue;
    const found = await findPackages(image, paths, options);
    packages.push(...found.owners.map((owner) => ({ image, ...owner })));
    unread.push(
      ...found.unread.map(({ database, problem }) => `${image}: ${database} is not read: ${problem}`),
    );
  }
  return { packages, unread };
}

function draw(explanation: Explanation, packages: readonly InstalledPackage[]): string {
  const { question, answer, listed, listedCount, excludedBy, inImages, near } = explanation;
  const subject = question.kind === 'path' ? question.path : question.digest;
  const lines = [`${escapeControls(subject)}: ${answer.replace('-', ' ')}`];
  for (const { section, name, digest, policy, line } of listed) {
    const where = line === null ? policy : `${policy}, line ${line}`;
    const what = question.kind === 'path' ? digest : name;
    lines.push(`listed    ${section === 'digests' ? '' : `${section} `}${what}  in ${where}`);
  }
  if (listedCount > listed.length) lines.push(`and ${formatCount(listedCount - listed.length)} times more`);
  for (const { source, index, line, pattern } of excludedBy) {
    const where = line === null ? `excludes[${index}] of ${source}` : `line ${line} of ${source}`;
    lines.push(`excluded  ${pattern}  by ${where}`);
  }
  for (const { image, path, digest, isListed } of inImages) {
    lines.push(`image     ${digest}  ${path} in ${image}${isListed ? '' : ', not listed'}`);
  }
  for (const { manager, name, version, image, path } of packages) {
    lines.push(`package   ${name}${version === null ? '' : ` ${version}`} (${manager})  ${path} in ${image}`);
  }
  for (const { kind, path, digest, policy } of near) {
    lines.push(`near      ${kind}: ${path}${digest === null ? '' : ` ${digest}`} in ${policy}`);
  }
  return `${lines.map((line) => escapeControls(line)).join('\n')}\n`;
}
