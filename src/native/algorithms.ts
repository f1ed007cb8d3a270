import { loadAddon } from './load.ts';

/** A hash algorithm that IMA can name. */
export interface HashAlgorithm {
  /** The kernel's name. */
  readonly name: string;
  /** Other spellings that are understood. */
  readonly aliases: readonly string[];
  readonly digestBytes: number;
}

/** Every hash algorithm that IMA can name, in the kernel's order. */
export function listAlgorithms(): readonly HashAlgorithm[] {
  return loadAddon().algorithms();
}
