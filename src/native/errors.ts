import { AssayError, type ErrorDetails, type Place } from '../error.ts';
import {
  allowlistErrorCodes,
  evidenceErrorCodes,
  excludeListErrorCodes,
  imageErrorCodes,
  measurementListErrorCodes,
  nativeErrorCodes,
  policyErrorCodes,
} from './codes.ts';

/** Why an image cannot be read. */
export class ImageError extends AssayError<(typeof imageErrorCodes)[number]> {}

/** Why an allowlist cannot be read or written. */
export class AllowlistError extends AssayError<(typeof allowlistErrorCodes)[number]> {}

/** Why a runtime policy cannot be read or trusted. */
export class PolicyError extends AssayError<(typeof policyErrorCodes)[number]> {}

/** Why an exclude list cannot be used. */
export class ExcludeListError extends AssayError<(typeof excludeListErrorCodes)[number]> {}

/** Why a measurement list cannot be read or written any further. */
export class MeasurementListError extends AssayError<(typeof measurementListErrorCodes)[number]> {}

/** Why keys, PCR values, a quote or an event log cannot be read, or nothing can be verified with them. */
export class EvidenceError extends AssayError<(typeof evidenceErrorCodes)[number]> {}

/** The native core is missing, was used wrongly, or has a fault. */
export class NativeError extends AssayError<(typeof nativeErrorCodes)[number]> {}

/**
 * Turns what the addon throws into the documented class. The addon puts `{code, problem, hint, at}` as JSON
 * into the message, since an error of Node-API has no fields of its own.
 */
export function fromNative(thrown: unknown): AssayError {
  if (thrown instanceof AssayError) return thrown;
  const parsed = thrown instanceof Error ? parse(thrown.message) : undefined;
  if (parsed === undefined) {
    return new NativeError('INTERNAL', { problem: String(thrown), cause: thrown });
  }
  const { code, details } = parsed;
  return (
    construct(imageErrorCodes, code, (known) => new ImageError(known, details)) ??
    construct(allowlistErrorCodes, code, (known) => new AllowlistError(known, details)) ??
    construct(policyErrorCodes, code, (known) => new PolicyError(known, details)) ??
    construct(excludeListErrorCodes, code, (known) => new ExcludeListError(known, details)) ??
    construct(measurementListErrorCodes, code, (known) => new MeasurementListError(known, details)) ??
    construct(evidenceErrorCodes, code, (known) => new EvidenceError(known, details)) ??
    construct(nativeErrorCodes, code, (known) => new NativeError(known, details)) ??
    new NativeError('INTERNAL', { ...details, problem: `${code}: ${details.problem}` })
  );
}

function construct<Code extends string>(
  codes: readonly Code[],
  code: string,
  make: (known: Code) => AssayError,
): AssayError | undefined {
  const known = codes.find((candidate) => candidate === code);
  return known === undefined ? undefined : make(known);
}

function parse(message: string): { code: string; details: ErrorDetails } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(message);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || typeof value['code'] !== 'string' || typeof value['problem'] !== 'string') {
    return undefined;
  }
  const at = isRecord(value['at']) ? readPlace(value['at']) : {};
  const hint = typeof value['hint'] === 'string' ? value['hint'] : undefined;
  return { code: value['code'], details: { problem: value['problem'], at, hint } };
}

function readPlace(value: Record<string, unknown>): Place {
  const text = (key: string): string | undefined => {
    const field = value[key];
    return typeof field === 'string' ? field : undefined;
  };
  const number = (key: string): number | undefined => {
    const field = value[key];
    return typeof field === 'number' ? field : undefined;
  };
  return withoutUndefined({
    input: text('input'),
    path: text('path'),
    offsetBytes: number('offsetBytes'),
    line: number('line'),
    entry: number('entry'),
  });
}

function withoutUndefined(place: { readonly [Key in keyof Place]: Place[Key] | undefined }): Place {
  return Object.fromEntries(Object.entries(place).filter(([, value]) => value !== undefined));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
