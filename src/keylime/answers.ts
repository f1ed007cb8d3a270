// What verifier and registrar answer, as far as it is used. Releases add fields: unknown ones are let pass.

import { z } from 'zod';

type Maybe<Value> = Value | null | undefined;

/** Around every answer. */
export interface Envelope {
  readonly status: string;
  readonly results?: unknown;
}

export const envelope: z.ZodType<Envelope> = z.object({
  status: z.string().catch(''),
  results: z.unknown(),
});

export const versionAnswer: z.ZodType<{ readonly supported_versions: readonly string[] }> = z.object({
  supported_versions: z.array(z.string()),
});

/** The verifier puts each name into an array of its own. */
export const agentList: z.ZodType<{ readonly uuids: readonly string[] }> = z.object({
  uuids: z.array(z.union([z.string(), z.tuple([z.string()]).transform(([id]) => id)])),
});

const port = z.union([
  z.number(),
  z
    .string()
    .regex(/^\d{1,5}$/)
    .transform(Number),
]);

export interface RegistrarAgentAnswer {
  readonly ek_tpm: string;
  readonly aik_tpm: string;
  readonly ekcert?: Maybe<string>;
  readonly mtls_cert?: Maybe<string>;
  readonly ip?: Maybe<string>;
  readonly port?: Maybe<number>;
  readonly regcount?: Maybe<number>;
}

export const registrarAgent: z.ZodType<RegistrarAgentAnswer> = z.object({
  ek_tpm: z.string(),
  aik_tpm: z.string(),
  ekcert: z.string().nullish(),
  mtls_cert: z.string().nullish(),
  ip: z.string().nullish(),
  port: port.nullish(),
  regcount: z.number().nullish(),
});

export interface VerifierAgentAnswer {
  /** None where the agent pushes its attestations. */
  readonly operational_state?: Maybe<number>;
  readonly attestation_count?: Maybe<number>;
  readonly attestation_status?: Maybe<string>;
  readonly last_received_quote?: Maybe<number>;
  readonly last_successful_attestation?: Maybe<number>;
  readonly last_event_id?: Maybe<string>;
  readonly has_runtime_policy?: Maybe<number>;
  readonly hash_alg?: Maybe<string>;
  readonly ip?: Maybe<string>;
  readonly port?: Maybe<number>;
}

export const verifierAgent: z.ZodType<VerifierAgentAnswer> = z.object({
  operational_state: z.int().nullish(),
  attestation_count: z.int().nullish(),
  attestation_status: z.string().nullish(),
  last_received_quote: z.number().nullish(),
  last_successful_attestation: z.number().nullish(),
  last_event_id: z.string().nullish(),
  has_runtime_policy: z.number().nullish(),
  hash_alg: z.string().nullish(),
  ip: z.string().nullish(),
  port: port.nullish(),
});

export const policyList: z.ZodType<{ readonly 'runtimepolicy names': readonly string[] }> = z.object({
  'runtimepolicy names': z.array(z.string()),
});

export interface PolicyAnswer {
  readonly name: string;
  readonly runtime_policy?: Maybe<string>;
}

export const policyAnswer: z.ZodType<PolicyAnswer> = z.object({
  name: z.string(),
  runtime_policy: z.string().nullish(),
});
