/**
 * One daemon owns a spool: it holds an open write transaction on a small database beside it. The lock is
 * gone with the process, however it ends, and no file has to be cleaned up.
 *
 * That database outlives the spool's being put back to an older state, so it remembers how far the spool was
 * (see core/rollback.ts). Always holds: the lock is not let go of where something is written down, and whatever
 * cannot be read or written there stops nobody: then nothing is known.
 */
import { truncateSync } from 'node:fs';
import Sqlite, { type Database } from 'better-sqlite3';
import type { Remembered } from '../core/rollback.ts';
import { SpoolError } from './errors.ts';
import { explain, isBusy, refuseMissingFolder } from './open.ts';
import { shareDatabase } from './sharing.ts';

/** Others that look whether the lock is free hold up a commit for a moment. */
const COMMIT_WAIT_MS = 2_000;

const TABLE = `CREATE TABLE IF NOT EXISTS states (
  identity TEXT PRIMARY KEY NOT NULL, nonce TEXT NOT NULL, seq INTEGER NOT NULL)`;

export class Ownership {
  readonly #db: Database;

  private constructor(db: Database) {
    this.#db = db;
  }

  /** Takes the spool at `path`. Throws SpoolError, `owned-by-another` at once when somebody has it. */
  static take(path: string): Ownership {
    refuseMissingFolder(path);
    const lockPath = `${path}.lock`;
    try {
      shareDatabase(lockPath, { make: true });
      return new Ownership(lockedAnyway(lockPath));
    } catch (error) {
      if (isBusy(error)) {
        throw new SpoolError('owned-by-another', `Another daemon owns the spool ${path}.`);
      }
      throw explain(error, lockPath);
    }
  }

  /** The last state of each spool that was here; empty = nothing is known. */
  recall(): readonly Remembered[] {
    try {
      const rows = this.#db.prepare('SELECT identity, nonce, seq FROM states').all();
      return rows as readonly Remembered[];
    } catch (error) {
      if (error instanceof Sqlite.SqliteError) return [];
      throw error;
    }
  }

  /** On disk, in the place of what is remembered of that spool. False: it cannot be, and all is as it was. */
  remember({ identity, nonce, seq }: Remembered): boolean {
    if (!this.#db.open) return false;
    try {
      this.#db.exec(TABLE);
      const sql = 'INSERT OR REPLACE INTO states (identity, nonce, seq) VALUES (?, ?, ?)';
      this.#db.prepare(sql).run(identity, nonce, seq);
      this.#db.exec('COMMIT');
      return true;
    } catch (error) {
      if (!(error instanceof Sqlite.SqliteError)) throw error;
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
      return false;
    } finally {
      this.#db.exec('BEGIN IMMEDIATE');
    }
  }

  release(): void {
    this.#db.close();
  }
}

/* What is no database any more is no lock of anybody's, and remembers nothing. */
function lockedAnyway(lockPath: string): Database {
  try {
    return locked(lockPath);
  } catch (error) {
    const code = error instanceof Sqlite.SqliteError ? error.code : '';
    if (code !== 'SQLITE_NOTADB' && !code.startsWith('SQLITE_CORRUPT')) throw error;
    truncateSync(lockPath);
    return locked(lockPath);
  }
}

/*
 * EXCLUSIVE: a commit keeps the lock. No journal file: one that another user's process leaves behind when it is
 * killed could not be opened, and what a kill half wrote is only forgotten.
 */
function locked(lockPath: string): Database {
  const db = new Sqlite(lockPath, { timeout: 0 });
  try {
    db.pragma('locking_mode = EXCLUSIVE');
    db.pragma('journal_mode = MEMORY');
    db.exec('BEGIN IMMEDIATE');
    db.pragma(`busy_timeout = ${COMMIT_WAIT_MS}`);
    holdExclusively(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/* A commit that writes turns the reserved lock into an exclusive one, which a reader can tell (daemon-of.ts). */
function holdExclusively(db: Database): void {
  try {
    db.pragma('user_version = 1');
    db.exec('COMMIT');
  } catch (error) {
    if (!(error instanceof Sqlite.SqliteError)) throw error;
    if (db.inTransaction) db.exec('ROLLBACK');
  }
  db.exec('BEGIN IMMEDIATE');
}
