/**
 * The log under rotation: the daemon writes at least 1,000 lines a second for at least 30 s while logrotate
 * rotates its file five times. Says how many lines were written at which rate, lost and cut; the exit code is 1
 * where any was, or where the log was not that fast.
 */
import { appendFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Trial } from '../crash/trial.ts';
import type { Line } from '../crash/program.ts';
import { hasLogrotate, keptIn, logrotate, writeLogrotate } from '../log/rotation.ts';

/** What is to be reached. */
const PER_SECOND = 1_000;
const SECONDS = 30;
const ROTATIONS = 5;

/** Above the bar: the daemon aims at 94.8 % of a limit, and each message makes one line. */
const RATE = 1_200;
const PACE = 0.948;
/** The limit lets a burst go at once, and the last messages trickle. */
const MESSAGES = Math.ceil(RATE * PACE * (SECONDS + 3));

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
for (let number = 1; number <= ROTATIONS; number += 1) {
  await sleep((SECONDS * 1_000) / (ROTATIONS + 1));
  logrotate(folder, writeLogrotate(folder, program.pid));
}
await trial.until(program, ['await-receipt']);
program.kill('SIGTERM');
await program.end();

const kept = keptIn(folder, MESSAGES);
const seconds = spanOf(program.lines);
const perSecond = kept.lines / seconds;
const isFast = perSecond >= PER_SECOND && seconds >= SECONDS;
process.stdout.write(
  `${kept.lines} lines in ${seconds.toFixed(1)} s, ${Math.round(perSecond)} a second ` +
    `(bar: ${PER_SECOND} a second for ${SECONDS} s: ${isFast ? 'reached' : 'missed'}), ` +
    `${ROTATIONS} rotations, ${kept.files} files: ` +
    `${kept.lost} lost, ${kept.cut} cut, ${kept.twice} twice\n`,
);
const isWhole = kept.lost + kept.cut + kept.twice === 0 && kept.files === ROTATIONS + 1;
process.exitCode = isWhole && isFast ? 0 : 1;

/** From the first line about a message to the last one, by the log's own times. */
function spanOf(lines: readonly Line[]): number {
  const times = lines
    .filter(({ event }) => event === 'message.await-receipt')
    .map(({ time }) => Date.parse(time ?? ''));
  return ((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1_000;
}
