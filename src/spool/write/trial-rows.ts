/**
 * Judges rows before they are inserted: what the schema, in memory, says of each, and whether a key that was used before
 * belongs to the same message. Nothing that is tried stays, so two rows never meet.
 */
import { createHash } from 'node:crypto';
import Sqlite, { type Database } from 'better-sqlite3';
import { isForgotten } from '../../core/message/parts.ts';
import { comparedForm } from '../../core/text/recipient.ts';
import { type RowRefusal, refusalOf } from '../schema/constraints.ts';
import { APPLICATION_COLUMNS, type ApplicationColumn, dropInto, type DropRow } from './insert.ts';
import { bringUp } from '../schema/migrations.ts';

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
  judge(row: DropRow): { readonly stored: StoredRow } | { readonly refusal: RowRefusal } {
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

/** The columns of an application as the spool stores them. */
export type StoredRow = Readonly<Record<ApplicationColumn, string | number | null>>;

/** A key that was used before; `row` null = its message was pruned. */
export interface KeyUse {
  readonly messageId: number;
  readonly row: StoredRow | null;
}

const CONTENT: ReadonlySet<ApplicationColumn> = new Set(['text', 'body', 'udh']);

/** Who used a key in a spool; null = nobody did. */
export function keyUsesIn(db: Database): (key: string) => KeyUse | null {
  const user = db.prepare('SELECT message_id FROM keys WHERE key = ?').pluck();
  const stored = db.prepare(`SELECT ${APPLICATION_COLUMNS.join()} FROM messages WHERE id = ?`);
  return (key) => {
    const messageId = user.get(key) as number | undefined;
    if (messageId === undefined) return null;
    return { messageId, row: (stored.get(messageId) as StoredRow | undefined) ?? null };
  };
}

/** The columns in which two rows differ. `relative` were given as a time from now, and differ by when. */
export function differences(
  before: StoredRow,
  now: StoredRow,
  relative: ReadonlySet<ApplicationColumn>,
): readonly ApplicationColumn[] {
  const isGone = isForgotten({ text: before.text === null ? null : String(before.text) });
  return APPLICATION_COLUMNS.filter(
    (column) =>
      !relative.has(column) &&
      !(isGone && CONTENT.has(column)) &&
      valueIn(before, column) !== valueIn(now, column),
  );
}

/* Spellings of one number are one recipient. */
function valueIn(row: StoredRow, column: ApplicationColumn): string | number | null {
  const value = row[column];
  return column === 'recipient' ? comparedForm(String(value)) : value;
}

/** The keys of one file, on disk where they are many. */
export class KeysOfFile implements Disposable {
  readonly #db: Database;
  readonly #known: Sqlite.Statement;
  readonly #add: Sqlite.Statement;

  constructor() {
    this.#db = new Sqlite('');
    this.#db.exec(
      'CREATE TABLE keys (key TEXT PRIMARY KEY, line INTEGER, digest BLOB) WITHOUT ROWID',
    );
    this.#known = this.#db.prepare('SELECT line, digest FROM keys WHERE key = ?');
    this.#add = this.#db.prepare('INSERT INTO keys VALUES (?, ?, ?)');
    this.#db.exec('BEGIN');
  }

  /** Notes the key of a line; gives the earlier line that has it with another message, or null. */
  add(key: string, line: number, row: StoredRow): number | null {
    const values = APPLICATION_COLUMNS.map((column) => valueIn(row, column));
    const digest = createHash('sha256').update(JSON.stringify(values)).digest();
    const known = this.#known.get(key) as
      { readonly line: number; readonly digest: Buffer } | undefined;
    if (known !== undefined) return known.digest.equals(digest) ? null : known.line;
    this.#add.run(key, line, digest);
    return null;
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}
