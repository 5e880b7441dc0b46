/**
 * Whether two rows with one idempotency key are the same message: a second one that is not would be left out
 * and never sent. Compares what applications write, as the spool stores it.
 */
import { createHash } from 'node:crypto';
import Sqlite, { type Database } from 'better-sqlite3';
import { isForgotten } from '../core/parts.ts';
import { comparedForm } from '../core/recipient.ts';
import { APPLICATION_COLUMNS, type ApplicationColumn } from './drop.ts';

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
