/**
 * The daemon is killed while SQLite copies a long -wal into the spool, with messages on their way.
 *
 * A reader of old data keeps SQLite from copying until the -wal is long; then it lets go. The kill comes when
 * the spool's file begins to change. That it came amidst is read from the -shm: SQLite notes there how far it
 * means to copy before it begins, and how far it has when all is on disk (walIndex, `nBackfillAttempted` and
 * `nBackfill`).
 */
import { readFileSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { expect, it } from 'vitest';
import { Trial } from './trial.ts';

const BACKFILL_AT = 96;
const BACKFILL_ATTEMPTED_AT = 128;
/** About 32 MB that belong to no message. */
const FILLER = `INSERT INTO receipts (received_at, digest, raw)
  WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000)
  SELECT 4e9, 'filler' || n, hex(randomblob(16000)) FROM numbers`;
const TRIES_MAX = 5;
const TIMEOUT_MS = 300_000;

it(
  'killed amidst a checkpoint, loses nothing',
  async () => {
    let wasAmidst = false;
    for (let tries = 1; !wasAmidst && tries <= TRIES_MAX; tries += 1) {
      await using trial = await Trial.begin({ messages: 2_000, concurrency: 8 });
      wasAmidst = await killAtCheckpoint(trial);
      expect((await trial.finish()).complaints).toEqual([]);
    }
    expect(wasAmidst).toBe(true);
  },
  TIMEOUT_MS,
);

/** Whether the kill came when a part was copied and not all of it safe. */
async function killAtCheckpoint(trial: Trial): Promise<boolean> {
  const old = new Sqlite(trial.path, { readonly: true });
  old.exec('BEGIN');
  old.prepare('SELECT count(*) FROM messages').get();
  const program = trial.startWith({
    preload: 'kill-in-checkpoint.ts',
    env: { SMS_SPOOLD_KILL_SPOOL: trial.path },
  });
  await program.line(({ event }) => event === 'message.await-receipt');
  const filling = new Sqlite(trial.path, { timeout: 10_000 });
  filling.exec(FILLER);
  filling.close();
  old.close();
  await program.end();
  const index = readFileSync(`${trial.path}-shm`);
  await trial.died(program);
  return index.readUInt32LE(BACKFILL_ATTEMPTED_AT) > index.readUInt32LE(BACKFILL_AT);
}
