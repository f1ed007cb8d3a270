// Every row of the table of formats: an image that its own tools make, and what the built program makes of it.

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, describe, expect, test, type TestContext } from 'vitest';

import { imageErrorCodes } from '../../src/native/codes.ts';
import { runCli } from '../support/cli.ts';
import { needsTool, skipAloud } from '../support/tools.ts';
import { digestsFrom, digestsOf, programsOf, ROOT, runSteps } from './formats/make.ts';
import { drawPage } from './formats/page.ts';
import type { Place, Row, TreeName } from './formats/row.ts';
import { table } from './formats/table.ts';
import { makeTree } from './formats/trees.ts';

const PAGE = fileURLToPath(new URL('../../docs/formats.md', import.meta.url));
const EVERYTHING = ['--all-owners', '--no-default-skips'];
const isSlowWanted = Boolean(process.env['IMA_ASSAY_SLOW_TESTS']);

const scratch = await mkdtemp(join(tmpdir(), 'ima-assay-formats-'));
afterAll(() => rm(scratch, { recursive: true }));

interface Tree {
  readonly directory: string;
  readonly digests: readonly string[];
}

const trees = new Map<TreeName, Promise<Tree>>();

/** A tree, which is made once. */
function treeOf(name: TreeName): Promise<Tree> {
  const known = trees.get(name) ?? makeOnce(name);
  trees.set(name, known);
  return known;
}

async function makeOnce(name: TreeName): Promise<Tree> {
  const directory = join(scratch, name);
  await mkdir(directory);
  await makeTree(directory, name);
  return { directory, digests: await digestsOf(directory) };
}

/** What has to be listed, in the order of bytes. */
async function expected(places: readonly Place[], tree: Tree, directory: string): Promise<readonly string[]> {
  const parts = places.map(async ({ from, at = '' }) => {
    if (from === '{tree}' && at === '') return tree.digests;
    const path = resolve(
      directory,
      from.replace('{tree}', tree.directory).replace('{root}', ROOT.slice(0, -1)),
    );
    return path.endsWith('.sha256') ? digestsFrom(path, at) : digestsOf(path, at);
  });
  return (await Promise.all(parts)).flat().toSorted();
}

async function check(row: Row, context: TestContext): Promise<void> {
  const { make, image = 'image', options = [], lists = [{ from: '{tree}' }], notes = [], refused } = row;
  // A path is that of a script of this checkout.
  const programs = programsOf(make).map((program) => (program.includes('/') ? 'python3' : program));
  needsTool(context, ...programs, 'find', 'sha256sum');
  if (row.needs !== undefined && !existsSync(row.needs)) skipAloud(context, `${row.needs} is not installed`);
  const tree = await treeOf(row.tree ?? 'awkward');
  const directory = await mkdtemp(join(scratch, 'row-'));
  context.onTestFinished(() => rm(directory, { recursive: true }));
  await runSteps(make, directory, tree.directory);
  const path = resolve(directory, image.replace('{root}', ROOT.slice(0, -1)));
  const found = await runCli(['extract', path, ...EVERYTHING, ...options], { cwd: directory });
  if (refused !== undefined) {
    expect({ code: found.code, stdout: found.stdout }, found.stderr).toEqual({ code: 2, stdout: '' });
    expect(found.stderr).toContain(`[${refused}]`);
    return;
  }
  expect(found.code, found.stderr).toBe(0);
  const lines = found.stdoutBytes
    .toString('latin1')
    .split('\n')
    .filter((line) => line !== '');
  expect(lines.toSorted()).toEqual(await expected(lists, tree, directory));
  for (const code of notes) expect(found.stderr).toContain(`[${code}]`);
}

describe.concurrent.for(table)('$name', ({ rows }) => {
  for (const row of rows) {
    const isSlow = row.isSlow === true;
    test.skipIf(isSlow && !isSlowWanted)(row.feature, { timeout: isSlow ? 300_000 : 60_000 }, (context) =>
      check(row, context),
    );
  }
});

describe('the table', () => {
  test('says nothing twice, and knows its codes', () => {
    for (const { rows } of table) {
      const features = rows.map(({ feature }) => feature);
      expect(features).toEqual([...new Set(features)]);
    }
    const codes: ReadonlySet<string> = new Set(imageErrorCodes);
    const used = table.flatMap(({ rows }) => rows.flatMap(({ refused = [] }) => refused));
    expect(used.filter((code) => !codes.has(code))).toEqual([]);
  });

  test('is docs/formats.md', async () => {
    await expect(drawPage(table)).toMatchFileSnapshot(PAGE);
  });
});
