import { availableParallelism } from 'node:os';
import { configDefaults, defineConfig } from 'vitest/config';
import { Skipped } from './test/support/skipped.ts';

/** Tests that boot a systemd of their own: `npm run test:systemd`, and nowhere else. */
const BOOTED = 'test/systemd/booted/**';
const isBooted = process.env['SMS_SPOOLD_TEST_SYSTEMD'] === '1';

export default defineConfig({
  test: {
    include: [isBooted ? `${BOOTED}/*.test.ts` : 'test/**/*.test.ts'],
    exclude: isBooted ? configDefaults.exclude : [...configDefaults.exclude, BOOTED],
    /* Most tests wait for processes that they started: one worker a core, not one less. */
    maxWorkers: availableParallelism(),
    testTimeout: 60_000,
    hookTimeout: 60_000,
    globalSetup: ['test/support/build.ts'],
    reporters: ['default', new Skipped()],
  },
});
