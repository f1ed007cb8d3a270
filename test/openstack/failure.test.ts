// What the clients' texts mean: each as a real client wrote it, against the services of test/live or, where those
// cannot be brought to it, as its source has it.

import { describe, expect, test } from 'vitest';

import { failureOf, knownFailures } from '../../src/openstack/failure.ts';

const URL = 'http://127.0.0.1:6385/v1';

const rows = [
  { code: 'AUTHENTICATION_FAILED', stderr: 'Cloud nocloud was not found.' },
  { code: 'AUTHENTICATION_FAILED', stderr: 'Missing value auth-url required for auth plugin password' },
  {
    code: 'AUTHENTICATION_FAILED',
    stderr: 'The request you have made requires authentication. (HTTP 401) (Request-ID: req-1)',
  },
  {
    code: 'UNREACHABLE',
    stderr:
      'Unable to find a version discovery document at http://127.0.0.1:1, the service is unavailable or misconfigured.',
  },
  {
    code: 'UNREACHABLE',
    stderr: 'Unable to establish connection to http://127.0.0.1:1/v2/images: HTTPConnectionPool(host=…)',
  },
  {
    code: 'PROGRAM_MISSING',
    exitCode: 2,
    stderr: "openstack: 'esi node network show node1' is not an openstack command. See 'openstack --help'.",
    says: 'plugin of `openstack` is missing',
  },
  {
    code: 'PROGRAM_MISSING',
    exitCode: 2,
    stderr:
      "Could not load 'esi_node_network_show': module 'openstack' has no attribute 'x'\nopenstack: 'esi node network show node1' is not an openstack command. See 'openstack --help'.",
    says: 'does not load',
  },
  {
    code: 'PROGRAM_MISSING',
    exitCode: 2,
    stderr: "openstack: 'baremetal node show x' is not an openstack command. See 'openstack --help'.",
    says: 'python-ironicclient',
  },
  {
    code: 'VERSION_UNSUPPORTED',
    exitCode: 2,
    stderr: "openstack: 'image frob' is not an openstack command. See 'openstack --help'.",
  },
  {
    code: 'VERSION_UNSUPPORTED',
    exitCode: 2,
    stderr: 'usage: openstack image create …\nopenstack image create: error: unrecognized arguments: --frob',
  },
  {
    code: 'VERSION_UNSUPPORTED',
    exitCode: 2,
    stderr: "openstack image create: error: argument --disk-format: invalid choice: 'x' (choose from 'ami')",
  },
  { code: 'NAME_AMBIGUOUS', stderr: "More than one Image exists with the name 'kernel'." },
  { code: 'NAME_AMBIGUOUS', stderr: "More than one Network exists with the name 'public'." },
  {
    code: 'FORBIDDEN',
    stderr: `HttpException: 403: Client Error for url: ${URL}, 403 Forbidden: You are not authorized to complete publicize_image action.`,
    says: '--visibility shared',
  },
  {
    code: 'FORBIDDEN',
    stderr: `HttpException: 403: Client Error for url: ${URL}, You are not authorized to complete communitize_image action.`,
    says: 'community',
  },
  {
    code: 'FORBIDDEN',
    stderr:
      "Failed to delete image with name or ID 'x': ForbiddenException: 403: Client Error, Image x is protected and cannot be deleted.\nFailed to delete 1 of 1 images.",
    says: '--unprotected',
  },
  { code: 'FORBIDDEN', stderr: `ForbiddenException: 403: Client Error for url: ${URL}, Forbidden` },
  {
    code: 'QUOTA_EXCEEDED',
    stderr: `HttpException: 413: Client Error for url: ${URL}, 413 Request Entity Too Large`,
  },
  { code: 'NOT_FOUND', stderr: 'No Image found for nope' },
  {
    code: 'NOT_FOUND',
    stderr:
      "Could not load 'esi_node_network_show': module 'openstack' has no attribute 'x'\nNo Image found for nope",
    says: 'nothing has this name',
  },
  {
    code: 'NOT_FOUND',
    stderr:
      "Failed to delete image with name or ID 'nope': No Image found for nope\nFailed to delete 1 of 1 images.",
  },
  { code: 'NOT_FOUND', stderr: 'Multi Backend support not enabled.' },
  {
    code: 'CONFLICT',
    stderr: `ConflictException: 409: Client Error for url: ${URL}, Image ID x already exists!`,
  },
  { code: 'INPUT_UNREADABLE', stderr: "[Errno 2] No such file or directory: '/nope'" },
  { code: 'INPUT_UNREADABLE', stderr: "'/nope' is not a valid file" },
  {
    code: 'NO_CAPACITY',
    stderr:
      '[2026-11-26 22:52:19,051] Failed to reserve a node: Failed to process allocation 3f: no available nodes match the resource class nope.',
  },
  {
    code: 'NO_CAPACITY',
    stderr: '[2026-11-26 22:52:19,051] No available nodes with resource class nope found',
  },
  {
    code: 'CONFLICT',
    stderr: `[2026-11-26 22:51:45,811] Retriable status code 409. Retrying in 8.0s. 1 retries left\n[2026-11-26 22:52:01,444] Failed to create an allocation: ConflictException: 409: Client Error for url: ${URL}/allocations, An allocation with name h1 already exists.`,
    says: 'has this hostname',
  },
  {
    code: 'NOT_FOUND',
    stderr:
      'Traceback (most recent call last):\n  File "x"\n[2026-11-26 22:52:19,051] Cannot find image nope: No Image found for nope',
    says: 'openstack image list',
  },
  {
    code: 'NOT_FOUND',
    stderr: '[2026-11-26 22:52:19,051] Cannot find network nonet: No Network found for nonet',
    says: 'openstack network list',
  },
  {
    code: 'ARGUMENT_INVALID',
    stderr: '[2026-11-26 22:52:19,051] Partition images require root partition size',
    says: '--root-size',
  },
  {
    code: 'NOT_FOUND',
    stderr: `[2026-11-26 22:51:36,587] No Node found for nohost: Client Error for url: ${URL}/nodes/nohost, Node nohost could not be found.`,
  },
  {
    code: 'NOT_FOUND',
    stderr: '[2026-11-26 23:04:25,815] Node(s)/instance(s) node1 are not valid instances',
  },
  {
    code: 'TIMED_OUT',
    stderr: "[2026-11-26 23:04:38,013] Timeout waiting for nodes 43e2 to reach target state 'active'",
  },
  {
    code: 'WRONG_STATE',
    stderr: `[2026-11-26 23:04:27,036] Failed to set provision state for bare metal node 43e2 to deleted: Client Error for url: ${URL}/nodes/43e2/states/provision, The requested action "deleted" can not be performed on node "43e2" while it is in state "available".`,
  },
  {
    code: 'WRONG_STATE',
    stderr:
      'The requested action "provide" can not be performed on node "43e2" while it is in state "active". (HTTP 400)',
  },
  { code: 'NOT_FOUND', stderr: 'Node nope could not be found. (HTTP 404)' },
  { code: 'NO_CAPACITY', stderr: 'Node node1 has no free ports', says: 'detach one first' },
  { code: 'NOT_FOUND', stderr: 'No Network found for nonet' },
  { code: 'NOT_FOUND', stderr: 'No Node found for nope' },
  { code: 'ARGUMENT_INVALID', stderr: 'You must specify either network, port, or trunk' },
  {
    code: 'NAME_AMBIGUOUS',
    stderr: 'Node node1 is associated with multiple ports. Port must be specified',
  },
] as const;

describe('the text of a client', () => {
  test.each(rows)('means $code: $stderr', (row) => {
    const { code, stderr } = row;
    const exitCode = 'exitCode' in row ? row.exitCode : 1;
    const error = failureOf('`openstack x`', { exitCode, stdout: '', stderr });
    expect(error).toMatchObject({ code, hint: expect.stringContaining('says' in row ? row.says : '') });
    // The reason always stands in the message: the last line, or the one before a count of failures.
    const lines = stderr.split('\n').filter((line) => !line.startsWith('Failed to delete 1 of'));
    expect(error.message).toContain(lines.at(-1));
  });

  test('may stand on standard output, with guesses behind it', () => {
    const stdout =
      "openstack: 'esi node network show node1' is not an openstack command. See 'openstack --help'.\nDid you mean one of these?\n  user create\n  user show\n";
    const error = failureOf('`openstack esi`', { exitCode: 2, stdout, stderr: '' });
    expect(error).toMatchObject({
      code: 'PROGRAM_MISSING',
      hint: expect.stringContaining('python-esiclient'),
    });
    expect(error.message).toContain("'esi node network show node1' is not an openstack command");
  });

  test('has a row in this table for each row of that one', () => {
    const texts = rows.flatMap(({ stderr }) => stderr.split('\n'));
    for (const { text } of knownFailures)
      expect(
        texts.some((line) => text.test(line)),
        String(text),
      ).toBe(true);
  });

  test.each([
    { why: 'nothing', stderr: '', says: 'it gave no reason' },
    { why: 'something unknown', stderr: 'one\nHttpException: 500: Internal Server Error\n', says: '500' },
    { why: '10 kB', stderr: 'x'.repeat(10_000), says: `${'x'.repeat(600)}…` },
  ])('that is $why is REFUSED, with its last line', ({ stderr, says }) => {
    const error = failureOf('`openstack x`', { exitCode: 1, stdout: '', stderr });
    expect(error).toMatchObject({ code: 'REFUSED' });
    expect(error.message).toContain(says);
    expect(error.message.length).toBeLessThan(800);
  });
});
