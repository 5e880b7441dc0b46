/**
 * One daemon owns a spool: it holds an open write transaction on a small database beside it. The lock is
 * gone with the process, however it ends, and no file has to be cleaned up.
 */
import Sqlite, { type Database } from 'better-sqlite3';
import { SpoolError } from './errors.ts';
import { explain, isBusy, refuseMissingFolder } from './open.ts';
import { shareDatabase } from './sharing.ts';

export class Ownership {
  readonly #db: Database;

  private constructor(db: Database) {
    this.#db = db;
  }

  /** Takes the spool at `path`. Throws SpoolError, `owned-by-another` at once when somebody has it. */
  static take(path: string): Ownership {
    refuseMissingFolder(path);
    const lockPath = `${path}.lock`;
    let db: Database | null = null;
    try {
      shareDatabase(lockPath, { make: true });
      db = new Sqlite(lockPath, { timeout: 0 });
      db.exec('BEGIN IMMEDIATE');
      return new Ownership(db);
    } catch (error) {
      db?.close();
      if (isBusy(error)) {
        throw new SpoolError('owned-by-another', `Another daemon owns the spool ${path}.`);
      }
      throw explain(error, lockPath);
    }
  }

  release(): void {
    this.#db.close();
  }
}
