/**
 * Judges rows without a spool: the schema itself, in memory, refuses what it would refuse on disk. Nothing
 * that is tried stays, so two rows never meet; whether a key was used before is not judged.
 */
import Sqlite, { type Database } from 'better-sqlite3';
import { refusalOf, type Refusal } from './constraints.ts';
import { APPLICATION_COLUMNS, dropInto, type DropRow } from './drop.ts';
import { bringUp } from './migrations.ts';
import type { StoredRow } from './same-message.ts';

export class Trial implements Disposable {
  readonly #db: Database;
  readonly #drop: (row: DropRow) => number;
  readonly #stored: Sqlite.Statement;
  readonly #forget: () => void;

  constructor() {
    this.#db = new Sqlite(':memory:');
    bringUp(this.#db, 0);
    this.#db.exec('SAVEPOINT empty');
    this.#drop = dropInto(this.#db);
    this.#stored = this.#db.prepare(
      `SELECT ${APPLICATION_COLUMNS.join()} FROM messages WHERE id = ?`,
    );
    const forget = this.#db.prepare('ROLLBACK TO empty');
    this.#forget = () => void forget.run();
  }

  /** The row as the schema stores it, or why it refuses it. */
  judge(row: DropRow): { readonly stored: StoredRow } | { readonly refusal: Refusal } {
    try {
      return { stored: this.#stored.get(this.#drop(row)) as StoredRow };
    } catch (error) {
      const refusal = refusalOf(error, row);
      if (refusal === null) throw error;
      return { refusal };
    } finally {
      this.#forget();
    }
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}
