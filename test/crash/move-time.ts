/**
 * Loaded into the daemon before itself (`node --import`): SIGUSR2 lets two hours pass on the clocks that it reads, or
 * as long as the environment says: wall clock and monotonic clock move together, so that nothing looks like a clock
 * that was set. Timers that run are as long as before. A line `test.time-moved` on standard output says that it is done.
 */
import { writeSync } from 'node:fs';

const STEP_MS = Number(process.env['SMS_SPOOLD_TEST_STEP_MS'] ?? 2 * 3_600_000);

const wall = Date.now.bind(Date);
const monotonic = performance.now.bind(performance);
let aheadMs = 0;
Date.now = () => wall() + aheadMs;
performance.now = () => monotonic() + aheadMs;

process.on('SIGUSR2', () => {
  aheadMs += STEP_MS;
  writeSync(1, '{"event":"test.time-moved"}\n');
});
