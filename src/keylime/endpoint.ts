import { isIP } from 'node:net';
import { UsageError } from '../usage.ts';

/** Where a server listens. */
export interface Endpoint {
  /** A name or an address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Keylime's ports. Agents register at the plain one, everybody else asks at those with TLS. */
export const keylimePorts = {
  verifier: 8881,
  registrar: 8891,
  registrarPlain: 8890,
} as const;

/** Where agents listen unless they are told otherwise. */
export const AGENT_PORT = 9002;

/**
 * Reads `HOST`, `HOST:PORT`, an IPv6 address, or `[IPv6]:PORT`.
 * @throws UsageError `ARGUMENT_INVALID`
 */
export function parseEndpoint(text: string, defaultPort: number): Endpoint {
  if (isIP(text) !== 0) return { host: text, port: defaultPort };
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? '';
  const number = port === undefined ? defaultPort : Number(port);
  const isHost = bracketed === undefined ? isName(host) : isIP(host) === 6;
  if (!isHost || number < 1 || number > 65_535) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `${JSON.stringify(text.slice(0, 80))} is no HOST or HOST:PORT`,
      hint: 'an IPv6 address with a port stands in brackets: [2001:db8::1]:8881',
    });
  }
  return { host, port: number };
}

function isName(host: string): boolean {
  return isIP(host) === 4 || (host.length <= 253 && /^(?!-)[a-z\d_-]+(?:\.[a-z\d_-]+)*\.?$/i.test(host));
}

/** As a person writes it. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}
