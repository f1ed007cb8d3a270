import type { BuildRequest } from './plan.ts';

/** What the elements of diskimage-builder are known to do in an unexpected way: something to say before a build. */
interface Advice {
  readonly applies: (request: BuildRequest, elements: ReadonlySet<string>) => boolean;
  readonly text: string;
}

const has =
  (element: string) =>
  (_: BuildRequest, elements: ReadonlySet<string>): boolean =>
    elements.has(element);

/** The TLS port of Keylime's registrar, for tenants. */
const REGISTRAR_TLS_PORT = 8891;

/** Elements as of diskimage-builder 3.13 to 3.43; the ones for Keylime were last changed in 2021. */
const advice: readonly Advice[] = [
  {
    applies: has('keylime-agent'),
    text: 'keylime-agent installs the Python agent of Keylime 6.2.0: later versions have none, and a verifier of Keylime 7 may refuse it. Its agent starts only on nodes that the verifier trusts without a client certificate',
  },
  {
    applies: has('keylime-agent'),
    text: 'NAME-allowlist.txt of keylime-agent has the boot aggregate of the build machine, which is wrong for every node, and NAME-checksum.txt names a path in the image: use the allowlist that is extracted here',
  },
  {
    applies: has('keylime-agent'),
    text: 'keylime-agent installs an IMA policy as a file, and leaves the kernel command line alone: unless init loads that file, boot with ima_policy=tcb',
  },
  {
    applies: ({ registrarIp }, elements) => elements.has('keylime-agent') && registrarIp === undefined,
    text: 'no registrar is named: the agent looks for it on its own machine, 127.0.0.1',
  },
  {
    applies: ({ registrarPort }) => registrarPort === REGISTRAR_TLS_PORT,
    text: `port ${REGISTRAR_TLS_PORT} is the registrar's TLS port, for tenants; agents register at its plain port, 8890 unless it was changed`,
  },
  {
    applies: ({ environment = {} }) => isAtLeast(environment['DIB_REPOREF_keylime'], 6, 5),
    text: 'from Keylime 6.5 on there is no /etc/keylime.conf, which keylime-agent edits: the build will fail; from 7.0 on there is no Python agent either',
  },
  {
    applies: has('tpm-emulator'),
    text: 'tpm-emulator names packages as CentOS 8 had them, and fetches the sources of a software TPM: with 9-stream it may not build. A software TPM proves nothing to anybody',
  },
  {
    applies: ({ release }, elements) => elements.has('centos') && /^[78]\b/.test(release ?? ''),
    text: 'this release of CentOS is at its end of life, and its package mirrors are gone: 9-stream is the default',
  },
];

/** Everything that a person should know before this build. */
export function adviseOn(request: BuildRequest, elements: readonly string[]): readonly string[] {
  const all = new Set(elements);
  return advice.filter(({ applies }) => applies(request, all)).map(({ text }) => text);
}

function isAtLeast(version: string | undefined, major: number, minor: number): boolean {
  const [, first, second] = /^v?(\d+)\.(\d+)/.exec(version ?? '') ?? [];
  if (first === undefined || second === undefined) return false;
  return Number(first) > major || (Number(first) === major && Number(second) >= minor);
}
