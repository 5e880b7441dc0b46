/**
 * Judges rows without a spool: the schema itself, in memory, refuses what it would refuse on disk. Nothing
 * that is tried stays, so two rows never meet; whether a key was used before is not judged.
 */
import Sqlite, { type Database } from 'better-sqlite3';
import { refusalOf, type Refusal } from './constraints.ts';
import { dropInto, type DropRow } from './drop.ts';
import { bringUp } from './migrations.ts';

export class Trial implements Disposable {
  readonly #db: Database;
  readonly #drop: (row: DropRow) => number;
  readonly #forget: () => void;

  constructor() {
    this.#db = new Sqlite(':memory:');
    bringUp(this.#db, 0);
    this.#db.exec('SAVEPOINT empty');
    this.#drop = dropInto(this.#db);
    const forget = this.#db.prepare('ROLLBACK TO empty');
    this.#forget = () => void forget.run();
  }

  /** Why the schema refuses the row; null when it takes it. */
  refusalOf(row: DropRow): Refusal | null {
    try {
      this.#drop(row);
      return null;
    } catch (error) {
      const refusal = refusalOf(error, row);
      if (refusal === null) throw error;
      return refusal;
    } finally {
      this.#forget();
    }
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}
