import { request as plainRequest } from 'node:http';
import { type Agent, request } from 'node:https';
import { type Endpoint, formatEndpoint } from './endpoint.ts';
import { describeFailure, SlowHandshake, TooLarge } from './failure.ts';
import { RemoteError } from '../remote/error.ts';

/** A request, and how long and how large the answer may be. */
export interface Exchange {
  /** What the server is, for messages: `verifier` or `registrar`. */
  readonly what: string;
  readonly endpoint: Endpoint;
  readonly agent: Agent;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: string | undefined;
  readonly limits: ExchangeLimits;
  readonly signal?: AbortSignal | undefined;
}

export interface ExchangeLimits {
  /** Until the connection is there, TLS included. */
  readonly connectMs: number;
  /** Until the whole answer is there. */
  readonly answerMs: number;
  readonly maxBytes: number;
}

/** What came back, whatever it says. */
export interface RawAnswer {
  readonly status: number;
  readonly body: string;
}

/**
 * Sends one request over TLS and reads the whole answer.
 * @throws RemoteError; the signal's reason
 */
export async function exchange(call: Exchange): Promise<RawAnswer> {
  call.signal?.throwIfAborted();
  try {
    return await send(call);
  } catch (cause) {
    call.signal?.throwIfAborted();
    // Keylime's plain port takes a TLS greeting for the start of a request and waits for its end, for ever.
    const isPlain = mayBePlain(cause) && (await answersPlain(call.endpoint, call.limits.connectMs));
    const name = `${call.what} ${formatEndpoint(call.endpoint)}`;
    if (isPlain) {
      throw new RemoteError('REFUSED', {
        problem: `${name} speaks plain HTTP: this is a port without TLS`,
        hint: 'the registrar has a plain port for agents (8890) and one with TLS for everybody else (8891): give the latter',
        cause,
      });
    }
    throw new RemoteError(...describeFailure(name, cause, call.limits));
  }
}

function send(call: Exchange): Promise<RawAnswer> {
  const { endpoint, agent, method, path, body, limits, signal } = call;
  const deadline = AbortSignal.timeout(limits.answerMs);
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const sent = request({
      host: endpoint.host,
      port: endpoint.port,
      agent,
      method,
      path,
      headers: { accept: 'application/json', ...headers },
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
    });
    const late = setTimeout(() => sent.destroy(new SlowHandshake()), limits.connectMs);
    sent.on('socket', (socket) => {
      const isReady = (): void => clearTimeout(late);
      if (socket.connecting || !sent.reusedSocket) socket.once('secureConnect', isReady);
      else isReady();
    });
    sent.on('error', (error) => {
      clearTimeout(late);
      reject(deadline.aborted ? (deadline.reason ?? error) : error);
    });
    sent.on('response', (response) => {
      const pieces: Buffer[] = [];
      let bytes = 0;
      response.on('data', (piece: Buffer) => {
        bytes += piece.length;
        if (bytes <= limits.maxBytes) {
          pieces.push(piece);
          return;
        }
        reject(new TooLarge());
        sent.destroy();
      });
      response.on('error', (error) => reject(deadline.aborted ? (deadline.reason ?? error) : error));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(pieces).toString() }),
      );
    });
    sent.end(body);
  });
}

/** Nothing came back, or nothing that is TLS. */
function mayBePlain(cause: unknown): boolean {
  if (cause instanceof SlowHandshake) return true;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'EPROTO' || code === 'ECONNRESET';
}

/** Whether a server answers without TLS. Nothing secret is sent, and nothing of the answer is believed. */
function answersPlain({ host, port }: Endpoint, limitMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(limitMs);
    const sent = plainRequest({ host, port, path: '/version', agent: false, signal });
    sent.on('error', () => resolve(false));
    sent.on('response', (response) => {
      resolve(true);
      response.destroy();
    });
    sent.end();
  });
}
