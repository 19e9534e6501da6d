import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

const { version } = JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf8'));

export default defineConfig({
  // scripts/build.mjs puts the version into the bundle in the same way.
  define: { __SIPREG_VERSION__: JSON.stringify(version) },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // Most of the time goes by waiting for peers; more at a time would make their timers late on two cores.
    maxWorkers: 2,
    reporters: ['default'],
    coverage: {
      include: ['src/**/*.ts'],
      reporter: ['text-summary', 'html', 'json-summary'],
      thresholds: { 'src/core/**': { branches: 95 } },
    },
  },
});
