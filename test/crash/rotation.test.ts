/** The log file is renamed and reopened while thousands of lines are written: none is lost, none is cut. */
import { appendFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import Sqlite from 'better-sqlite3';
import { hasLogrotate, keptIn, logrotate, rename, writeLogrotate } from '../log/rotation.ts';
import { Trial } from './trial.ts';

const MESSAGES = 5_000;
const ROTATIONS = 5;

async function rotated(rotate: (folder: string, number: number, pid: number) => void) {
  await using trial = await Trial.begin({ messages: MESSAGES, concurrency: 64, latencyMs: 0 });
  const folder = dirname(trial.config);
  appendFileSync(trial.config, '[log]\nfile = "status.log"\n');
  const program = trial.start();
  for (let number = 1; number <= ROTATIONS; number += 1) {
    await trial.accepted((MESSAGES * number) / (ROTATIONS + 1));
    rotate(folder, number, program.pid);
    const isReloaded = (): number =>
      program.lines.filter(({ event }) => event === 'daemon.reloaded').length;
    await program.line(() => isReloaded() >= number);
  }
  await trial.until(program, ['await-receipt']);
  program.kill('SIGTERM');
  expect(await program.end()).toMatchObject({ code: 0 });
  const db = new Sqlite(trial.path);
  const last = db.prepare<[], number>('SELECT max(seq) FROM events').pluck().get() ?? 0;
  db.close();
  expect(last).toBe(MESSAGES);
  return keptIn(folder, last);
}

const WHOLE = { files: ROTATIONS + 1, lines: MESSAGES, cut: 0, lost: 0, twice: 0 };

it('the status log loses and cuts no line when its file is renamed and SIGHUP follows', async () => {
  const kept = await rotated((folder, number, pid) => {
    rename(folder, number);
    process.kill(pid, 'SIGHUP');
  });
  expect(kept).toEqual(WHOLE);
});

it('the status log loses and cuts no line under logrotate', async (context) => {
  if (!hasLogrotate()) context.skip('logrotate is not installed');
  const kept = await rotated((folder, _number, pid) => {
    logrotate(folder, writeLogrotate(folder, pid));
  });
  expect(kept).toEqual(WHOLE);
});
