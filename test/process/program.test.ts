import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { requireName } from '../../src/process/name.ts';
import { runProgram, type ProgramCall, type ProgramResult } from '../../src/process/program.ts';

import { freshDirectory } from '../support/directory.ts';

/** Runs a script of Node as another program. */
function run(script: string, options: Partial<ProgramCall> = {}): Promise<ProgramResult> {
  const { args = [], ...others } = options;
  return runProgram({
    program: process.execPath,
    args: ['-e', script, '--', ...args],
    timeoutMs: 30_000,
    ...others,
  });
}

describe('runProgram', () => {
  test('gives both streams and the exit code, whatever that is', async () => {
    const result = await run('console.log("out"); console.error("err"); process.exitCode = 7');
    expect(result).toEqual({ exitCode: 7, stdout: 'out', stderr: 'err' });
  });

  test('passes arguments as they are', async () => {
    const args = ['; touch never', '$(id)', '"\'`', 'two\nlines', ''];
    const { stdout } = await run('console.log(JSON.stringify(process.argv.slice(1)))', { args });
    expect(JSON.parse(stdout)).toEqual(args);
  });

  test('gives no standard input', async () => {
    const script =
      'let n = 0; process.stdin.on("data", (d) => n += d.length).on("end", () => console.log(n))';
    expect((await run(script)).stdout).toBe('0');
  });

  test('adds to the environment and keeps the rest', async () => {
    const { stdout } = await run('console.log(process.env.OS_CLOUD, process.env.PATH !== undefined)', {
      env: { OS_CLOUD: 'esi' },
    });
    expect(stdout).toBe('esi true');
  });

  test('reports each line of both streams', async () => {
    const lines: string[] = [];
    const result = await run('console.log("one\\ntwo"); console.error("three")', {
      onLine: (line) => lines.push(line),
    });
    expect(lines.sort()).toEqual(['one', 'three', 'two']);
    expect(result.stdout).toBe('one\ntwo');
  });

  test('says that a program is missing', async () => {
    const call = { program: 'ima-assay-no-such-program', args: [], timeoutMs: 1000 };
    await expect(runProgram(call)).rejects.toMatchObject({ code: 'PROGRAM_MISSING' });
  });

  test('says that a program was ended', async () => {
    await expect(run('process.kill(process.pid, "SIGKILL")')).rejects.toMatchObject({
      code: 'PROGRAM_ENDED_EARLY',
      problem: expect.stringContaining('SIGKILL'),
    });
  });

  test('ends a program that writes without end', async () => {
    const script =
      'const b = "x".repeat(1 << 20) + "\\n"; const go = () => { while (process.stdout.write(b)); process.stdout.once("drain", go) }; go()';
    await expect(run(script)).rejects.toMatchObject({ code: 'PROGRAM_OUTPUT_TOO_LARGE' });
  });

  // The child starts another that outlives its parent unless the whole group is ended.
  const family = (file: string): string =>
    `const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'],
       { stdio: 'ignore' });
     require('node:fs').writeFileSync(${JSON.stringify(file)}, String(child.pid));
     setInterval(() => {}, 1000);`;

  test.each(['a time limit', 'a signal'])('ends a program and all it started at %s', async (cause) => {
    const file = join(await freshDirectory(), 'pid');
    await writeFile(file, '');
    const interrupt = new AbortController();
    const isLimit = cause === 'a time limit';
    const running = run(family(file), { timeoutMs: isLimit ? 1500 : 30_000, signal: interrupt.signal });
    const ended = expect(running).rejects.toMatchObject(
      isLimit ? { code: 'PROGRAM_TIMED_OUT' } : { message: 'enough' },
    );
    let pid = 0;
    while (pid === 0) {
      await sleep(50);
      pid = Number(await readFile(file, 'utf8'));
    }
    if (!isLimit) interrupt.abort(new Error('enough'));
    await ended;
    await expect.poll(() => isRunning(pid)).toBe(false);
  });
});

async function isRunning(pid: number): Promise<boolean> {
  const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z');
  return !/\) [ZX]/.test(state);
}

describe('requireName', () => {
  test.each([
    { why: 'is empty', name: '' },
    { why: 'begins with "-"', name: '--help' },
    { why: 'has a control character', name: 'a\nb' },
    { why: 'has a control character', name: 'a\u2028b' },
    { why: 'is longer than 255', name: 'x'.repeat(10_000) },
  ])('refuses one that $why', ({ name, why }) => {
    expect(() => requireName('image', name)).toThrow(why);
  });

  test('takes what only a shell would misunderstand', () => {
    expect(requireName('image', '; rm $HOME')).toBe('; rm $HOME');
  });
});
