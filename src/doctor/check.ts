/** One thing that was looked at. */
export interface Check {
  readonly name: string;
  /**
   * `missing`: it has to be there. `wrong`: it is there, and does not work. `absent`: it is not there, and only commands
   * that nobody asked for need it.
   */
  readonly status: 'ok' | 'missing' | 'wrong' | 'absent';
  /** What was found. */
  readonly found: string;
  /** Which commands need it. */
  readonly neededFor: string;
  /** What to do if it is not ok. */
  readonly fix?: string | undefined;
}

/** Whether something has to be done about it. */
export function isAmiss({ status }: Check): boolean {
  return status === 'missing' || status === 'wrong';
}
