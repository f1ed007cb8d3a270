import { AssayError } from '../error.ts';
import { RemoteError } from '../remote/error.ts';
import { escapeControls } from './terminal.ts';

/** What the process's exit code means; also in `--help`. */
export const exitCodes = {
  done: 0,
  findings: 1,
  undecided: 2,
  remote: 3,
  interrupted: 130,
} as const;

/** The exit code of a command that threw. */
export function exitCodeOf(error: unknown, signal: AbortSignal): number {
  if (signal.aborted) return exitCodes.interrupted;
  return error instanceof RemoteError ? exitCodes.remote : exitCodes.undecided;
}

/** Prints an error as `ima-assay: FILE:LINE: problem`, hint and code; a stack only with `IMA_ASSAY_DEBUG=1`. */
export function reportError(error: unknown, signal: AbortSignal): void {
  const write = (line: string): void => void process.stderr.write(`${line}\n`);
  if (signal.aborted) {
    write('ima-assay: interrupted; no file was written');
    return;
  }
  const message = error instanceof Error ? error.message : String(error);
  write(`ima-assay: ${escapeControls(message)}`);
  if (error instanceof AssayError) {
    if (error.hint !== undefined) write(`  hint: ${error.hint}`);
    write(`  [${error.code}]`);
  }
  if (process.env['IMA_ASSAY_DEBUG'] === '1' && error instanceof Error) write(error.stack ?? '');
}
