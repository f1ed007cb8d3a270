import { escapeControls } from './terminal.ts';

/** A line on standard error that says what is going on. */
export interface ActivityLine {
  readonly show: (text: string) => void;
  readonly close: () => void;
}

const CLEAR_LINE = '\r\u001b[K';

/** On a terminal one line that is drawn anew; elsewhere a line for each new text, so that a log shows it too. */
export function openActivity({ quiet }: { readonly quiet: boolean }): ActivityLine {
  const stream = process.stderr;
  if (quiet) return { show: () => undefined, close: () => undefined };
  const isDrawn = stream.isTTY && process.env['CI'] === undefined && process.env['TERM'] !== 'dumb';
  const startedMs = Date.now();
  let last = '';
  return {
    show: (text) => {
      const shown = escapeControls(text);
      if (isDrawn) {
        const seconds = Math.floor((Date.now() - startedMs) / 1000);
        const columns = stream.columns > 0 ? stream.columns : 80;
        stream.write(`${CLEAR_LINE}${`${shown} (${seconds} s)`.slice(0, columns - 1)}`);
      } else if (shown !== last) {
        stream.write(`${shown}\n`);
      }
      last = shown;
    },
    close: () => {
      if (isDrawn) stream.write(CLEAR_LINE);
    },
  };
}
