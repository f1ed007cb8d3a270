/** Where something is wrong. Only the fields that apply are set. */
export interface Place {
  /** The input file, as the caller named it. */
  readonly input?: string;
  /** The path inside the image, or the name in the measurement list. */
  readonly path?: string;
  /** Bytes before the fault, counted from 0. */
  readonly offsetBytes?: number;
  /** The line, counted from 1. */
  readonly line?: number;
  /** The entry of a measurement list, counted from 1. */
  readonly entry?: number;
}

/** What an error carries beside its code. */
export interface ErrorDetails {
  /** What is wrong, as a sentence without a full stop. */
  readonly problem: string;
  readonly at?: Place;
  /** What to do about it. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/**
 * The base of every error that is thrown on purpose: "could not decide". A finding is never an error.
 * Each stage has its own class with its own closed set of codes.
 */
export abstract class AssayError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly problem: string;
  readonly at: Place;
  readonly hint: string | undefined;

  constructor(code: Code, details: ErrorDetails) {
    super(describe(details), details.cause === undefined ? {} : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.problem = details.problem;
    this.at = details.at ?? {};
    this.hint = details.hint;
  }
}

function describe({ problem, at = {} }: ErrorDetails): string {
  const line = at.line === undefined ? '' : `:${at.line}`;
  const offset = at.offsetBytes === undefined ? '' : ` (at byte ${at.offsetBytes})`;
  // What the operating system says of the input itself names it already.
  const isNamed = at.input === undefined || problem.startsWith(`${at.input}: `);
  return isNamed ? `${problem}${offset}` : `${at.input}${line}: ${problem}${offset}`;
}
