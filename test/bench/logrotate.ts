/**
 * The log under rotation: the daemon writes 1,000 lines a second for 30 s while logrotate rotates its file five
 * times. Says how many lines were written, lost and cut; the exit code is 1 where any was.
 */
import { appendFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Trial } from '../crash/trial.ts';
import { hasLogrotate, keptIn, logrotate, writeLogrotate } from '../log/rotation.ts';

const RATE = 1_000;
const SECONDS = 30;
const ROTATIONS = 5;
const MESSAGES = RATE * SECONDS;

if (!hasLogrotate()) throw new Error('logrotate is not installed: apt-get install logrotate');
await using trial = await Trial.begin({
  messages: MESSAGES,
  concurrency: 64,
  latencyMs: 0,
  rate: RATE,
});
const folder = dirname(trial.config);
appendFileSync(trial.config, '[log]\nfile = "status.log"\n');
const program = trial.start();
await program.line(({ event }) => event === 'daemon.ready');
const beganAt = performance.now();
for (let number = 1; number <= ROTATIONS; number += 1) {
  await sleep((SECONDS * 1_000) / (ROTATIONS + 1));
  logrotate(folder, writeLogrotate(folder, program.pid));
}
await trial.until(program, ['await-receipt']);
const seconds = (performance.now() - beganAt) / 1_000;
program.kill('SIGTERM');
await program.end();
const kept = keptIn(folder, MESSAGES);
const perSecond = Math.round(kept.lines / seconds);
process.stdout.write(
  `${kept.lines} lines in ${seconds.toFixed(1)} s (${perSecond} a second), ${kept.files} files: ` +
    `${kept.lost} lost, ${kept.cut} cut, ${kept.twice} twice\n`,
);
process.exitCode = kept.lost + kept.cut + kept.twice === 0 && kept.files === ROTATIONS + 1 ? 0 : 1;
