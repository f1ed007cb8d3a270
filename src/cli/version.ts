import { loadAddon, packageVersion, platformName } from '../native/load.ts';

/** Prints our version on a line of its own, then what it runs on. */
export function printVersion(): void {
  process.stdout.write(`ima-assay ${packageVersion()}\n`);
  process.stdout.write(
    `native core ${loadAddon().coreVersion()} (${platformName()}), Node ${process.versions.node}\n`,
  );
}
