import { drawHtml } from './html.ts';
import { drawJunit } from './junit.ts';
import { drawSarif } from './sarif.ts';
import { drawText } from './text.ts';
import type { Report } from './types.ts';

export const faces = ['text', 'json', 'html', 'sarif', 'junit'] as const;

/** The forms a report can be written in. */
export type Face = (typeof faces)[number];

/**
 * Draws a report in one of its forms.
 * @param list - what to call the measurement list
 */
export function drawReport(report: Report, face: Face, list: string): string {
  switch (face) {
    case 'text':
      return drawText(report);
    case 'json':
      return `${JSON.stringify(report, null, 2)}\n`;
    case 'html':
      return drawHtml(report, list);
    case 'sarif':
      return drawSarif(report, list);
    case 'junit':
      return drawJunit(report);
  }
}
