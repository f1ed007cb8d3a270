import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Argv } from 'yargs';
import type { Allowlist } from '../../../allowlist/allowlist.ts';
import { type Extraction, extractAllowlist } from '../../../image/extract.ts';
import { composeRuntimePolicy } from '../../../runtime-policy/compose.ts';
import { writeManifest } from '../../../runtime-policy/manifest.ts';
import { UsageError } from '../../../usage.ts';
import { flag, many, one } from '../../arguments.ts';
import type { Command, ParsedArguments } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import { declareImageOptions, readImageOptions, readThreads } from '../../image-options.ts';
import { reportWritten } from '../../output.ts';
import {
  declarePolicyOutput,
  policyHints,
  readChoices,
  readForm,
  writePolicy,
} from '../../policy-options.ts';
import { openProgress } from '../../progress.ts';
import { findSources } from '../../sources.ts';
import { reportOmissions, summarise, warn } from '../../summary.ts';
import { timestampNow } from '../../timestamp.ts';

const valued = { type: 'string', requiresArg: true } as const;

/** Where a running kernel shows its list. */
const SECURITYFS_LIST = '/sys/kernel/security/ima/ascii_runtime_measurements';

/** `policy create`: a policy from everything that is known. The options are those of `keylime-policy create runtime`. */
export const command: Command = {
  usage: 'create [source..]',
  writes: ['output', 'provenance', 'checksum'],
  hints: policyHints,
  summary: 'Make a runtime policy of images, allowlists, measurement lists, exclude lists and keys',
  options: (yargs) =>
    declareSources(
      declarePolicyOutput(
        declareImageOptions(
          yargs.positional('source', {
            type: 'string',
            describe: 'Image: initramfs, UKI, disk or container image, tar archive or root directory; a glob',
          }),
        ),
        'format',
      ),
    )
      .example(
        '$0 policy create keylime-image.initrd -e excludes.txt -o policy.json',
        'of an image and an exclude list',
      )
      .example(
        '$0 policy create -p policy.json -m list -k -b -o policy.json',
        'a policy, and what a node measured at boot',
      ),
  run: async (parsed, { signal }) => {
    // Undone work is taken away whatever happens, and most policies need none of it.
    const remote = many(parsed, 'remote-rpm-repo');
    if (remote.length === 0) return create(parsed, new Map(), signal);
    const { copyRepositories } = await import('../../remote-repositories.ts');
    const { limits, packageKeys = [] } = readImageOptions(parsed);
    const copies = await copyRepositories(remote, {
      limits,
      signature: packageKeys.length > 0,
      quiet: flag(parsed, 'quiet'),
      signal,
    });
    return create(parsed, copies.urls, signal).finally(copies.remove);
  },
};

/** Makes the policy. `copies` are directories with copies of remote repositories, and their URLs. */
async function create(
  parsed: ParsedArguments,
  copies: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<number> {
  const local = await findImages(parsed);
  const images = [...local, ...copies.keys()];
  const lists = readLists(parsed);
  const policies = [...many(parsed, 'base-policy'), ...many(parsed, 'allowlist')];
  const excludeLists = many(parsed, 'exclude-list');
  const keys = many(parsed, 'add-ima-signature-verification-key');
  const files = [...local, ...policies, ...lists, ...excludeLists, ...keys];
  checkInputs([...files, ...copies.keys()], many(parsed, 'exclude'));
  const manifest = one(parsed, 'checksum');
  const output = one(parsed, 'output');
  if (manifest !== undefined && (output === undefined || output === '-')) {
    throw new UsageError('ARGUMENT_INVALID', { problem: '--checksum needs a policy in a file: --output' });
  }
  const extraction = images.length === 0 ? undefined : renamed(await extract(images, parsed, signal), copies);
  const policy = await composeRuntimePolicy(
    {
      images: allowlistsOf(extraction),
      policies,
      measurementLists: lists,
      excludeLists,
      excludes: many(parsed, 'exclude'),
      keys,
      ignoredKeyrings: many(parsed, 'ignored-keyrings'),
    },
    {
      ...readChoices(parsed),
      policyKeys: many(parsed, 'policy-key'),
      fromLists: [
        ...(flag(parsed, 'hashes') ? (['digests'] as const) : []),
        ...(flag(parsed, 'keyrings') ? (['keyrings'] as const) : []),
        ...(flag(parsed, 'ima-buf') ? (['ima-buf'] as const) : []),
      ],
      signal,
    },
  );
  const isLegacy = flag(parsed, 'show-legacy-allowlist');
  const form = readForm(parsed, 'format') ?? (isLegacy ? 'allowlist' : 'runtime-policy');
  const code = await writePolicy(policy, form, parsed, { timestamp: timestampNow(), signal });
  if (extraction !== undefined) {
    if (!flag(parsed, 'quiet')) summarise(extraction);
    reportOmissions(extraction.sources);
  }
  if (manifest !== undefined && output !== undefined) {
    const { file, leftOut } = await writeManifest(manifest, [output, ...files], { signal });
    if (!flag(parsed, 'quiet') && !flag(parsed, 'json')) reportWritten([file]);
    for (const name of leftOut) warn(`${manifest} has no line for ${name}: it is no file`);
  }
  return extraction === undefined || extraction.omittedCount === 0 ? code : exitCodes.undecided;
}

/** What was extracted, by the names that the user gave. */
function renamed(extraction: Extraction, copies: ReadonlyMap<string, string>): Extraction {
  const sources = extraction.sources.map((source) => ({
    ...source,
    name: copies.get(source.name) ?? source.name,
  }));
  return { ...extraction, sources };
}

function declareSources(yargs: Argv): Argv {
  return yargs
    .option('rootfs', { ...valued, describe: 'Root filesystem: the same as SOURCE (repeatable)' })
    .option('ramdisk-dir', { ...valued, describe: 'Directory whose files initr* are images (repeatable)' })
    .option('local-rpm-repo', {
      ...valued,
      alias: 'l',
      describe: 'Directory with repodata: all its packages are images (repeatable)',
    })
    .option('remote-rpm-repo', {
      ...valued,
      alias: 'r',
      describe: 'The same by https: URL, fetched into a temporary directory (repeatable)',
    })
    .option('skip-path', { ...valued, alias: 's', describe: 'As --skip, with commas between paths' })
    .option('algorithm', {
      ...valued,
      alias: 'algo',
      describe: 'Hash algorithm for images (repeatable; default: sha256)',
    })
    .option('threads', { ...valued, describe: 'Hashing threads (default: one per core)' })
    .option('base-policy', { ...valued, alias: 'p', describe: 'Policy to start from (repeatable)' })
    .option('allowlist', { ...valued, alias: 'a', describe: 'Allowlist of any shape (repeatable)' })
    .option('exclude-list', {
      ...valued,
      alias: ['e', 'excludelist'],
      describe: 'Exclude patterns, one a line (repeatable)',
    })
    .option('exclude', { ...valued, describe: 'Exclude pattern (repeatable)' })
    .option('ima-measurement-list', {
      type: 'string',
      alias: 'm',
      describe: `Measurement list (repeatable; without a value ${SECURITYFS_LIST})`,
    })
    .option('hashes', {
      type: 'boolean',
      default: true,
      describe: 'Take digests of files from measurement lists (--no-hashes)',
    })
    .option('keyrings', { type: 'boolean', alias: 'k', describe: 'Take keys of keyrings from them' })
    .option('ima-buf', { type: 'boolean', alias: 'b', describe: 'Take other buffers from them' })
    .option('ignored-keyrings', {
      ...valued,
      describe: 'Keyring that is not checked; * for all (repeatable)',
    })
    .option('add-ima-signature-verification-key', {
      ...valued,
      alias: ['A', 'key'],
      describe: 'Key of file signatures: PEM, DER, X.509 or Keylime keyring (repeatable)',
    })
    .option('show-legacy-allowlist', { type: 'boolean', describe: 'The same as --format allowlist' })
    .option('checksum', {
      ...valued,
      describe: 'Also write the SHA-256 of the policy and of all that it was made from to FILE',
    });
}

async function findImages(parsed: ParsedArguments): Promise<readonly string[]> {
  const given = [...many(parsed, 'source'), ...many(parsed, 'rootfs')];
  const found = [...(await findSources(given))];
  for (const directory of many(parsed, 'ramdisk-dir')) {
    const names = await readdir(directory).catch((cause: unknown) => {
      throw new UsageError('SOURCE_NOT_FOUND', {
        problem: `${directory}: ${cause instanceof Error ? cause.message : String(cause)}`,
        hint: 'give the directory that the initrds are in',
        cause,
      });
    });
    const images = names.filter((name) => name.startsWith('initr')).toSorted();
    if (images.length === 0) {
      throw new UsageError('SOURCE_NOT_FOUND', {
        problem: `${directory} has no file whose name begins with initr`,
      });
    }
    found.push(...images.map((name) => join(directory, name)));
  }
  for (const directory of many(parsed, 'local-rpm-repo')) {
    if (!existsSync(join(directory, 'repodata/repomd.xml'))) {
      throw new UsageError('SOURCE_NOT_FOUND', {
        problem: `${directory} is no repository: it has no repodata/repomd.xml`,
        hint: 'give the directory that createrepo_c was run on',
      });
    }
    found.push(directory);
  }
  return [...new Set(found)];
}

/** `-m` without a value is the list of the running kernel. */
function readLists(parsed: ParsedArguments): readonly string[] {
  const value = parsed['ima-measurement-list'];
  if (value === undefined) return [];
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  const named = values.map((each) => (each === '' ? SECURITYFS_LIST : each));
  return many({ 'ima-measurement-list': named }, 'ima-measurement-list');
}

function checkInputs(files: readonly string[], patterns: readonly string[]): void {
  if (files.length + patterns.length === 0) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: 'there is nothing to make a policy of',
      hint: 'give an image, an --allowlist, a --base-policy or an --ima-measurement-list',
    });
  }
  if (files.filter((name) => name === '-').length > 1) {
    throw new UsageError('ARGUMENT_INVALID', { problem: 'standard input is given twice' });
  }
}

async function extract(
  images: readonly string[],
  parsed: ParsedArguments,
  signal: AbortSignal,
): Promise<Extraction> {
  const options = readImageOptions(parsed);
  const algorithms = many(parsed, 'algorithm');
  const skipped = many(parsed, 'skip-path').flatMap((paths) =>
    paths.split(',').filter((path) => path !== ''),
  );
  const progress = openProgress('hashing', { quiet: flag(parsed, 'quiet') });
  return extractAllowlist(images, {
    ...options,
    skipPaths: [...(options.skipPaths ?? []), ...skipped],
    algorithms: algorithms.length === 0 ? undefined : algorithms,
    threads: readThreads(parsed),
    signal,
    onProgress: progress.onProgress,
  }).finally(progress.close);
}

function allowlistsOf(extraction: Extraction | undefined): readonly Allowlist[] {
  return extraction === undefined ? [] : [extraction.allowlist];
}
