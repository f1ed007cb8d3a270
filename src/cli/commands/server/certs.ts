import { UsageError } from '../../../usage.ts';
import { flag, one } from '../../arguments.ts';
import type { Command } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import { writeData } from '../../output.ts';
import { escapeControls } from '../../terminal.ts';

const valued = { type: 'string', requiresArg: true } as const;

/** `server certs`: what other machines need of a verifier's CA. */
export const command: Command = {
  usage: 'certs',
  summary: "Collect the files of a verifier's CA that a tenant machine or a node needs, and check them",
  options: (yargs) =>
    yargs
      .option('for', {
        ...valued,
        choices: ['tenant', 'node'] as const,
        demandOption: true,
        describe: 'Who gets them: a machine that runs the tenant, or an attested node',
      })
      .option('from', { ...valued, describe: "The CA's directory (default: /var/lib/keylime/cv_ca)" })
      .option('output', { ...valued, alias: 'o', demandOption: true, describe: 'Write to this directory' })
      .option('json', { type: 'boolean', describe: 'Write JSON' })
      .option('quiet', { alias: 'q', type: 'boolean', describe: 'Nothing on standard output' })
      .example('sudo $0 server certs --for tenant -o tenant-certs', 'on the server, for another machine')
      .example('sudo $0 server certs --for node -o node-certs', 'the one file that an agent needs'),
  run: async (parsed, { signal }) => {
    const { CA_DIRECTORY } = await import('../../../keylime/certificates.ts');
    const { collectCertificates } = await import('../../../keylime/collect.ts');
    const output = one(parsed, 'output');
    if (output === undefined || output === '-') {
      throw new UsageError('ARGUMENT_INVALID', {
        problem: '--output must be a directory: a private key is not for a pipe',
      });
    }
    const role = one(parsed, 'for') === 'node' ? 'node' : 'tenant';
    const { written, dates } = await collectCertificates(one(parsed, 'from') ?? CA_DIRECTORY, output, {
      role,
      now: new Date(),
      signal,
    });
    const until = role === 'node' ? dates.ca.notAfter : dates.certificate.notAfter;
    const report = { schemaVersion: 1, written, notAfter: until.toISOString() };
    const text = flag(parsed, 'json')
      ? `${JSON.stringify(report, null, 2)}\n`
      : `${written.map((path) => `wrote ${escapeControls(path)}\n`).join('')}good until ${until.toISOString().slice(0, 10)}\n`;
    if (!flag(parsed, 'quiet')) await writeData([Buffer.from(text)], { output: '-', signal });
    return exitCodes.done;
  },
};
