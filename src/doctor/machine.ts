import { listAlgorithms } from '../native/algorithms.ts';
import { NativeError } from '../native/errors.ts';
import { loadAddon, platformName } from '../native/load.ts';
import type { Check } from './check.ts';

/** What every command needs: Node, and the native core. */
export function checkMachine(): readonly Check[] {
  const core = checkCore();
  return [checkNode(), core, ...(core.status === 'ok' ? [checkAlgorithms()] : [])];
}

function checkNode(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isGood = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
  return {
    name: 'Node',
    status: isGood ? 'ok' : 'wrong',
    found: process.versions.node,
    neededFor: 'everything',
    fix: 'install Node 20.19, 22.12 or newer',
  };
}

function checkCore(): Check {
  const neededFor = 'everything';
  try {
    const found = `${loadAddon().coreVersion()}, ${platformName()}`;
    return { name: 'native core', status: 'ok', found, neededFor };
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    const fix = error instanceof NativeError ? error.hint : 'reinstall ima-assay';
    return { name: 'native core', status: 'missing', found, neededFor, fix };
  }
}

function checkAlgorithms(): Check {
  const names = listAlgorithms().map(({ name }) => name);
  return {
    name: 'hash algorithms',
    status: names.length > 0 ? 'ok' : 'wrong',
    found: names.join(' '),
    neededFor: 'extract',
  };
}
