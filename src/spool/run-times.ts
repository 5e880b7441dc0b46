/**
 * When the last run of a daemon on this spool began and ended, noted in the spool itself for whoever reads it
 * while no daemon runs. Cost: one row at the start, one at the end.
 *
 * A run that was killed notes no end: the last that is known of it is its latest event.
 */
import type { Database } from 'better-sqlite3';
import { jsonIn, KeyValues, RUNS } from './kv.ts';

const RUN_TIMES = 'run-times';

export interface LastRun {
  /** Whether a daemon has ever run on this spool. */
  readonly hasRun: boolean;
  /** Unix seconds; null = nobody knows. */
  readonly beganAt: number | null;
  /** When it ended, or was last seen. */
  readonly endedAt: number | null;
  /** When it last read its configuration: at its start, or by a reload. */
  readonly readAt: number | null;
}

/** In the transaction that begins a run. */
export function noteRunBegan(db: Database, now: number): void {
  write(db, { began_at: now });
}

/** The configuration, and the secrets that are read with it, are in force from now on. In a transaction. */
export function noteConfigRead(db: Database, now: number): void {
  const { beganAt } = lastRunOf(db);
  write(db, { began_at: beganAt ?? now, read_at: now });
}

/** The last thing that a run writes. */
export function noteRunEnded(db: Database, now: number): void {
  const { beganAt } = lastRunOf(db);
  write(db, { began_at: beganAt ?? now, ended_at: now });
}

function write(db: Database, times: Readonly<Record<string, number>>): void {
  new KeyValues(db).set(RUN_TIMES, JSON.stringify(times));
}

/** What the spool notes of its last run. */
export function lastRunOf(db: Database): LastRun {
  const values = new KeyValues(db);
  const noted = values.get(RUN_TIMES);
  const times = jsonIn(noted);
  const hasRun = noted !== null || values.get(RUNS) !== null;
  const beganAt = instantIn(times?.['began_at']);
  const endedAt = instantIn(times?.['ended_at']) ?? (hasRun ? lastSeenAt(db, beganAt) : null);
  const readAt = instantIn(times?.['read_at']) ?? beganAt;
  return { hasRun, beganAt, endedAt, readAt };
}

function instantIn(value: unknown): number | null {
  return typeof value === 'number' && value >= 1e9 && value < 1e10 ? value : null;
}

function lastSeenAt(db: Database, beganAt: number | null): number | null {
  const at = instantIn(db.prepare('SELECT at FROM events ORDER BY seq DESC LIMIT 1').pluck().get());
  if (at === null || beganAt === null) return at ?? beganAt;
  return Math.max(at, beganAt);
}
