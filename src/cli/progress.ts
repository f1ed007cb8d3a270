import type { Progress } from '../native/work.ts';
import { formatBytes, formatCount } from './terminal.ts';

/** A line on standard error that is drawn anew with each report, and gone at the end. */
export interface ProgressLine {
  /** Undefined where no line is shown: then nothing needs to be asked. */
  readonly onProgress: ((progress: Progress) => void) | undefined;
  readonly close: () => void;
}

const CLEAR_LINE = '\r\u001b[K';

/** A progress line for work that began now; silent unless standard error is a terminal. */
export function openProgress(label: string, { quiet }: { readonly quiet: boolean }): ProgressLine {
  const stream = process.stderr;
  if (quiet || !stream.isTTY || process.env['CI'] !== undefined || process.env['TERM'] === 'dumb') {
    return { onProgress: undefined, close: () => undefined };
  }
  const startedMs = Date.now();
  return {
    onProgress: (progress) => {
      const text = describeProgress(label, progress, (Date.now() - startedMs) / 1000);
      const columns = stream.columns > 0 ? stream.columns : 80;
      stream.write(`${CLEAR_LINE}${text.slice(0, columns - 1)}`);
    },
    close: () => void stream.write(CLEAR_LINE),
  };
}

/** The line's text: files, bytes and rate, and the time that is left where the input's size is known. */
export function describeProgress(label: string, progress: Progress, elapsedSeconds: number): string {
  const { files, hashedBytes, inputBytes, inputTotalBytes } = progress;
  const rate = elapsedSeconds > 0 ? `, ${formatBytes(hashedBytes / elapsedSeconds)}/s` : '';
  const done = `${label}: ${formatCount(files)} files, ${formatBytes(hashedBytes)}${rate}`;
  if (inputTotalBytes === 0 || inputBytes === 0) return done;
  const share = Math.min(inputBytes / inputTotalBytes, 1);
  const leftSeconds = (elapsedSeconds * (1 - share)) / share;
  return `${done}, ${Math.floor(share * 100)} %, ${formatSeconds(leftSeconds)} left`;
}

function formatSeconds(seconds: number): string {
  const whole = Math.ceil(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
