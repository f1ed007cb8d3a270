import type { Argv, Options } from 'yargs';

/** What the help calls the values of options. Words in brackets of yargs say only that they are strings. */
const NAMES: readonly (readonly [name: string, options: string])[] = [
  [
    'FILE',
    'add-ima-signature-verification-key ak allowlist base-policy cert-outfile certificate checksum disk event-log exclude-list from-report ima-measurement-list kernel key keyfile keylime-quote keypath list log output package-key passphrase-file payload pcrs policy policy-key provenance public-key quote ramdisk runtime-policy signature since ssh-public-key verification-keys with',
  ],
  ['FACE=FILE', 'report'],
  ['DEST=FILE', 'add'],
  ['DIR', 'allow-backing certs elements-path local-rpm-repo ramdisk-dir state'],
  ['SOURCE', 'rootfs image'],
  ['PATH', 'accept skip sysroot'],
  ['PATH,…', 'skip-path'],
  ['PREFIX', 'path'],
  ['REGEX', 'exclude'],
  ['URL', 'remote-rpm-repo'],
  [
    'NAME',
    'architecture candidate conductor-group element hostname ignored-keyrings image-name name network os-cloud package policy-name resource-class subject template trait user-name',
  ],
  ['NAME=VALUE', 'set capability'],
  ['NAME=NUMBER', 'limit'],
  ['ALGORITHM', 'algorithm assume-algorithm'],
  ['BANK', 'bank'],
  ['BANK:INDEX=HEX', 'pcr'],
  ['HEX', 'nonce ek'],
  ['TEXT', 'nonce-text'],
  ['UUID', 'uuid'],
  ['HOST[:PORT]', 'agent registrar verifier'],
  ['ADDRESS', 'address listen registrar-ip'],
  ['PORT', 'agent-port registrar-port'],
  ['VERSION', 'keylime-version release'],
  ['SECONDS', 'timeout wait wait-agent'],
  ['GIB', 'image-size root-size'],
  ['MIB', 'swap-size'],
  ['I/N', 'shard'],
  ['OS/ARCHITECTURE', 'platform'],
  ['PARTITION', 'partition'],
  ['N', 'allow-pcr concurrency days expect from max-findings threads to'],
];

/** Where one name has two meanings, the words that tell the other one. */
const OTHERS: readonly (readonly [option: string, words: RegExp, name: string])[] = [
  ['output', /this directory/, 'DIR'],
  ['from', /directory/, 'DIR'],
  ['pcr', /of this PCR/, 'N'],
  ['policy', /of this name/, 'NAME'],
  ['image', /^Name or ID/, 'NAME'],
  ['release', /number of your own/, 'N'],
];

/** The name of an option's value; nothing for one that the table lacks, which a test finds. */
function nameOf(option: string, { choices, describe = '' }: Options): string {
  if (choices !== undefined) return choices.join('|');
  const other = OTHERS.find(([name, words]) => name === option && words.test(describe));
  const known = NAMES.find(([, options]) => options.split(' ').includes(option));
  return other?.[2] ?? known?.[0] ?? 'VALUE';
}

/**
 * Options as the help shows them: `--policy FILE` in place of `--policy … [string]`. For the help alone: yargs
 * takes the value's name for a part of the option's.
 */
export function withValueNames(yargs: Argv): Argv {
  const proxy: Argv = new Proxy(yargs, {
    get(target, key) {
      if (key === 'option') {
        return (name: string, options: Options): Argv => {
          if (options.type !== 'string') return retarget(target.option(name, options));
          const { type: _type, choices: _choices, requiresArg: _requiresArg, ...shown } = options;
          return retarget(target.option(`${name} ${nameOf(name, options)}`, shown));
        };
      }
      if (key === 'positional') {
        return (name: string, options: Options): Argv => {
          const { type, ...shown } = options;
          return retarget(target.positional(name, type === 'string' ? shown : options));
        };
      }
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      return (...args: readonly unknown[]): unknown => {
        const result: unknown = Reflect.apply(value, target, args);
        return result === target ? proxy : result;
      };
    },
  });
  // Methods of yargs give itself.
  const retarget = (_result: Argv): Argv => proxy;
  return proxy;
}

/** The help without the defaults that yargs makes up for arguments that may be repeated. */
export function withoutEmptyDefaults(help: string): string {
  return help.replaceAll(
    /^(.*?)( *\[array\].*) \[default: \[\]\]$/gm,
    (_line, head: string, tail: string) => `${head}${' '.repeat(' [default: []]'.length)}${tail}`,
  );
}
