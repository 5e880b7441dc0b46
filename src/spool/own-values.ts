/**
 * Reads and writes what the spool keeps for the program: one text for each name, in the table `spool`.
 *
 * Whoever may write to the spool may have put anything there: what is no text reads as null.
 */
import type { Database, Statement } from 'better-sqlite3';

/** The whole number in a value; null = it holds none. */
export function numberIn(value: string | null): number | null {
  return value !== null && /^\d{1,15}$/.test(value) ? Number(value) : null;
}

export class OwnValues {
  readonly #read: Statement<[string]>;
  readonly #write: Statement<[string, string]>;

  constructor(db: Database) {
    this.#read = db.prepare<[string]>('SELECT value FROM spool WHERE name = ?').pluck();
    this.#write = db.prepare(
      `INSERT INTO spool (name, value) VALUES (?, ?)
       ON CONFLICT(name) DO UPDATE SET value = excluded.value`,
    );
  }

  /** Null = there is none, or it is no text. */
  read(name: string): string | null {
    const value = this.#read.get(name);
    return typeof value === 'string' ? value : null;
  }

  write(name: string, value: string): void {
    this.#write.run(name, value);
  }
}
