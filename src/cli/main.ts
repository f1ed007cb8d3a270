#!/usr/bin/env node
import { exitCode, reportError } from './exit.ts';
import { printVersion } from './version.ts';

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => interrupt.abort(new Error('interrupted')));
}
// A reader that has seen enough (`… | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const args = process.argv.slice(2);
if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
  printVersion();
} else {
  // yargs is most of the start: it is loaded only where there is something to parse.
  const { run } = await import('./run.ts');
  try {
    process.exitCode = await run(args, interrupt.signal);
  } catch (error) {
    reportError(error, interrupt.signal);
    process.exitCode = exitCode(error, interrupt.signal);
  }
}
