// The client of verifier and registrar, against fakes that speak real TLS on loopback.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import { readCertificates } from '../../src/keylime/certificates.ts';
import { parseEndpoint } from '../../src/keylime/endpoint.ts';
import { Registrar } from '../../src/keylime/registrar.ts';
import { readTpmPublicKey } from '../../src/keylime/tpm-public.ts';
import { Verifier } from '../../src/keylime/verifier.ts';
import { type FakeOptions, type Reply, startFake, startPlain } from '../support/fake-keylime.ts';
import { makeCa } from '../support/keylime-ca.ts';

let ca: string;
let otherCa: string;
let expiredCa: string;

beforeAll(async () => {
  const made = await Promise.all(['a', 'b', 'c'].map(() => mkdtemp(join(tmpdir(), 'ima-assay-'))));
  [ca = '', otherCa = '', expiredCa = ''] = made;
  await Promise.all([makeCa(ca), makeCa(otherCa), makeCa(expiredCa, { clientDays: -1 })]);
  return () => Promise.all(made.map((directory) => rm(directory, { recursive: true })));
});

interface Limits {
  readonly from?: string;
  readonly connectMs?: number;
  readonly answerMs?: number;
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
}

async function openVerifier(port: number, { from = ca, ...limits }: Limits = {}): Promise<Verifier> {
  const certificates = await readCertificates(from);
  const verifier = new Verifier({ endpoint: { host: '127.0.0.1', port }, certificates, ...limits });
  onTestFinished(() => verifier.close());
  return verifier;
}

async function openRegistrar(port: number): Promise<Registrar> {
  const certificates = await readCertificates(ca);
  const registrar = new Registrar({ endpoint: { host: '127.0.0.1', port }, certificates, connectMs: 500 });
  onTestFinished(() => registrar.close());
  return registrar;
}

/** A port on which nothing listens. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOf(server.address());
  server.close();
  await once(server, 'close');
  return port;
}

async function untilListening(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const isThere = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isThere) return;
    await sleep(20);
  }
}

function portOf(address: ReturnType<ReturnType<typeof createServer>['address']>): number {
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}

const always = (reply: Reply): FakeOptions => ({ answer: () => reply });

describe('versions of the interface', () => {
  test.each([
    { offered: ['2.0', '2.1'], chosen: '2.1', why: 'Keylime 6.4' },
    { offered: ['1.0', '2.0', '2.1', '2.2', '2.3', '2.4', '2.5', '3.0'], chosen: '2.5', why: 'Keylime 7.14' },
    { offered: ['2.9', '2.2'], chosen: '2.2', why: 'a version of the future' },
  ])('$chosen is spoken with $why', async ({ offered, chosen }) => {
    const fake = await startFake(ca, {
      versions: offered,
      answer: () => ({ code: 200, results: { uuids: [] } }),
    });
    const verifier = await openVerifier(fake.port);
    await Promise.all([verifier.listAgents(), verifier.listAgents()]);
    expect(fake.seen.map(({ version }) => version)).toEqual([chosen, chosen]);
  });

  test.each([
    { versions: ['1.0', '2.0', '2.1'], chosen: '2.1', why: 'Keylime 7.10' },
    { versions: ['1.0', '2.0'], chosen: '2.0', why: 'Keylime 6.3' },
  ])('$chosen is found out with $why, whose registrar does not tell', async ({ versions, chosen }) => {
    const answer = (): Reply => ({ code: 200, results: { uuids: ['a'] } });
    const fake = await startFake(ca, { versions, tellsVersions: false, answer });
    expect(await (await openRegistrar(fake.port)).listAgents()).toEqual(['a']);
    expect(fake.seen.at(-1)).toMatchObject({ version: chosen });
  });

  test('none is found out where none is spoken', async () => {
    const fake = await startFake(ca, {
      versions: ['1.0'],
      tellsVersions: false,
      answer: () => ({ code: 200 }),
    });
    await expect((await openRegistrar(fake.port)).listAgents()).rejects.toMatchObject({
      code: 'VERSION_UNSUPPORTED',
    });
  });

  test.each([{ offered: ['1.0'] }, { offered: ['3.0'] }, { offered: [] }])(
    'none in $offered is an error that says so',
    async ({ offered }) => {
      const fake = await startFake(ca, { versions: offered, answer: () => ({ code: 200 }) });
      await expect((await openVerifier(fake.port)).listAgents()).rejects.toMatchObject({
        code: 'VERSION_UNSUPPORTED',
      });
    },
  );
});

describe('a verifier', () => {
  test.each([
    { shape: 'arrays in an array', uuids: [['b'], ['a']] },
    { shape: 'an array', uuids: ['b', 'a'] },
  ])('lists agents as $shape', async ({ uuids }) => {
    const fake = await startFake(ca, always({ code: 200, results: { uuids } }));
    expect(await (await openVerifier(fake.port)).listAgents()).toEqual(['a', 'b']);
    expect(fake.seen).toMatchObject([{ method: 'GET', path: '/agents/' }]);
  });

  test('tells what it knows of an agent', async () => {
    const results = {
      operational_state: 9,
      attestation_count: 4,
      last_event_id: 'ima.validation.ima-ng.not_in_allowlist',
      last_successful_attestation: 1_700_000_000,
      last_received_quote: 0,
      has_runtime_policy: 1,
      hash_alg: '',
      ip: '192.0.2.7',
      port: '9002',
      something_new: { of: 'the future' },
    };
    const fake = await startFake(ca, always({ code: 200, results }));
    expect(await (await openVerifier(fake.port)).findAgent('n-1')).toEqual({
      id: 'n-1',
      state: 9,
      status: undefined,
      attestations: 4,
      lastEvent: 'ima.validation.ima-ng.not_in_allowlist',
      lastSuccess: new Date('2023-11-14T22:13:20Z'),
      lastQuote: undefined,
      hasRuntimePolicy: true,
      hashAlgorithm: undefined,
      ip: '192.0.2.7',
      port: 9002,
    });
  });

  test('knows no agent and no policy where it says 404', async () => {
    const fake = await startFake(ca, always({ code: 404, status: 'agent id not found' }));
    const verifier = await openVerifier(fake.port);
    expect(await verifier.findAgent('n-1')).toBeUndefined();
    expect(await verifier.findPolicy('workers')).toBeUndefined();
    expect(await verifier.deleteAgent('n-1')).toBe(false);
    expect(await verifier.deletePolicy('workers')).toBe(false);
  });

  test('before 7.12 lists no policies, and says so', async () => {
    const fake = await startFake(ca, always({ code: 400, status: 'Invalid URL' }));
    await expect((await openVerifier(fake.port)).listPolicies()).rejects.toMatchObject({
      code: 'VERSION_UNSUPPORTED',
    });
  });

  test('lists and shows policies', async () => {
    const fake = await startFake(ca, {
      answer: ({ path }) => ({
        code: 200,
        results:
          path === '/allowlists/'
            ? { 'runtimepolicy names': ['b', 'a'] }
            : { name: 'a', tpm_policy: null, runtime_policy: '{"meta":{}}' },
      }),
    });
    const verifier = await openVerifier(fake.port);
    expect(await verifier.listPolicies()).toEqual(['a', 'b']);
    expect(await verifier.findPolicy('a')).toEqual({ name: 'a', text: '{"meta":{}}' });
  });

  test.each([
    { code: 409, status: "Can't delete allowlist as it's currently in use by agent n-1" },
    { code: 500, status: 'Failed to get allowlist' },
  ])('keeps a policy that is in use ($code)', async (reply) => {
    const fake = await startFake(ca, always(reply));
    await expect((await openVerifier(fake.port)).deletePolicy('workers')).rejects.toMatchObject({
      code: 'CONFLICT',
      problem: expect.stringContaining(reply.status),
    });
  });

  test.each([
    { code: 401, says: 'FORBIDDEN' },
    { code: 403, says: 'FORBIDDEN' },
    { code: 410, says: 'WRONG_STATE' },
    { code: 500, says: 'REFUSED' },
    { code: 400, status: 'API Version not supported', says: 'VERSION_UNSUPPORTED' },
    { code: 400, status: 'uri not supported', says: 'REFUSED' },
  ])('$code $status is $says', async ({ says, ...reply }) => {
    const fake = await startFake(ca, always(reply));
    await expect((await openVerifier(fake.port)).listAgents()).rejects.toMatchObject({ code: says });
  });

  test.each([
    { what: 'no JSON', raw: '<html>nginx</html>' },
    { what: 'JSON of another shape', raw: '[1,2]' },
    { what: 'no list', raw: '{"code":200,"status":"Success","results":{"uuids":{"a":1}}}' },
    { what: 'ids that are no text', raw: '{"code":200,"status":"Success","results":{"uuids":[[1]]}}' },
    { what: 'no results', raw: '{"code":200,"status":"Success"}' },
    { what: 'JSON that is cut short', raw: '{"code":200,"status":"Success","results":{"uuids":["a"' },
  ])('that answers with $what is an error', async ({ raw }) => {
    const fake = await startFake(ca, always({ code: 200, raw }));
    await expect((await openVerifier(fake.port)).listAgents()).rejects.toMatchObject({
      code: 'ANSWER_MALFORMED',
    });
  });

  test.each(['--help', '; rm -rf /', 'a/../b', 'a\nb', '', '..', '%2e', 'x'.repeat(10_000)])(
    'is never asked for an agent or a policy named %j',
    async (name) => {
      const fake = await startFake(ca, always({ code: 200 }));
      const verifier = await openVerifier(fake.port);
      await expect(verifier.findAgent(name)).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
      await expect(verifier.findPolicy(name)).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
      expect(fake.seen).toEqual([]);
    },
  );
});

describe('a registrar', () => {
  // Endorsement keys of a software TPM as `tpm2_createek -u` and, for P-384, `tpm2_readpublic -o` wrote them, and SHA-256
  // of what `tpm2_readpublic -f pem` wrote.
  const KEYS = [
    {
      kind: 'RSA',
      hash: '1a00002fb134c0c71365fab7d8b15c591b250a5a11dd882d4ee9a0c860231ed7',
      key: [
        'AToAAQALAAMAsgAgg3GXZ0SEs/gakMyNRqXXJP1S124GUgtk8qHaGzMUaaoABgCAAEMAEAgAAAAAAAEArFfMs2Y4iS/pJwKrmF9S5WAtktNX0C2A7+z3',
        'KKU+RY6R6v0o+Zwpkxbyt+dWH24LnoqZjTqEAUeGxrq5whg6d0ipaVS+cnPmn8Wopmxs69ovlG+eMUAkCQgrUwIe2+DavaWp1sbyOitf4NmYsM/e7v/2',
        'OSj3ZwG+WSrFcHgY2UUHAEehPV1ku3wyVUW9JqBGJ31VmPzP+K5qWDpL0VgyOglgAMV5fT9pncmwCpz0tW0JvoxGdH7ppacyKavg2yjIdBY5q7oeGELy',
        'R4fHXzOWnkVrRAyvednNuwBr5nIhL8m/avawvoQewmIIz0gTFT9UZaMdfEpg9oVyl+zaPKJl7Q==',
      ].join(''),
    },
    {
      kind: 'P-256',
      hash: 'e3c54bb0491cba5f9d083fb362d292f681877dab5c60627f106e904d9fe7e79b',
      key: [
        'AHoAIwALAAMAsgAgg3GXZ0SEs/gakMyNRqXXJP1S124GUgtk8qHaGzMUaaoABgCAAEMAEAADABAAIDsmEMokGps3cop9O36KxaRaYzbd8cR8vmQ+DSJx',
        'FvQGACAWYLwg9RSAeLu2PPb+yK3f1OebN5HKreXBl1hgVPh2HQ==',
      ].join(''),
    },
    {
      kind: 'P-384',
      hash: 'ee0984065f56633fb2048e421e07bb688de5af51f2ca54a165157d7b19cb0b4c',
      key: [
        'AHoAIwALAAMAcgAAAAYAgABDABAABAAQADDd1Jj+B9P9SKEF4RBU18a6BhqhFWBHY609F88Q4+DadaTXuAa6l6KNDwKTOteeXycAMHpEeDFracIGjS4C',
        'FZT821JKYvrhmPFgeSK9sxZofQi3djH2ifVsWc8k5YLPHIGkow==',
      ].join(''),
    },
  ];

  test.each(KEYS)("tells the hash of an agent's endorsement key ($kind)", async ({ hash, key }) => {
    const results = {
      ek_tpm: key,
      aik_tpm: 'AAAA',
      ekcert: 'AAAA',
      ip: '192.0.2.7',
      port: 9002,
      regcount: 1,
    };
    const fake = await startFake(ca, always({ code: 200, results }));
    expect(await (await openRegistrar(fake.port)).findAgent('n-1')).toMatchObject({
      ekHash: hash,
      ip: '192.0.2.7',
      port: 9002,
      hasEkCertificate: true,
    });
  });

  test('has no hash for an endorsement key that is cut anywhere', () => {
    for (const { key } of KEYS) {
      const bytes = Buffer.from(key, 'base64');
      expect(readTpmPublicKey(bytes)).toContain('PUBLIC KEY');
      for (let length = 0; length < bytes.length; length += 1) {
        expect(readTpmPublicKey(bytes.subarray(0, length))).toBeUndefined();
      }
    }
  });

  test('lists agents, and those that never finished are not found', async () => {
    const fake = await startFake(ca, {
      answer: ({ path }) =>
        path === '/agents/'
          ? { code: 200, results: { uuids: ['late'] } }
          : { code: 404, status: "Agent with ID 'late' has not been activated" },
    });
    const registrar = await openRegistrar(fake.port);
    expect(await registrar.listAgents()).toEqual(['late']);
    expect(await registrar.findAgent('late')).toBeUndefined();
  });

  test('may have an endorsement key that cannot be read', async () => {
    const results = { ek_tpm: 'AAAA', aik_tpm: 'AAAA', ip: null, port: null, regcount: 2 };
    const fake = await startFake(ca, always({ code: 200, results }));
    expect(await (await openRegistrar(fake.port)).findAgent('n-1')).toMatchObject({
      ekHash: undefined,
      ip: undefined,
      registrations: 2,
      hasEkCertificate: false,
    });
  });

  test("the registrar's plain port is told from a slow server, and the right one named", async () => {
    const plain = await startPlain();
    const startedMs = Date.now();
    await expect((await openRegistrar(plain.port)).listAgents()).rejects.toMatchObject({
      code: 'REFUSED',
      problem: expect.stringContaining('speaks plain HTTP'),
      hint: expect.stringContaining('8891'),
    });
    expect(Date.now() - startedMs).toBeLessThan(5_000);
  });
});

describe('a connection that fails', () => {
  test('because nothing listens there', async () => {
    await expect((await openVerifier(await freePort())).listAgents()).rejects.toMatchObject({
      code: 'UNREACHABLE',
    });
  });

  test('because its name is unknown', async () => {
    const endpoint = parseEndpoint('no-such-host.invalid', 8881);
    const verifier = new Verifier({ endpoint, certificates: await readCertificates(ca) });
    onTestFinished(() => verifier.close());
    await expect(verifier.listAgents()).rejects.toMatchObject({
      code: 'UNREACHABLE',
      problem: expect.stringContaining('no-such-host.invalid:8881'),
    });
  });

  test('because the server is of another CA', async () => {
    const fake = await startFake(otherCa, always({ code: 200 }));
    await expect((await openVerifier(fake.port)).listAgents()).rejects.toMatchObject({
      code: 'AUTHENTICATION_FAILED',
      problem: expect.stringContaining('this CA did not sign'),
    });
    expect(fake.seen).toEqual([]);
  });

  // OpenSSL's own server: it sends the alerts that Keylime's servers send, Node's only closes the connection.
  test.each(['1.2', '1.3'])('because the server does not take an expired client (TLS %s)', async (tls) => {
    const port = await freePort();
    const server = spawn(
      'openssl',
      `s_server -accept 127.0.0.1:${port} -tls${tls.replace('.', '_')} -cert server-cert.crt -key server-private.pem
       -CAfile cacert.crt -Verify 2 -verify_return_error -www`.split(/\s+/),
      { cwd: expiredCa, stdio: ['ignore', 'pipe', 'ignore'] },
    );
    onTestFinished(() => void server.kill());
    server.stdout.resume();
    await untilListening(port);
    await expect((await openVerifier(port, { from: expiredCa })).listAgents()).rejects.toMatchObject({
      code: 'AUTHENTICATION_FAILED',
      problem: expect.stringContaining('does not take our client certificate'),
    });
  });

  test('because the server never greets', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    onTestFinished(() => void silent.close());
    const verifier = await openVerifier(portOf(silent.address()), { connectMs: 300 });
    await expect(verifier.listAgents()).rejects.toMatchObject({ code: 'TIMED_OUT' });
  });

  test('because the answer never comes', async () => {
    const fake = await startFake(ca, { answer: () => new Promise<Reply>(() => undefined) });
    const verifier = await openVerifier(fake.port, { answerMs: 300 });
    await expect(verifier.listAgents()).rejects.toMatchObject({ code: 'TIMED_OUT' });
  });

  test('because the answer is cut', async () => {
    const fake = await startFake(ca, always({ code: 200, isCut: true }));
    await expect((await openVerifier(fake.port)).listAgents()).rejects.toMatchObject({
      code: 'UNREACHABLE',
      problem: expect.stringContaining('closed the connection'),
    });
  });

  test('because the answer goes on and on', async () => {
    const fake = await startFake(ca, always({ code: 200, results: { uuids: ['x'.repeat(100_000)] } }));
    const verifier = await openVerifier(fake.port, { maxBytes: 50_000 });
    await expect(verifier.listAgents()).rejects.toMatchObject({
      code: 'ANSWER_MALFORMED',
      problem: expect.stringContaining('more than 50000 bytes'),
    });
  });

  test('because it is interrupted', async () => {
    const fake = await startFake(ca, { answer: () => new Promise<Reply>(() => undefined) });
    const interrupt = new AbortController();
    const verifier = await openVerifier(fake.port, { signal: interrupt.signal });
    setTimeout(() => interrupt.abort(new Error('enough')), 200);
    await expect(verifier.listAgents()).rejects.toThrow('enough');
  });
});

describe('an endpoint', () => {
  test.each([
    { text: 'keylime', is: { host: 'keylime', port: 8881 } },
    { text: '192.0.2.1:1', is: { host: '192.0.2.1', port: 1 } },
    { text: '2001:db8::1', is: { host: '2001:db8::1', port: 8881 } },
    { text: '[2001:db8::1]:9', is: { host: '2001:db8::1', port: 9 } },
  ])('$text', ({ text, is }) => {
    expect(parseEndpoint(text, 8881)).toEqual(is);
  });

  test.each([
    '',
    ':1',
    'a:0',
    'a:65536',
    'a:b',
    '--help',
    'a b',
    'a/b',
    'https://a',
    '[x]:1',
    '[::1',
    'a\nb',
  ])('%j is refused', (text) => {
    expect(() => parseEndpoint(text, 8881)).toThrow('is no HOST or HOST:PORT');
  });
});
