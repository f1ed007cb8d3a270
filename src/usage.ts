import { AssayError } from './error.ts';

/** The caller asked for something that makes no sense. */
export class UsageError extends AssayError<'ARGUMENT_INVALID' | 'SOURCE_NOT_FOUND'> {}
