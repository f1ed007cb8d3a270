import { AssayError } from './error.ts';

/** The caller asked for something that makes no sense. */
export class UsageError extends AssayError<'ARGUMENT_INVALID' | 'INPUT_UNREADABLE' | 'SOURCE_NOT_FOUND'> {}
