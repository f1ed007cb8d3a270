import { defineConfig, type ViteUserConfig } from 'vitest/config';

const config: ViteUserConfig = defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // The built program is started for many tests: two cores, cold caches.
    testTimeout: 60_000,
  },
});

export default config;
