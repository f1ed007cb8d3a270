import { AssayError } from '../error.ts';

/** Why a plan, or what is kept beside it, cannot be used. */
export class PlanError extends AssayError<
  'PLAN_MALFORMED' | 'PLAN_INVALID' | 'PLAN_LOCKED' | 'JOURNAL_MALFORMED'
> {}
