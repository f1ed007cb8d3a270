import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { unwritable, writeAtomically } from '../output/atomic-file.ts';
import { type CertificateDates, checkCertificates, clientFiles, readCertificates } from './certificates.ts';

/** Whom certificates are for: a machine that runs the tenant, or an attested node. */
export type CertificateRole = 'tenant' | 'node';

/** What was collected. */
export interface CollectedCertificates {
  /** Paths of what was written. */
  readonly written: readonly string[];
  readonly dates: CertificateDates;
}

/**
 * Copies exactly what a machine needs out of a verifier's CA, after a check that it fits together: a node gets the CA's
 * certificate, a tenant also its own with the key. The keys of the CA and of the server are never read.
 *
 * @param from - the CA's directory
 * @param to - is made if it is not there, for its owner alone
 * @throws CertificateError, OutputError
 */
export async function collectCertificates(
  from: string,
  to: string,
  options: { readonly role: CertificateRole; readonly now: Date; readonly signal?: AbortSignal | undefined },
): Promise<CollectedCertificates> {
  const certificates = await readCertificates(from);
  const dates = checkCertificates(certificates, options.now);
  const files = [
    { name: clientFiles.ca, pem: certificates.ca, mode: 0o644 },
    { name: clientFiles.certificate, pem: certificates.certificate, mode: 0o644 },
    { name: clientFiles.key, pem: certificates.key, mode: 0o600 },
  ].slice(0, options.role === 'node' ? 1 : undefined);
  await makeDirectory(to);
  const written: string[] = [];
  for (const { name, pem, mode } of files) {
    const path = join(to, name);
    await writeAtomically(path, [Buffer.from(pem)], { access: { mode }, signal: options.signal });
    written.push(path);
  }
  return { written, dates };
}

async function makeDirectory(path: string): Promise<void> {
  try {
    // Only a new directory is closed to others: one that is there has its own rules.
    if ((await mkdir(path, { recursive: true })) !== undefined) await chmod(path, 0o700);
  } catch (cause) {
    throw unwritable(path, cause);
  }
}
