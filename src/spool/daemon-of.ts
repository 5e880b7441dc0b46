/**
 * Whether a daemon runs on a spool: whether somebody holds the lock beside it.
 *
 * Always holds: asking never keeps a daemon from starting. It takes a shared lock for a moment, which fails
 * while a daemon holds its exclusive one and stands in nobody's way otherwise. Nothing is created or changed.
 */
import { lstatSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import type { DaemonFact } from '../core/stops.ts';
import { isBusy } from './open.ts';
import { lastRunOf } from './run-times.ts';

/** What is known of the daemon of the spool at `path`, open as `db`. */
export function daemonOf(db: Sqlite.Database, path: string): DaemonFact {
  const { hasRun, beganAt, endedAt } = lastRunOf(db);
  const isRunning = isOwned(path);
  return { isRunning, hasRun: hasRun || isRunning, since: isRunning ? beganAt : endedAt };
}

/** Whether a daemon holds the lock beside the spool at `path`. */
export function isOwned(path: string): boolean {
  const lock = `${path}.lock`;
  const found = lstatSync(lock, { throwIfNoEntry: false });
  /* A link, or what is no file, is nobody's lock. */
  if (found?.isFile() !== true || found.nlink !== 1) return false;
  try {
    const db = new Sqlite(lock, { readonly: true, fileMustExist: true, timeout: 0 });
    try {
      db.prepare('SELECT count(*) FROM sqlite_master').get();
    } finally {
      db.close();
    }
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    if (error instanceof Sqlite.SqliteError) return false;
    throw error;
  }
}
