import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import type * as Binding from './binding.d.ts';
import { NativeError } from './errors.ts';

/** The native core, as its generated declarations describe it. */
export type Addon = typeof Binding;

const require = createRequire(import.meta.url);
let loaded: Addon | undefined;

/**
 * Loads the native core on first use: the build of this checkout if there is one, otherwise the package
 * of this platform. Its version must be ours.
 * @throws NativeError `NATIVE_BINDING_MISSING` naming the platform, the package and the last cause
 */
export function loadAddon(): Addon {
  loaded ??= load();
  return loaded;
}

function load(): Addon {
  const platform = platformName();
  const packageName = `ima-assay-${platform}`;
  const version = packageVersion();
  let cause: unknown;
  for (const candidate of [`../../dist/native/ima-assay.${platform}.node`, packageName]) {
    try {
      const addon: Addon = require(candidate);
      const found = addon.coreVersion();
      if (found === version) return addon;
      cause = new Error(`${candidate} has version ${found}, not ${version}`);
    } catch (error) {
      cause = error;
    }
  }
  throw new NativeError('NATIVE_BINDING_MISSING', {
    problem: `no native core for ${platform} (package ${packageName}): ${firstLine(cause)}`,
    hint: 'install with `npm install --include=optional`, or in a checkout run `npm run build:native`',
    cause,
  });
}

function firstLine(cause: unknown): string {
  const [line = ''] = (cause instanceof Error ? cause.message : String(cause)).split('\n');
  return line;
}

/** Our version, from package.json, which lies two folders above both `src/native` and `dist/native`. */
export function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown';
}

/** The platform's name in file and package names, as napi-rs has them. */
export function platformName(): string {
  const { platform, arch } = process;
  if (platform !== 'linux') return `${platform}-${arch}`;
  return `${platform}-${arch}-${isMusl() ? 'musl' : 'gnu'}`;
}

/** Whether Node was linked against musl, by the loader that its ELF header asks for. A report of `process` says it too, but takes 10 ms. */
function isMusl(): boolean {
  const head = Buffer.alloc(4096);
  const file = openSync(process.execPath, 'r');
  try {
    readSync(file, head, 0, head.length, 0);
  } finally {
    closeSync(file);
  }
  return head.includes('/ld-musl-');
}
