import { isIP } from 'node:net';
import { UsageError } from '../usage.ts';

/** The parts of a Keylime server, in the order in which they have to start. The tenant is no service. */
export const serverParts = ['verifier', 'registrar', 'tenant'] as const;

export type ServerPart = (typeof serverParts)[number];

/** What is to be set. */
export interface ServerSettings {
  /** Which parts run on this machine. Default: all. */
  readonly parts?: readonly ServerPart[] | undefined;
  /** The IP address at which verifier and registrar listen; `any` is every address of the machine. */
  readonly listen?: string | undefined;
  /** Whether the tenant insists on a manufacturer's certificate of the endorsement key. Default true, as in Keylime. */
  readonly requireEkCert?: boolean | undefined;
  /** `7.14.3`, `6.4`, …: which files there are. Default: those since 6.5. */
  readonly keylimeVersion?: string | undefined;
}

/** One option of one section. */
export interface Setting {
  readonly section: string;
  readonly option: string;
  readonly value: string;
}

/** A file and what is to stand in it. */
export interface SettingsFile {
  /** Below Keylime's directory of settings. */
  readonly path: string;
  /** `snippet`: ours alone, read after Keylime's own file. `shared`: Keylime's own file, of which the rest stays. */
  readonly kind: 'snippet' | 'shared';
  readonly settings: readonly Setting[];
}

/** The directory of all files since 6.5. */
export const SETTINGS_DIRECTORY = '/etc/keylime';

/** The directory of the one file before that. */
export const OLD_SETTINGS_DIRECTORY = '/etc';

/** Sorts behind what distributions put there: the last one wins. */
const SNIPPET = '90-ima-assay.conf';

/** The parts' names in the one file before 6.5. */
const OLD_NAMES = {
  verifier: { section: 'cloud_verifier', address: 'cloudverifier_ip' },
  registrar: { section: 'registrar', address: 'registrar_ip' },
} as const;

/** Whether this release has one file for each part, which came with 6.5. */
export function hasSettingsPerPart(keylimeVersion: string | undefined): boolean {
  if (keylimeVersion === undefined) return true;
  const [, major, minor] = /^v?(\d{1,4})\.(\d{1,4})(?:\.\d{1,4})?$/.exec(keylimeVersion) ?? [];
  if (major === undefined || minor === undefined) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `${JSON.stringify(keylimeVersion.slice(0, 40))} is no version of Keylime`,
      hint: 'versions look like 7.14.3 or 6.4; `pip show keylime` or the package manager tells it',
    });
  }
  return Number(major) > 6 || (Number(major) === 6 && Number(minor) >= 5);
}

/**
 * The files that make a Keylime server listen and judge as wanted.
 * @throws UsageError `ARGUMENT_INVALID`
 */
export function chooseSettings(wanted: ServerSettings): readonly SettingsFile[] {
  const parts = serverParts.filter((part) => (wanted.parts ?? serverParts).includes(part));
  const isPerPart = hasSettingsPerPart(wanted.keylimeVersion);
  const files = parts.map((part): SettingsFile => {
    const setting = part === 'tenant' ? requireEkCert(wanted) : listen(part, wanted, isPerPart);
    return { path: `${part}.conf.d/${SNIPPET}`, kind: 'snippet', settings: [setting] };
  });
  if (isPerPart) return files;
  return [{ path: 'keylime.conf', kind: 'shared', settings: files.flatMap(({ settings }) => settings) }];
}

function requireEkCert({ requireEkCert: isRequired = true }: ServerSettings): Setting {
  return { section: 'tenant', option: 'require_ek_cert', value: isRequired ? 'True' : 'False' };
}

function listen(
  part: 'verifier' | 'registrar',
  { listen: address }: ServerSettings,
  isPerPart: boolean,
): Setting {
  if (address === undefined) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `the address at which the ${part} listens is missing`,
      hint: 'give the address of this machine on the network of the attested nodes; `any` listens on all networks',
    });
  }
  if (address !== 'any' && isIP(address) === 0) {
    throw new UsageError('ARGUMENT_INVALID', {
      problem: `${JSON.stringify(address.slice(0, 80))} is no IP address`,
      hint: 'Keylime takes an address such as 192.0.2.10, no name of a machine; `any` listens on all networks',
    });
  }
  const value = address === 'any' ? '0.0.0.0' : address;
  if (isPerPart) return { section: part, option: 'ip', value };
  return { section: OLD_NAMES[part].section, option: OLD_NAMES[part].address, value };
}

/** What these settings open, that whoever asks for them should know. */
export function warnOfSettings(wanted: ServerSettings): readonly string[] {
  const parts = wanted.parts ?? serverParts;
  const warnings: string[] = [];
  const isOpen = ['any', '0.0.0.0', '::'].includes(wanted.listen ?? '');
  if (isOpen && parts.includes('registrar')) {
    warnings.push(
      'the registrar takes registrations from anybody who reaches its plain port 8890, now on every network of this machine',
    );
  }
  if (isOpen && parts.includes('verifier')) {
    warnings.push('the verifier answers on every network of this machine');
  }
  if (wanted.requireEkCert === false && parts.includes('tenant')) {
    warnings.push(
      'without a certificate of the endorsement key nothing shows that a TPM is a real one: an emulated one passes as well',
    );
  }
  return warnings;
}

/** What a server is started with. */
export interface StartStep {
  /** A line for a shell. */
  readonly command: string;
  readonly why: string;
}

/** How the parts are started, in the order that works: the verifier makes the CA without which the registrar ends. */
export function listStartSteps(
  parts: readonly ServerPart[] = serverParts,
  service: 'systemd' | 'plain' = 'systemd',
): readonly StartStep[] {
  const start = (part: string): string =>
    service === 'systemd'
      ? `systemctl enable keylime_${part} && systemctl restart keylime_${part}`
      : `nohup keylime_${part} >keylime_${part}.log 2>&1 &`;
  const verifier = { command: start('verifier'), why: 'first: it makes the CA and its certificates' };
  const wait = {
    command: 'until test -s /var/lib/keylime/cv_ca/client-cert.crt; do sleep 1; done',
    why: 'the registrar ends at once where there is no CA yet',
  };
  const registrar = { command: start('registrar'), why: 'with certificates of that CA' };
  return [
    ...(parts.includes('verifier') ? [verifier] : []),
    ...(parts.includes('registrar') ? [wait, registrar] : []),
  ];
}
