import type { ErrorDetails } from '../error.ts';
import type { RemoteErrorCode } from '../remote/error.ts';

/** The connection, with TLS, was not there in time. */
export class SlowHandshake extends Error {}

/** The answer goes on beyond its limit. */
export class TooLarge extends Error {}

interface Meaning {
  readonly code: RemoteErrorCode;
  readonly says: string;
  readonly hint: string;
}

const unreachable = (says: string): Meaning => ({
  code: 'UNREACHABLE',
  says,
  hint: 'is it running, and does it listen on this address? `ima-assay server configure --listen` sets that',
});

const foreignServer: Meaning = {
  code: 'AUTHENTICATION_FAILED',
  says: 'shows a certificate that this CA did not sign',
  hint: 'a verifier that lost its CA makes a new one: copy the certificates from it again (`ima-assay server certs`)',
};

const refusedClient: Meaning = {
  code: 'AUTHENTICATION_FAILED',
  says: 'does not take our client certificate',
  hint: 'it has to be from the CA that the server trusts, and good today: `ima-assay doctor --certs DIR` tells',
};

/** What errors of the operating system, of OpenSSL and of Node's HTTP parser mean here. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  ECONNREFUSED: unreachable('refuses connections: nothing listens there'),
  EHOSTUNREACH: unreachable('cannot be reached: there is no way to this host'),
  ENETUNREACH: unreachable('cannot be reached: there is no way to its network'),
  EADDRNOTAVAIL: unreachable('cannot be reached: this machine has no address for it'),
  ETIMEDOUT: unreachable('does not answer'),
  ECONNRESET: {
    ...unreachable('closed the connection'),
    hint: 'it may not take our client certificate (`ima-assay doctor --certs DIR` looks at it), or be something else',
  },
  EPIPE: unreachable('closed the connection'),
  ENOTFOUND: { ...unreachable('has a name that no name server knows'), hint: 'check the name' },
  EAI_AGAIN: { ...unreachable('has a name that no name server answers for'), hint: 'check the network' },
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: foreignServer,
  UNABLE_TO_GET_ISSUER_CERT: foreignServer,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: foreignServer,
  SELF_SIGNED_CERT_IN_CHAIN: foreignServer,
  DEPTH_ZERO_SELF_SIGNED_CERT: foreignServer,
  CERT_SIGNATURE_FAILURE: foreignServer,
  CERT_UNTRUSTED: foreignServer,
  CERT_HAS_EXPIRED: {
    code: 'AUTHENTICATION_FAILED',
    says: 'shows a certificate that has expired',
    hint: "Keylime's certificates are good for 365 days: make new ones on the verifier, and restart it",
  },
  CERT_NOT_YET_VALID: {
    code: 'AUTHENTICATION_FAILED',
    says: 'shows a certificate that is not good yet',
    hint: 'is the clock of this machine right?',
  },
};

// RFC 5246, 7.2.2 and RFC 8446, 6: what a server says of a client's certificate.
const CLIENT_ALERTS = [40, 42, 43, 44, 45, 46, 48, 49, 51, 116];

/** Whether a server ended TLS for our certificate. OpenSSL tells the alert's number in its text alone. */
function isClientAlert(cause: unknown): boolean {
  const [, alert] = (cause instanceof Error && /SSL alert number (\d{1,3})/.exec(cause.message)) || [];
  return CLIENT_ALERTS.includes(Number(alert));
}

/** What an error of a connection means, as the arguments of a `RemoteError`. */
export function describeFailure(
  name: string,
  cause: unknown,
  { connectMs, answerMs, maxBytes }: { connectMs: number; answerMs: number; maxBytes: number },
): [RemoteErrorCode, ErrorDetails] {
  if (cause instanceof SlowHandshake) {
    return [
      'TIMED_OUT',
      {
        problem: `${name} did not come to a connection within ${connectMs / 1000} s`,
        hint: 'a firewall may drop the packets, or the port is of something else',
        cause,
      },
    ];
  }
  if (cause instanceof TooLarge) {
    return ['ANSWER_MALFORMED', { problem: `${name} answers with more than ${maxBytes} bytes`, cause }];
  }
  if (cause instanceof Error && cause.name === 'TimeoutError') {
    return ['TIMED_OUT', { problem: `${name} gave no whole answer within ${answerMs / 1000} s`, cause }];
  }
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const meaning = isClientAlert(cause) ? refusedClient : MEANINGS[code];
  if (meaning !== undefined) {
    return [meaning.code, { problem: `${name} ${meaning.says}`, hint: meaning.hint, cause }];
  }
  if (code.startsWith('HPE_')) {
    return ['ANSWER_MALFORMED', { problem: `${name} answers with what is no HTTP`, cause }];
  }
  const text = cause instanceof Error ? cause.message : String(cause);
  return [
    'UNREACHABLE',
    { problem: `${name}: ${code === '' ? '' : `${code}: `}${text.trim().slice(0, 300)}`, cause },
  ];
}
