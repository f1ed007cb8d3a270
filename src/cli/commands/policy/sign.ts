import { writeFile } from 'node:fs/promises';
import { OutputError, writeAtomically } from '../../../output/atomic-file.ts';
import { writeManifest } from '../../../runtime-policy/manifest.ts';
import { signRuntimePolicy } from '../../../runtime-policy/sign.ts';
import { curves, SigningKey } from '../../../runtime-policy/signing-key.ts';
import { UsageError } from '../../../usage.ts';
import { flag, many, one, wholeNumber } from '../../arguments.ts';
import type { Command, ParsedArguments } from '../../command.ts';
import { exitCodes } from '../../exit.ts';
import { readInput } from '../../input.ts';
import { reportWritten, writeData } from '../../output.ts';
import { warn } from '../../summary.ts';
import { now } from '../../timestamp.ts';

const valued = { type: 'string', requiresArg: true } as const;

const DEFAULT_KEY = 'keylime-ecdsa-key.pem';
const DEFAULT_DAYS = 30;
const DAY_MS = 86_400_000;

/** `policy sign`: a DSSE envelope around a policy. The options are those of `keylime-policy sign runtime`. */
export const command: Command = {
  usage: 'sign [policy]',
  writes: ['output', 'keypath', 'public-key', 'cert-outfile', 'checksum'],
  mayReplace: ['policy', 'runtime-policy'],
  summary: 'Sign a runtime policy with ECDSA, in the envelope that Keylime reads',
  options: (yargs) =>
    yargs
      .positional('policy', { type: 'string', describe: 'Runtime policy' })
      .option('runtime-policy', { ...valued, alias: 'r', describe: 'The same as POLICY' })
      .option('keyfile', {
        ...valued,
        alias: 'k',
        describe: 'EC private key, PEM or DER; - for standard input',
      })
      .option('passphrase-file', { ...valued, describe: 'File with the passphrase of the key' })
      .option('keypath', {
        ...valued,
        alias: 'p',
        describe: `Make a new key and write it to FILE (default without --keyfile: ${DEFAULT_KEY})`,
      })
      .option('curve', { ...valued, choices: curves, describe: 'Curve of a new key (default: P-256)' })
      .option('public-key', { ...valued, describe: 'Write the public key to FILE, as PEM' })
      .option('backend', {
        ...valued,
        alias: 'b',
        choices: ['ecdsa', 'x509'] as const,
        describe: 'Name the key by its hash, or by a certificate (default: ecdsa)',
      })
      .option('cert-outfile', {
        ...valued,
        alias: 'c',
        describe: 'With x509: write a certificate that the key signs for itself to FILE',
      })
      .option('certificate', { ...valued, describe: 'With x509: the certificate of the key' })
      .option('subject', { ...valued, describe: 'Name in a new certificate (default: ima-assay)' })
      .option('days', { ...valued, describe: `Days a new certificate is valid (default: ${DEFAULT_DAYS})` })
      .option('add-signature', {
        type: 'boolean',
        describe: 'Add a signature to a policy that is signed already',
      })
      .option('output', {
        ...valued,
        alias: 'o',
        describe: 'Write to FILE, and its checksum to FILE.sha256 (default: standard output, no checksum)',
      })
      .option('checksum', {
        ...valued,
        describe: 'Also write the SHA-256 of the signed policy and of --with to FILE',
      })
      .option('with', { ...valued, describe: 'File for --checksum: an exclude list, an image (repeatable)' })
      .option('json', { type: 'boolean', describe: 'Write the summary as JSON, to standard error' })
      .option('quiet', { alias: 'q', type: 'boolean', describe: 'No summary' })
      .example('$0 policy sign policy.json -k key.pem -o signed.json', 'with a key that exists')
      .example('$0 policy sign policy.json -p key.pem --public-key key.pub -o signed.json', 'with a new one')
      .example('pass show key | $0 policy sign policy.json -k -', 'with a key that is in no file'),
  run: async (parsed, { signal }) => {
    const policy = readPolicyName(parsed);
    const output = one(parsed, 'output');
    const manifest = one(parsed, 'checksum');
    if (manifest !== undefined && (output === undefined || output === '-')) {
      throw new UsageError('ARGUMENT_INVALID', { problem: '--checksum needs a policy in a file: --output' });
    }
    if (manifest === undefined && many(parsed, 'with').length > 0) {
      throw new UsageError('ARGUMENT_INVALID', { problem: '--with needs --checksum: it names files for it' });
    }
    const { key, keyPath } = await readKey(parsed);
    const { certificate, certificatePath } = await readCertificate(parsed, key);
    const addSignature = flag(parsed, 'add-signature');
    const envelope = await signRuntimePolicy(policy, key, { certificate, addSignature, signal });
    // The key first: a policy that is signed by a key that nobody has is worth nothing.
    if (keyPath !== undefined) await writeKey(keyPath, key.toPem());
    const publicPath = one(parsed, 'public-key');
    if (publicPath !== undefined)
      await writeAtomically(publicPath, [Buffer.from(key.publicPem())], { signal });
    if (certificatePath !== undefined && certificate !== undefined) {
      await writeAtomically(certificatePath, [Buffer.from(certificate)], { signal });
    }
    const written = [...(await writeData([envelope], { output, signal }))];
    if (manifest !== undefined && output !== undefined) {
      const { file, leftOut } = await writeManifest(manifest, [output, ...many(parsed, 'with')], { signal });
      written.push(file);
      for (const name of leftOut) warn(`${manifest} has no line for ${name}: it is no file`);
    }
    if (flag(parsed, 'json')) {
      const paths = [keyPath, publicPath, certificatePath].filter((path) => path !== undefined);
      const summary = { schemaVersion: 1, curve: key.curve, keyId: key.keyId(), keyFiles: paths, written };
      process.stderr.write(`${JSON.stringify(summary)}\n`);
    } else if (!flag(parsed, 'quiet')) {
      process.stderr.write(`signed with ECDSA ${key.curve}, key ${key.keyId()}\n`);
      for (const path of [keyPath, publicPath, certificatePath]) {
        if (path !== undefined) process.stderr.write(`wrote ${path}\n`);
      }
      reportWritten(written);
    }
    return exitCodes.done;
  },
};

function readPolicyName(parsed: ParsedArguments): string {
  const names = [one(parsed, 'policy'), one(parsed, 'runtime-policy')].filter((name) => name !== undefined);
  const [name] = names;
  if (name === undefined || names.length > 1) {
    throw new UsageError('ARGUMENT_INVALID', { problem: 'one policy is needed' });
  }
  return name;
}

async function readKey(parsed: ParsedArguments): Promise<{ key: SigningKey; keyPath: string | undefined }> {
  const file = one(parsed, 'keyfile');
  const path = one(parsed, 'keypath');
  const curve = one(parsed, 'curve');
  if (file !== undefined) {
    if (path !== undefined || curve !== undefined) {
      throw new UsageError('ARGUMENT_INVALID', { problem: '--keyfile excludes --keypath and --curve' });
    }
    const passphraseFile = one(parsed, 'passphrase-file');
    const passphrase =
      passphraseFile === undefined
        ? undefined
        : (await readInput(passphraseFile)).toString().replace(/\r?\n$/, '');
    return { key: SigningKey.parse(await readInput(file), file, passphrase), keyPath: undefined };
  }
  return {
    key: SigningKey.generate(curves.find((known) => known === curve)),
    keyPath: path ?? DEFAULT_KEY,
  };
}

async function readCertificate(
  parsed: ParsedArguments,
  key: SigningKey,
): Promise<{ certificate: string | undefined; certificatePath: string | undefined }> {
  const given = one(parsed, 'certificate');
  const path = one(parsed, 'cert-outfile');
  if (one(parsed, 'backend') !== 'x509') {
    if (given !== undefined || path !== undefined) {
      throw new UsageError('ARGUMENT_INVALID', {
        problem: 'a certificate has its place with --backend x509',
      });
    }
    return { certificate: undefined, certificatePath: undefined };
  }
  if ((given === undefined) === (path === undefined)) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: '--backend x509 needs either --certificate or --cert-outfile',
    });
  }
  if (given !== undefined) {
    return { certificate: key.acceptCertificate(await readInput(given), given), certificatePath: undefined };
  }
  const days = one(parsed, 'days');
  // From yesterday on, for clocks that are slow.
  const notBefore = new Date(now().getTime() - DAY_MS);
  const valid = (days === undefined ? DEFAULT_DAYS : wholeNumber(days, '--days')) + 1;
  return {
    certificate: key.certify(one(parsed, 'subject') ?? 'ima-assay', notBefore, valid),
    certificatePath: path,
  };
}

/** A new key never takes the place of another, and nobody else may read it. */
async function writeKey(path: string, pem: string): Promise<void> {
  await writeFile(path, pem, { flag: 'wx', mode: 0o600 }).catch((cause: unknown) => {
    throw new OutputError('OUTPUT_UNWRITABLE', {
      problem: `the key cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`,
      at: { input: path },
      hint: 'sign with an existing key by --keyfile, or name another file by --keypath',
      cause,
    });
  });
}
