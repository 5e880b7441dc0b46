/**
 * Reads the length of the -wal next to the spool and copies it into the spool. A commit copies it as well, after as many
 * bytes as open.ts says. SQLite restarts the -wal only when no reader needs it.
 */
import { statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Database } from 'better-sqlite3';
import { isOutOfRoom } from '../sql/spool-errors.ts';
import { isBusy } from './open.ts';
import { isOwned } from './ownership.ts';

/** As SQLite answers: whether somebody was in the way, and pages in the -wal. */
interface Checkpoint {
  readonly busy: number;
  readonly log: number;
  readonly checkpointed: number;
}

const NONE: Checkpoint = { busy: 1, log: 0, checkpointed: 0 };

export class Wal {
  readonly #db: Database;
  readonly #path: string;
  /** Pages that the latest checkpoint found, or made, copied. */
  copied = 0;
  readonly #isOurs: () => boolean;

  /** `isOurs`: whether the spool is still the file that was opened; else nothing is copied into it. */
  constructor(db: Database, path: string, isOurs: () => boolean) {
    this.#db = db;
    this.#path = path;
    this.#isOurs = isOurs;
  }

  /** Bytes. */
  get size(): number {
    return walSize(this.#path);
  }

  /** Pages in it, also those that were copied; the next commit restarts it when all of them were. */
  get pages(): number {
    return this.#checkpoint('NOOP').log;
  }

  /** Copies as much as readers allow. Waits for nobody, and nobody waits for it. */
  copy(): void {
    if (this.#isOurs()) this.#checkpoint('PASSIVE');
  }

  /**
   * Copies as much as readers allow, and cuts the file to nothing when nobody needs it; false = somebody does.
   * Waits for nobody.
   */
  truncate(): boolean {
    return this.#isOurs() && this.#checkpoint('TRUNCATE').busy === 0;
  }

  #checkpoint(mode: 'NOOP' | 'PASSIVE' | 'TRUNCATE'): Checkpoint {
    const [row] = this.#db.pragma(`wal_checkpoint(${mode})`) as readonly Checkpoint[];
    const done = row ?? NONE;
    this.copied = done.checkpointed;
    return done;
  }
}

/** Bytes of the -wal next to `path`; 0 = there is none. Opens nothing. */
export function walSize(path: string): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}

/** Bytes that are vacuumed while a daemon runs: about a second, in which it cannot commit. */
const BESIDE_DAEMON_MAX = 64 * 1024 * 1024;
/** Bytes that stay free on the disk. */
const ROOM_LEFT = 16 * 1024 * 1024;

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
