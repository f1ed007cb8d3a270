// How long it takes until anything happens.

import { type Group, compare } from '../harness.ts';
import { imaAssay } from '../programs.ts';

const TIMES = 10;

export const start: Group = {
  name: 'start',
  measure: async (bench) =>
    compare(
      {
        work: 'start',
        ours: { name: 'ima-assay --version', command: [...imaAssay, '--version'], times: TIMES },
        peers: [
          {
            program: { name: 'node -e 0', command: [process.execPath, '-e', '0'], times: TIMES },
            budget: { by: 'cpu', atMost: 2 },
          },
        ],
      },
      bench,
    ),
};
