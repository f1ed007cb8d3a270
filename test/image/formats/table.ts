// All formats: what is read, and what is refused. `docs/formats.md` is drawn from it, and each row is run.

import { archives, containerImages } from './archives.ts';
import { containers } from './containers.ts';
import { filesystems } from './filesystems.ts';
import { initramfs } from './initramfs.ts';
import { packages } from './packages.ts';
import { partitions } from './partitions.ts';
import type { Group } from './row.ts';

export const table: readonly Group[] = [
  initramfs,
  containers,
  partitions,
  filesystems,
  archives,
  containerImages,
  packages,
];
