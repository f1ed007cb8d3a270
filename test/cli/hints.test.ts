// The hints of errors, and the names that the help has for values.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { advise } from '../../src/cli/advice.ts';
import { PolicyError } from '../../src/native/errors.ts';
import { RemoteError } from '../../src/remote/error.ts';
import { runCli } from '../support/cli.ts';
import { freshDirectory } from '../support/directory.ts';
import { LINE } from '../support/hello.ts';

const HELP = '  -q, --quiet\n      --keep-going\n      --skip PATH (--no-default-skips)\n';
const hintOf = (error: unknown): unknown =>
  error instanceof Error && 'hint' in error ? error.hint : undefined;
const lossy = (hint: string): PolicyError => new PolicyError('FORM_LOSSY', { problem: 'p', hint });

test.each([
  { why: 'nothing named', hint: 'copy it again', shown: 'copy it again' },
  {
    why: 'what the command has',
    hint: 'use --skip or --no-default-skips',
    shown: 'use --skip or --no-default-skips',
  },
  { why: 'another program', hint: 'try `qemu-img --help`', shown: 'try `qemu-img --help`' },
  {
    why: 'what another command has',
    hint: 'name one with --partition, or use --keep-going',
    shown:
      'name one with --partition, or use --keep-going (`ima-assay extract` has --partition, this command has not)',
  },
  {
    why: 'what only policies have',
    hint: 'lose it with --lossy',
    shown: 'lose it with --lossy (`ima-assay policy convert` has --lossy, this command has not)',
  },
])('a hint with $why', ({ hint, shown }) => {
  const error = advise(lossy(hint), {}, HELP);
  expect(hintOf(error)).toBe(shown);
  expect(error).toMatchObject({ code: 'FORM_LOSSY', problem: 'p' });
});

test('a command has hints of its own', () => {
  expect(hintOf(advise(lossy('x'), { FORM_LOSSY: 'write JSON' }, HELP))).toBe('write JSON');
});

test('an error of a remote system stays one, since the exit code is made of it', () => {
  const error = new RemoteError('UNREACHABLE', { problem: 'p', hint: 'look at --verifier' });
  expect(advise(error, {}, HELP)).toBe(error);
});

test('a file may be called -h behind --', async () => {
  const cwd = await freshDirectory();
  await writeFile(join(cwd, '-h'), LINE);
  const { stdout, code } = await runCli(['log', 'show', '--json', '--to', '1', '--', '-h'], { cwd });
  expect({ code, entry: JSON.parse(stdout) }).toMatchObject({ code: 0, entry: { entry: 1 } });
});

test('every value has a name in the help, and no empty default is shown', async () => {
  const help = await readFile(new URL('__snapshots__/commands.test.ts.snap', import.meta.url), 'utf8');
  expect(help).not.toMatch(/--[a-z-]+ VALUE\b/);
  expect(help).not.toContain('[default: []]');
  expect(help).not.toContain('[string]');
  expect(help).toContain('-p, --policy FILE ');
});
