/**
 * When the last run of a daemon on this spool began and ended, noted in the spool itself for whoever reads it
 * while no daemon runs. Cost: one row at the start, one at the end.
 *
 * A run that was killed notes no end: the last that is known of it is its latest event.
 */
import type { Database } from 'better-sqlite3';

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
  const sql = 'INSERT OR REPLACE INTO spool (name, value) VALUES (?, ?)';
  db.prepare(sql).run(RUN_TIMES, JSON.stringify(times));
}

/** What the spool notes of its last run. */
export function lastRunOf(db: Database): LastRun {
  const noted = timesIn(valueOf(db, RUN_TIMES));
  const hasRun = noted !== null || valueOf(db, 'runs') !== null;
  const beganAt = instantIn(noted?.['began_at']);
  const endedAt = instantIn(noted?.['ended_at']) ?? (hasRun ? lastSeenAt(db, beganAt) : null);
  const readAt = instantIn(noted?.['read_at']) ?? beganAt;
  return { hasRun, beganAt, endedAt, readAt };
}

function valueOf(db: Database, name: string): unknown {
  return db.prepare('SELECT value FROM spool WHERE name = ?').pluck().get(name) ?? null;
}

/* Whoever may write to the spool may have written anything. */
function timesIn(value: unknown): Readonly<Record<string, unknown>> | null {
  if (typeof value !== 'string') return null;
  try {
    const read: unknown = JSON.parse(value);
    return typeof read === 'object' && read !== null ? { ...read } : {};
  } catch {
    return {}; // not JSON: a run was noted, and its times are not known
  }
}

function instantIn(value: unknown): number | null {
  return typeof value === 'number' && value >= 1e9 && value < 1e10 ? value : null;
}

function lastSeenAt(db: Database, beganAt: number | null): number | null {
  const at = instantIn(db.prepare('SELECT at FROM events ORDER BY seq DESC LIMIT 1').pluck().get());
  if (at === null || beganAt === null) return at ?? beganAt;
  return Math.max(at, beganAt);
}
