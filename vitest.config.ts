import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // The built program is started for many tests: two cores, cold caches.
    testTimeout: 60_000,
  },
});
