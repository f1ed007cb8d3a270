// A verifier or a registrar as the fake of one: real TLS on loopback that asks for a client certificate, and answers
// as the test says. It checks what Keylime checks: that paths name a version it speaks, and what bodies hold.

import { readFileSync } from 'node:fs';
import { createServer as createPlainServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { onTestFinished } from 'vitest';

/** A request as the fake saw it. */
export interface Seen {
  readonly method: string;
  /** Behind the version. */
  readonly path: string;
  readonly version: string;
  readonly body: unknown;
}

/** What to answer: a status, and `results` or the words beside it. */
export interface Reply {
  readonly code: number;
  readonly status?: string;
  readonly results?: unknown;
  /** In place of JSON. */
  readonly raw?: string;
  /** Promise more bytes than come, and close. */
  readonly isCut?: boolean;
}

export interface Fake {
  readonly port: number;
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  readonly seen: readonly Seen[];
}

export interface FakeOptions {
  /** Default `2.0` to `2.5`, as of 7.14. */
  readonly versions?: readonly string[];
  /** Whether it tells them. Default true; a registrar up to 7.11 does so at its plain port alone. */
  readonly tellsVersions?: boolean;
  readonly answer: (seen: Seen) => Reply | Promise<Reply>;
}

/** Starts a fake with the server's certificate of a CA, until the test ends. */
export async function startFake(ca: string, options: FakeOptions): Promise<Fake> {
  const seen: Seen[] = [];
  const read = (name: string): Buffer => readFileSync(join(ca, name));
  const server = createServer(
    {
      ca: read('cacert.crt'),
      cert: read('server-cert.crt'),
      key: read('server-private.pem'),
      requestCert: true,
      rejectUnauthorized: true,
    },
    (request, response) => void serve(request, response, options, seen),
  );
  return { ...(await listen(server)), seen };
}

/** Starts a server without TLS that answers like the registrar's plain port, or never if it is told to. */
export async function startPlain(): Promise<Fake> {
  const server = createPlainServer((_request, response) => {
    response.end(JSON.stringify({ code: 200, status: 'Success', results: { current_version: '2.4' } }));
  });
  // As Tornado does: what is no request yet is waited for, not refused.
  server.on('clientError', () => undefined);
  return { ...(await listen(server)), seen: [] };
}

async function listen(
  server: ReturnType<typeof createPlainServer> | ReturnType<typeof createServer>,
): Promise<{ readonly port: number; readonly address: string }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, address: `127.0.0.1:${address.port}` };
}

const DEFAULT_VERSIONS = ['2.0', '2.1', '2.2', '2.3', '2.4', '2.5', '3.0'];

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  { versions = DEFAULT_VERSIONS, tellsVersions = true, answer }: FakeOptions,
  seen: Seen[],
): Promise<void> {
  const body = await text(request);
  const reply = await decide();
  response.statusCode = reply.code;
  if (reply.isCut === true) {
    response.setHeader('content-length', 1000);
    response.write('{"code": 200, ', () => request.socket.destroy());
    return;
  }
  response.end(
    reply.raw ??
      JSON.stringify({ code: reply.code, status: reply.status ?? 'Success', results: reply.results ?? {} }),
  );

  async function decide(): Promise<Reply> {
    if (request.url === '/version' && tellsVersions) {
      return { code: 200, results: { current_version: versions.at(-1), supported_versions: versions } };
    }
    const [, version = '', path = ''] = /^\/v(\d+\.\d+)(\/.*)$/.exec(request.url ?? '') ?? [];
    if (!versions.includes(version)) return { code: 400, status: 'API Version not supported' };
    const one = {
      method: request.method ?? '',
      path,
      version,
      body: body === '' ? undefined : JSON.parse(body),
    };
    seen.push(one);
    return answer(one);
  }
}
