import { X509Certificate } from 'node:crypto';
import { checkManifest, type ManifestEntry } from '../../../runtime-policy/manifest.ts';
import { checkRuntimePolicy, type PolicyCheck } from '../../../runtime-policy/sign.ts';
import { flag, many, one } from '../../arguments.ts';
import type { Command } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import { writeOutput } from '../../output.ts';
import { escapeControls, formatCount } from '../../terminal.ts';

const valued = { type: 'string', requiresArg: true } as const;

const MAX_SHOWN = 20;

/** `policy check`: signature, checksums, and what a verifier would say. */
export const command: Command = {
  usage: 'check <policy>',
  summary: 'Check the signature and the checksums of a policy, and whether Keylime takes it',
  options: (yargs) =>
    yargs
      .positional('policy', { type: 'string', describe: 'Policy, signed or not; - for standard input' })
      .option('key', {
        ...valued,
        alias: 'k',
        describe: 'Public key or certificate, of several one of which must have signed it (repeatable)',
      })
      .option('checksum', { ...valued, describe: 'Manifest of SHA-256 to compare with what is there' })
      .option('json', { type: 'boolean', describe: 'Write JSON' })
      .option('output', { ...valued, alias: 'o', describe: 'Write to FILE, and its checksum to FILE.sha256' })
      .option('quiet', { alias: 'q', type: 'boolean', describe: 'Nothing on standard error but errors' })
      .example('$0 policy check signed.json -k key.pub --checksum policy.sha256', 'before it is uploaded'),
  run: async (parsed, { signal }) => {
    const name = one(parsed, 'policy') ?? '-';
    const manifest = one(parsed, 'checksum');
    const check = await checkRuntimePolicy(name, { keys: many(parsed, 'key'), signal });
    const files = manifest === undefined ? [] : await checkManifest(manifest, { signal });
    const text = flag(parsed, 'json')
      ? `${JSON.stringify({ schemaVersion: 1, policy: name, ...check, files }, null, 2)}\n`
      : drawCheck(name, check, files);
    await writeOutput([Buffer.from(text)], parsed, signal);
    return judge(check, files, many(parsed, 'key').length > 0);
  },
};

/** What is wrong counts for more than what could not be decided. */
function judge(check: PolicyCheck, files: readonly ManifestEntry[], isKeyGiven: boolean): number {
  const { status } = check.signature;
  const isUntrusted = status === 'failed' || (isKeyGiven && status !== 'verified');
  const isChanged = files.some(({ expected, found }) => expected !== found);
  if (isUntrusted || isChanged || check.keylime === 'refused') return exitCodes.findings;
  return status === 'unchecked' ? exitCodes.undecided : exitCodes.done;
}

function drawCheck(name: string, check: PolicyCheck, files: readonly ManifestEntry[]): string {
  const { signature, keylime, problems, shape, sha256 } = check;
  const why = signature.problem === null ? '' : `: ${signature.problem}`;
  const by =
    signature.key === null ? '' : ` by ${signature.key}, keyid ${drawKeyId(signature.keyId ?? 'none')}`;
  const lines = [
    `${escapeControls(name)}: ${shape}, sha256 ${sha256}`,
    `signature: ${signature.status}${by}${why}`,
    `keylime: ${keylime}`,
  ];
  for (const { at, problem, code, isRefused } of problems.first.slice(0, MAX_SHOWN)) {
    lines.push(`  ${isRefused ? 'refused' : 'taken'}: ${escapeControls(at)}: ${problem} [${code}]`);
  }
  const rest = problems.count - Math.min(problems.first.length, MAX_SHOWN);
  if (rest > 0) lines.push(`  and ${formatCount(rest)} problems more (--json lists them)`);
  for (const { name: file, expected, found } of files) {
    const verdict = found === undefined ? 'cannot be read' : found === expected ? 'OK' : 'FAILED';
    lines.push(`${escapeControls(file)}: ${verdict}`);
  }
  return `${lines.join('\n')}\n`;
}

/** With `x509` the keyid is the whole certificate, in Base64: shown is what `openssl x509 -fingerprint -sha256` says of it. */
function drawKeyId(keyId: string): string {
  try {
    const { fingerprint256 } = new X509Certificate(Buffer.from(keyId, 'base64'));
    return `certificate sha256:${fingerprint256.replaceAll(':', '').toLowerCase()}`;
  } catch {
    return escapeControls(keyId.length > 64 ? `${keyId.slice(0, 61)}...` : keyId);
  }
}
