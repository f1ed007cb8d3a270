#!/usr/bin/env node
import { unwritable } from '../output/atomic-file.ts';
import { exitCodeOf, exitCodes, reportError } from './exit.ts';
import { printVersion } from './version.ts';

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => interrupt.abort(new Error('interrupted')));
}
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that has seen enough (`… | head`) is no failure.
  if (error.code === 'EPIPE') process.exit(exitCodes.done);
  reportError(unwritable('standard output', error), interrupt.signal);
  process.exit(exitCodes.undecided);
});

// Nobody reads the notes any more; the work and its exit code stay what they are.
process.stderr.on('error', () => undefined);

const args = process.argv.slice(2);
try {
  if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
    printVersion();
  } else {
    // yargs is most of the start: it is loaded only where there is something to parse.
    const { run } = await import('./run.ts');
    process.exitCode = await run(args, interrupt.signal);
  }
} catch (error) {
  reportError(error, interrupt.signal);
  process.exitCode = exitCodeOf(error, interrupt.signal);
}
