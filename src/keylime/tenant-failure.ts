import type { ProgramResult } from '../process/program.ts';
import { RemoteError, type RemoteErrorCode } from '../remote/error.ts';

/** A text that `keylime_tenant` is known to end with, and what it means. */
interface KnownText {
  readonly text: RegExp;
  readonly code: RemoteErrorCode;
  readonly means: string;
  readonly hint: string;
}

/** The first that fits wins: the cause of a refused quote is told by a warning before it. */
const KNOWN: readonly KnownText[] = [
  {
    text: /No EK cert provided, require_ek_cert option/,
    code: 'ATTESTATION_FAILED',
    means: "the node's TPM has no certificate of its manufacturer",
    hint: 'an emulated TPM has none: `ima-assay server configure --only tenant --require-ek-cert no` lets it pass',
  },
  {
    text: /Invalid EK certificate|EK signature did not match/i,
    code: 'ATTESTATION_FAILED',
    means: "the certificate of the node's TPM is not from a manufacturer that the tenant knows",
    hint: "put the manufacturer's CA into the tenant's tpm_cert_store",
  },
  {
    text: /External check failed|ek_check_script|EK check script failed/i,
    code: 'ATTESTATION_FAILED',
    means: "the tenant's ek_check_script refuses the node's TPM",
    hint: 'ek_check_script of tenant.conf names the script',
  },
  {
    text: /had more than one ek-ekcert registered/,
    code: 'ATTESTATION_FAILED',
    means: 'several TPMs registered under this id',
    hint: 'remove the registration (`ima-assay tenant delete --registration`) and restart the right agent: a foreign machine may have its id',
  },
  {
    text: /Quote from .* is invalid for nonce/,
    code: 'ATTESTATION_FAILED',
    means: "the node's quote does not fit its registration",
    hint: 'restart the agent, so that it registers anew; then look who else may have its id',
  },
  {
    text: /using an unaccepted (?:hash|encryption|signing) algorithm/,
    code: 'REFUSED',
    means: "the node's TPM uses an algorithm that the tenant does not accept",
    hint: 'accept_tpm_hash_algs, accept_tpm_encryption_algs and accept_tpm_signing_algs of tenant.conf list those it does',
  },
  {
    text: /does not recognize mTLS certificate|TLSV1_ALERT_UNKNOWN_CA/,
    code: 'AUTHENTICATION_FAILED',
    means: "the node's agent does not know the CA of our certificate",
    hint: "copy the CA's certificate to the node (`ima-assay server certs --for node`) as trusted_client_ca, and restart the agent",
  },
  {
    text: /CERTIFICATE_VERIFY_FAILED|certificate verify failed/,
    code: 'AUTHENTICATION_FAILED',
    means: 'a server or the agent shows a certificate that the tenant does not trust',
    hint: "copy the verifier's certificates again (`ima-assay server certs --for tenant`), and restart the agent",
  },
  {
    text: /specified tls_dir does not exist|tls_dir' option is not set/,
    code: 'AUTHENTICATION_FAILED',
    means: 'the tenant has no certificates',
    hint: 'give their directory with --certs, or run this on the server',
  },
  {
    text: /data not found in the Registrar/,
    code: 'NOT_FOUND',
    means: 'the agent is not registered',
    hint: '`ima-assay tenant list` shows what is',
  },
  {
    text: /Run "delete" or "update" first/,
    code: 'CONFLICT',
    means: 'the agent is attested already',
    hint: 'it was added meanwhile: try again',
  },
  {
    text: /(?:policy|allowlist) with name \S+ already exists/i,
    code: 'CONFLICT',
    means: 'a policy of this name is there already',
    hint: 'it was added meanwhile: try again',
  },
  {
    text: /currently in use by agent/,
    code: 'CONFLICT',
    means: 'agents are attested by the policy',
    hint: 'delete these first',
  },
  {
    text: /Could not find (?:IMA|runtime) policy|does not already exist|(?:policy|allowlist) \S+ not found/i,
    code: 'NOT_FOUND',
    means: 'the verifier has no policy of this name',
    hint: 'give the policy itself with --policy FILE',
  },
  {
    text: /malformatted|is not valid under any of the given schemas|is a required property/,
    code: 'REFUSED',
    means: 'the verifier does not take the policy',
    hint: '`ima-assay policy check FILE` and `policy lint FILE` tell what is wrong with it',
  },
  {
    text: /signature verification failed|Unable to verify (?:runtime )?(?:policy|allowlist)|No valid signature/i,
    code: 'REFUSED',
    means: 'the verifier does not find a good signature on the policy',
    hint: '`ima-assay policy check FILE -k KEY` looks at it; give the key with --policy-key',
  },
  {
    text: /no compatible API version|No compatible API version/,
    code: 'VERSION_UNSUPPORTED',
    means: 'tenant, servers and agent speak no common version of the interface',
    hint: "an agent of diskimage-builder's element is of release 6.2, and needs servers of its age",
  },
  {
    text: /unsupported agent in push mode|mode is push|push attestation/i,
    code: 'WRONG_STATE',
    means: 'the verifier is in push mode',
    hint: 'set `mode = pull` in verifier.conf, and restart it',
  },
  {
    text: /Config file not found|NoOptionError|NoSectionError|No option '/,
    code: 'REFUSED',
    means: 'the tenant has no settings',
    hint: '`keylime_upgrade_config --defaults` writes them',
  },
  {
    text: /timed out|Read timed out/i,
    code: 'TIMED_OUT',
    means: 'a server or the agent did not answer the tenant',
    hint: 'it may be done all the same: `ima-assay tenant status` tells',
  },
  {
    text: /Connection refused|Cannot connect to|Failed to establish a new connection|[Cc]annot establish connection|No route to host/,
    code: 'UNREACHABLE',
    means: 'the tenant does not reach a server or the agent',
    hint: 'the agent has to be reachable from here, at the address it registered with',
  },
];

/**
 * The error for a `keylime_tenant` that ended with another code than 0. It writes its log and its data to the same
 * stream, and a traceback behind them where the fault was not foreseen.
 */
export function explainTenantFailure(
  command: string,
  { exitCode, stdout, stderr }: ProgramResult,
): RemoteError {
  const lines = stdout.split('\n');
  const known = KNOWN.find(({ text }) => text.test(stdout) || text.test(stderr));
  const last = lastWord(lines) ?? lastWord(stderr.split('\n')) ?? 'nothing';
  const said = last.slice(0, MAX_TEXT);
  if (known !== undefined) {
    return new RemoteError(known.code, {
      problem: `keylime_tenant could not ${command}: ${known.means} (${said})`,
      hint: known.hint,
    });
  }
  return new RemoteError('REFUSED', {
    problem: `keylime_tenant could not ${command}: it ended with ${exitCode} and said: ${said}`,
    hint: 'run it by hand for its whole output; the logs of verifier and agent tell more',
  });
}

const MAX_TEXT = 400;

/** What the last line of its log at a level of errors says, or else the last line. */
function lastWord(lines: readonly string[]): string | undefined {
  const errors = lines.flatMap((line) => /^.* - (?:ERROR|CRITICAL) - (.+)$/.exec(line)?.[1] ?? []);
  return errors.at(-1) ?? lines.findLast((line) => line.trim() !== '')?.trim();
}
