import { availableParallelism } from 'node:os';

import { defineConfig, type ViteUserConfig } from 'vitest/config';

const config: ViteUserConfig = defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // The built program is started for many tests: two cores, cold caches.
    testTimeout: 60_000,
    // All cores, where vitest keeps one for itself: many tests wait for servers and other programs.
    maxWorkers: availableParallelism(),
    maxConcurrency: availableParallelism(),
  },
});

export default config;
