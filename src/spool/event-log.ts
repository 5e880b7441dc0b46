/**
 * Appends to `events`: one row a change of a message's, account's or sender's state, in commit order. The
 * status log says nothing that is not here, and names the row by `seq`.
 */
import type { Database, Statement } from 'better-sqlite3';
import { Bulk, type Value } from './bulk.ts';

export interface NewEvent {
  /** Unix seconds. */
  readonly at: number;
  readonly messageId: number | null;
  readonly account: string | null;
  readonly sender: string | null;
  readonly event: string;
  /** A message's state, or a gate's. */
  readonly from: string | null;
  readonly to: string | null;
  readonly reason: string | null;
  readonly attempt: number | null;
}

export class EventLog {
  readonly #insert: Bulk;
  readonly #last: Statement<[], number>;

  constructor(db: Database) {
    this.#insert = new Bulk(
      db,
      9,
      (values) => `INSERT INTO events
        (at, message_id, account, sender, event, from_state, to_state, reason, attempt) VALUES ${values}`,
    );
    this.#last = db.prepare<[], number>('SELECT last_insert_rowid()').pluck();
  }

  /** Appends the rows of entries in order; returns the `seq` of the first. The rest follow without a gap. */
  append(entries: readonly { readonly row: NewEvent }[]): number {
    const values: Value[] = [];
    for (const { row } of entries) {
      values.push(row.at, row.messageId, row.account, row.sender, row.event);
      values.push(row.from, row.to, row.reason, row.attempt);
    }
    this.#insert.run(values);
    return (this.#last.get() ?? 0) - entries.length + 1;
  }
}
