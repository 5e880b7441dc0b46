/**
 * Loaded into the daemon before itself (`node --import`): SIGUSR2 moves its wall clock two hours on, or as
 * far as the environment says, and a line `test.time-moved` on standard output says that it is done. Waits that
 * were begun are as long as before.
 */
import { writeSync } from 'node:fs';

const STEP_MS = Number(process.env['SMS_SPOOLD_TEST_STEP_MS'] ?? 2 * 3_600_000);

const now = Date.now.bind(Date);
let aheadMs = 0;
Date.now = () => now() + aheadMs;

process.on('SIGUSR2', () => {
  aheadMs += STEP_MS;
  writeSync(1, '{"event":"test.time-moved"}\n');
});
