/**
 * The -wal beside the spool: how long it is, and how to make it short again. SQLite copies it into the spool by
 * itself (every 1,000 pages), but begins it anew only when no reader needs it any more.
 */
import { statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';

export class Wal {
  readonly #db: Database;
  readonly #path: string;

  constructor(db: Database, path: string) {
    this.#db = db;
    this.#path = path;
  }

  /** Bytes. */
  get size(): number {
    return walSize(this.#path);
  }

  /**
   * Copies as much as readers allow, and cuts the file to nothing when nobody needs it; false = somebody does.
   * Waits for nobody.
   */
  truncate(): boolean {
    const [row] = this.#db.pragma('wal_checkpoint(TRUNCATE)') as readonly { busy: number }[];
    return row?.busy === 0;
  }
}

/** Bytes of the -wal beside `path`; 0 = there is none. Opens nothing. */
export function walSize(path: string): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}
