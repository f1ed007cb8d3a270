import { AssayError } from '../error.ts';

/** Why a remote system did not do what it was asked for. */
export const remoteErrorCodes = [
  'AUTHENTICATION_FAILED',
  'FORBIDDEN',
  'NOT_FOUND',
  'NAME_AMBIGUOUS',
  'CONFLICT',
  'QUOTA_EXCEEDED',
  'WRONG_STATE',
  'NO_CAPACITY',
  'UNREACHABLE',
  'TIMED_OUT',
  'VERSION_UNSUPPORTED',
  'ANSWER_MALFORMED',
  'ATTESTATION_FAILED',
  'REFUSED',
] as const;

/** One of the reasons; `REFUSED` where the text that came back is none we know. */
export type RemoteErrorCode = (typeof remoteErrorCodes)[number];

/** A remote system refused or failed: exit code 3. */
export class RemoteError extends AssayError<RemoteErrorCode> {}
