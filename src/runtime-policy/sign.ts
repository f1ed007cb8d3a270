import { loadAddon } from '../native/load.ts';
import { PolicyError } from '../native/errors.ts';
import { runNative, type WorkOptions } from '../native/work.ts';
import { UsageError } from '../usage.ts';
import type { SigningKey } from './signing-key.ts';

/** What a check of a policy says. */
export interface PolicyCheck {
  readonly shape: 'runtime-policy' | 'old-policy' | 'json-allowlist' | 'allowlist';
  readonly bytes: number;
  /** SHA-256 of the file, signed or not: what `keylime_tenant --runtime-policy-checksum` compares with. */
  readonly sha256: string;
  readonly signature: {
    /** `unchecked`: it is signed, and no key was given. `failed`: no signature is of a given key. */
    readonly status: 'unsigned' | 'unchecked' | 'verified' | 'failed';
    readonly problem: string | null;
    /** The kind of the key that signed it. */
    readonly key: string | null;
    /** The `keyid` of the good signature, which is a hint and not signed. */
    readonly keyId: string | null;
    /** The `keyid` of every signature. */
    readonly keyIds: readonly (string | null)[];
  };
  /** Whether a Keylime verifier takes the policy; `taken-converted`: once its converter has made one of it. */
  readonly keylime: 'taken' | 'taken-converted' | 'refused';
  readonly problems: { readonly count: number; readonly first: readonly CheckedProblem[] };
}

/** One thing that is wrong, or unwise, in a policy that can be read. */
export interface CheckedProblem {
  readonly code: string;
  readonly problem: string;
  /** Where, as `digests["/usr/bin/x"][0], line 12`. */
  readonly at: string;
  /** Whether a Keylime verifier refuses the policy for it. */
  readonly isRefused: boolean;
}

/** How to check a policy. */
export interface CheckOptions extends WorkOptions {
  /** Keys of which one must have signed it: files with public keys or certificates, PEM or DER. */
  readonly keys?: readonly string[] | undefined;
}

/**
 * Checks who signed a policy, and whether a Keylime verifier would take it.
 * @param path - `-` is standard input
 * @throws PolicyError, EvidenceError: the file is no policy, a key cannot be read
 */
export async function checkRuntimePolicy(path: string, options: CheckOptions = {}): Promise<PolicyCheck> {
  const keys = (options.keys ?? []).map((key) => Buffer.from(key));
  const text = await runNative(
    (control) => loadAddon().checkPolicyFile(Buffer.from(path), keys, control),
    options,
  );
  const check: PolicyCheck = JSON.parse(text);
  return check;
}

/** How to sign. */
export interface SignOptions extends WorkOptions {
  /** PEM certificate of the key: its base64 becomes the `keyid`, as by Keylime's `x509` backend. */
  readonly certificate?: string | undefined;
  /** Add a signature to a policy that is signed already. Default false: an error. */
  readonly addSignature?: boolean | undefined;
}

/**
 * Signs a runtime policy: a DSSE envelope around the very bytes of the file, as Keylime reads it.
 * @param path - a file; it is read twice
 * @throws PolicyError `POLICY_UNUSABLE` for a policy that a Keylime verifier would refuse
 * @throws UsageError `ARGUMENT_INVALID` for one that is signed already
 */
export async function signRuntimePolicy(
  path: string,
  key: SigningKey,
  options: SignOptions = {},
): Promise<Buffer> {
  if (path === '-') throw new UsageError('ARGUMENT_INVALID', { problem: 'a policy is signed in a file' });
  await requireGood(path, options);
  const envelope = await runNative(
    (control) => loadAddon().openEnvelope(Buffer.from(path), control),
    options,
  );
  if (envelope.signatureCount > 0 && options.addSignature !== true) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `${path} is signed already`,
      hint: 'add another signature with --add-signature, or sign the policy inside',
    });
  }
  const { certificate } = options;
  const keyId = certificate === undefined ? key.keyId() : Buffer.from(certificate).toString('base64');
  envelope.addSignature(keyId, key.sign(envelope.signedBytes()));
  return envelope.toJson();
}

async function requireGood(path: string, options: WorkOptions): Promise<void> {
  const { shape, keylime, problems } = await checkRuntimePolicy(path, { signal: options.signal });
  if (shape !== 'runtime-policy' && shape !== 'old-policy') {
    throw new PolicyError('POLICY_UNUSABLE', {
      problem: 'an allowlist is no policy, and a verifier would not take it signed',
      at: { input: path },
      hint: 'make a policy of it with `ima-assay policy convert`',
    });
  }
  if (keylime === 'refused') {
    const refused = problems.first.find(({ isRefused }) => isRefused);
    throw new PolicyError('POLICY_UNUSABLE', {
      problem: `a Keylime verifier would refuse it: ${refused?.at ?? ''}: ${refused?.problem ?? ''}`,
      at: { input: path },
      hint: '`ima-assay policy convert` writes it as Keylime wants it; `policy check` shows all problems',
    });
  }
}
