import { Agent } from 'node:https';
import type { z } from 'zod';
import { RemoteError } from '../remote/error.ts';
import { agentList, envelope, versionAnswer } from './answers.ts';
import type { ClientCertificates } from './certificates.ts';
import { type Endpoint, formatEndpoint } from './endpoint.ts';
import { exchange, type ExchangeLimits, type RawAnswer } from './exchange.ts';

/** How to talk to a server. */
export interface ConnectionOptions {
  readonly endpoint: Endpoint;
  readonly certificates: ClientCertificates;
  /** Until a connection is there. Default 5 s. */
  readonly connectMs?: number | undefined;
  /** Until an answer is there. Default 30 s. */
  readonly answerMs?: number | undefined;
  /** Of an answer. Default 128 MiB: a policy is the largest thing that comes, and a verifier takes none above 100 MiB. */
  readonly maxBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A request to a version of the interface. */
export interface Question {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** After `/v2.x`. */
  readonly path: string;
  readonly body?: unknown;
}

/** What a server said. */
export interface ServerAnswer {
  /** The status of HTTP. */
  readonly status: number;
  /** The words beside it, bounded. */
  readonly text: string;
  readonly results: unknown;
}

/** The minor versions of the interface 2.x that are known; newer ones have only added to it. */
const MINORS = [0, 1, 2, 3, 4, 5, 6];

/** Those of releases whose registrar does not tell, from the newest on. */
const OLD_VERSIONS = ['2.2', '2.1', '2.0'];

const MAX_ANSWER_BYTES = 128 * 1024 * 1024;

/** A verifier or a registrar, asked over TLS with a client certificate. Holds connections open: close it. */
export class KeylimeConnection {
  readonly what: 'verifier' | 'registrar';
  readonly endpoint: Endpoint;
  readonly #agent: Agent;
  readonly #limits: ExchangeLimits;
  readonly #signal: AbortSignal | undefined;
  #version: Promise<string> | undefined;

  constructor(what: 'verifier' | 'registrar', options: ConnectionOptions) {
    const { endpoint, certificates, connectMs = 5_000, answerMs = 30_000, signal } = options;
    const { maxBytes = MAX_ANSWER_BYTES } = options;
    this.what = what;
    this.endpoint = endpoint;
    this.#signal = signal;
    this.#limits = { connectMs, answerMs, maxBytes };
    this.#agent = new Agent({
      ca: certificates.ca,
      cert: certificates.certificate,
      key: certificates.key,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: true,
      // Keylime's certificates do not name where a server is (7.13 and before: all are called "server"). As its own
      // clients do, we trust what the pinned CA signed, which signs for nobody else. On an agent of our own: the
      // global one would hand such a connection on to requests that check names.
      checkServerIdentity: () => undefined,
      keepAlive: true,
      maxSockets: 4,
    });
  }

  /** As it stands in messages. */
  get name(): string {
    return `${this.what} ${formatEndpoint(this.endpoint)}`;
  }

  close(): void {
    this.#agent.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * The highest version of the interface that both speak, `2.4`. Asked for once.
   * @throws RemoteError `VERSION_UNSUPPORTED` and whatever a connection can fail with
   */
  version(): Promise<string> {
    this.#version ??= this.#negotiate().catch((error: unknown) => {
      // The next one may reach it.
      this.#version = undefined;
      throw error;
    });
    return this.#version;
  }

  async #negotiate(): Promise<string> {
    const raw = await this.#send('GET', '/version', undefined);
    const answer = this.#read(raw);
    if (isUnknownVersion(answer)) return this.#tryVersions(answer);
    if (answer.status !== 200) throw this.refusal('its version', answer);
    const { results } = answer;
    const offered = this.parse(versionAnswer, results, 'its versions').supported_versions;
    const common = MINORS.map((minor) => `2.${minor}`).findLast((version) => offered.includes(version));
    if (common !== undefined) return common;
    throw new RemoteError('VERSION_UNSUPPORTED', {
      problem: `${this.name} speaks version ${offered.slice(0, 8).join(', ').slice(0, 80) || 'none'} of the interface, and we speak 2.x`,
      hint: 'Keylime 6.3 and newer speak 2.x; a verifier in push mode only may not',
    });
  }

  /** Up to 7.11 a registrar tells its version at its plain port alone: what it speaks shows when it is spoken to. */
  async #tryVersions(refused: ServerAnswer): Promise<string> {
    for (const version of OLD_VERSIONS) {
      const answer = this.#read(await this.#send('GET', `/v${version}/agents/`, undefined));
      if (answer.status === 200) return version;
      if (!isUnknownVersion(answer)) throw this.refusal('its list of agents', answer);
    }
    throw this.refusal('its version', refused);
  }

  /**
   * Asks, whatever the answer's status.
   * @throws RemoteError no answer came, or none of Keylime's shape
   */
  async ask({ method = 'GET', path, body }: Question): Promise<ServerAnswer> {
    const version = await this.version();
    const text = body === undefined ? undefined : JSON.stringify(body);
    return this.#read(await this.#send(method, `/v${version}${path}`, text));
  }

  /**
   * What stands at a path, or nothing (404).
   * @throws RemoteError any other answer, one of another shape, or none
   */
  async find<Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    what: string,
  ): Promise<z.output<Schema> | undefined> {
    const answer = await this.ask({ path });
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw this.refusal(what, answer);
    return this.parse(schema, answer.results, what);
  }

  /** The ids of its agents, in order. */
  async listAgents(): Promise<readonly string[]> {
    const answer = await this.ask({ path: '/agents/' });
    if (answer.status !== 200) throw this.refusal('its list of agents', answer);
    return this.parse(agentList, answer.results, 'a list of agents').uuids.toSorted();
  }

  #send(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    body: string | undefined,
  ): Promise<RawAnswer> {
    return exchange({
      what: this.what,
      endpoint: this.endpoint,
      agent: this.#agent,
      limits: this.#limits,
      signal: this.#signal,
      method,
      path,
      body,
    });
  }

  #read({ status, body }: RawAnswer): ServerAnswer {
    // Deletions and unknown versions are answered without a body.
    if (body.trim() === '') return { status, text: '', results: {} };
    let parsed: unknown;
    try {
      parsed = JSON.parse(body);
    } catch (cause) {
      throw new RemoteError('ANSWER_MALFORMED', {
        problem: `${this.name} answers ${status} with what is no JSON: ${JSON.stringify(body.slice(0, 80))}`,
        hint: 'is this a Keylime server, and not something in front of it?',
        cause,
      });
    }
    const { status: text, results } = this.parse(envelope, parsed, 'an answer');
    return { status, text: text.slice(0, MAX_TEXT), results };
  }

  /**
   * Takes untrusted data for what it has to be.
   * @throws RemoteError `ANSWER_MALFORMED`
   */
  parse<Schema extends z.ZodType>(schema: Schema, data: unknown, what: string): z.output<Schema> {
    const result = schema.safeParse(data);
    if (result.success) return result.data;
    const [issue] = result.error.issues;
    const where = issue === undefined || issue.path.length === 0 ? '' : ` at ${issue.path.join('.')}`;
    throw new RemoteError('ANSWER_MALFORMED', {
      problem: `${this.name} gives ${what} that is not of Keylime's shape${where}: ${issue?.message ?? 'unknown'}`,
      hint: 'is this a Keylime server of release 6.3 or newer?',
    });
  }

  /** The error for an answer that is no success. */
  refusal(what: string, { status, text }: ServerAnswer): RemoteError {
    const said = text === '' ? '' : `: ${text}`;
    const problem = `${this.name} refuses ${what} (${status})${said}`;
    if (status === 401 || status === 403) {
      return new RemoteError('FORBIDDEN', {
        problem,
        hint: 'the client certificate does not allow this here',
      });
    }
    if (status === 404) return new RemoteError('NOT_FOUND', { problem });
    if (status === 409) return new RemoteError('CONFLICT', { problem });
    if (status === 410) {
      return new RemoteError('WRONG_STATE', {
        problem,
        hint: 'the verifier is in push mode, which has no such request: set `mode = pull` in verifier.conf',
      });
    }
    if (isUnknownVersion({ status, text })) {
      return new RemoteError('VERSION_UNSUPPORTED', { problem });
    }
    return new RemoteError('REFUSED', { problem, hint: "the server's own log tells more" });
  }
}

/** What a server says of a version that it does not speak, and of a path without one. */
function isUnknownVersion({ status, text }: Pick<ServerAnswer, 'status' | 'text'>): boolean {
  return status === 400 && text.includes('API Version not supported');
}

/** Words of a server that are passed on. */
const MAX_TEXT = 500;
