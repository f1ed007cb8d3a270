// A CA as a verifier makes one, by OpenSSL: the files have Keylime's names.

import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface CaOptions {
  /** Days that the client's certificate is good; negative: it has expired. Default 365. */
  readonly clientDays?: number;
  /** Names of the server's certificate, as OpenSSL writes them. Default as Keylime 7.13 has them. */
  readonly serverNames?: string;
}

/** Fills a directory with a CA, a server's and a client's certificate. */
export async function makeCa(directory: string, options: CaOptions = {}): Promise<void> {
  const { clientDays = 365, serverNames = 'DNS:server' } = options;
  // No argument has a space in it.
  const openssl = (args: string): Promise<unknown> => run('openssl', args.split(' '), { cwd: directory });
  const newKey = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';
  await openssl(`req -x509 ${newKey} -days 3650 -subj /CN=Keylime-CA -keyout ca-private.pem -out cacert.crt`);
  const issue = async (name: string, days: number, extensions: string): Promise<void> => {
    await openssl(`req ${newKey} -subj /CN=${name} -keyout ${name}-private.pem -out csr`);
    await writeFile(join(directory, 'extensions'), extensions);
    const signing = `-CA cacert.crt -CAkey ca-private.pem -days ${days} -extfile extensions`;
    await openssl(`x509 -req -in csr ${signing} -out ${name}-cert.crt`);
  };
  await issue('server', 365, `subjectAltName=${serverNames}\nextendedKeyUsage=serverAuth\n`);
  await issue('client', clientDays, 'extendedKeyUsage=clientAuth\n');
  await writeFile(join(directory, 'private.yml'), 'a secret of the CA\n');
}
