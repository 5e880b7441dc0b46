/**
 * Vacuums the spool, so that no byte of what was deleted or blanked is left in the file or in its -wal.
 *
 * Always holds: where it cannot be done, nothing has changed. While a daemon runs only a small spool is vacuumed:
 * nobody else can commit meanwhile.
 */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Database } from 'better-sqlite3';
import { isOwned } from './daemon-of.ts';
import { isBusy } from './open.ts';
import { isOutOfRoom } from './room.ts';
import { Wal } from './wal.ts';

/** Bytes that are vacuumed while a daemon runs: about a second, in which it cannot commit. */
const BESIDE_DAEMON_MAX = 64 * 1024 * 1024;
/** Bytes that stay free on the disk. */
const ROOM_LEFT = 16 * 1024 * 1024;

/** Why it was not done. */
export type NotVacuumed =
  /** A daemon runs, and the spool is not small. */
  | 'daemon-runs'
  | 'no-room'
  /** Another program wrote all the time. */
  | 'busy'
  /** Vacuumed, but another program reads from the old -wal. */
  | 'wal-in-use';

/** `db` is the spool at `path`, without a transaction. Null = done. */
export function vacuum(db: Database, path: string): NotVacuumed | null {
  const bytes =
    (db.pragma('page_count', { simple: true }) as number) *
    (db.pragma('page_size', { simple: true }) as number);
  if (bytes > BESIDE_DAEMON_MAX && isOwned(path)) return 'daemon-runs';
  const { bavail, bsize } = statfsSync(dirname(path));
  /* The content goes through the -wal into the file. */
  if (bavail * bsize < 2 * bytes + ROOM_LEFT) return 'no-room';
  try {
    db.exec('VACUUM');
    return new Wal(db, path, () => true).truncate() ? null : 'wal-in-use';
  } catch (error) {
    if (isBusy(error)) return 'busy';
    if (isOutOfRoom(error, path)) return 'no-room';
    throw error;
  }
}
