/**
 * Appends to `events`: one row a change of a message's, account's or sender's state, in commit order. The
 * status log says nothing that is not here, and names the row by `seq`. Reads it back for whoever is told,
 * and keeps how far that one has come.
 *
 * Always holds: SQLite has one writer at a time and AUTOINCREMENT gives no number twice, so a row is never
 * followed by one with a smaller `seq`, and whoever has seen a `seq` has seen all before it.
 */
import { bounded } from './bounded.ts';
import type { Database, Statement } from 'better-sqlite3';
import type { EventReason, RowEvent } from '../core/log-events.ts';
import { Bulk, type Value } from './bulk.ts';
import { numberIn, KeyValues } from './kv.ts';

export interface EventRow {
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

/** A row that the daemon appends. */
export interface NewEvent extends EventRow {
  readonly event: RowEvent;
  readonly reason: EventReason | null;
}

/** A row as it was committed, and what its message says of itself; texts are cut at TEXT_MAX characters. */
export interface CommittedEvent extends EventRow {
  readonly seq: number;
  /** Null when the message has none, is none, or was pruned. */
  readonly reference: string | null;
  readonly campaign: string | null;
}

/** References are the application's own and may be of any length; what is read into memory may not. */
const TEXT_MAX = 1_000;
const BYTES_READ = 100_000;

/** Under this name `spool` has how far the application was told. */
export const NOTIFY_CURSOR = 'notify-cursor';

/* A client that has switched the constraints off can leave bytes where text is meant. */
export const eventText = (column: string): string =>
  `substr(CAST(${bounded(column, BYTES_READ)} AS TEXT), 1, ${TEXT_MAX})`;

/** The columns of a `CommittedEvent`, from `events` as `e` and `messages` as `m`. */
export const EVENT_COLUMNS = `e.seq, e.at, e.message_id AS messageId, ${eventText('e.account')} AS account,
  ${eventText('e.sender')} AS sender, e.event, e.from_state AS "from", e.to_state AS "to",
  ${eventText('e.reason')} AS reason, e.attempt, ${eventText('m.reference')} AS reference,
  ${eventText('m.campaign')} AS campaign`;

/** Rows after a `seq`, oldest first: one seek, and one more for each message. */
export const EVENTS_AFTER = `SELECT ${EVENT_COLUMNS}
  FROM events e LEFT JOIN messages m ON m.id = e.message_id
  WHERE e.seq > ? ORDER BY e.seq LIMIT +?`;

/** Reads the highest `seq` ever given out, also of rows that were pruned; no row = none. */
export function lastSeqOf(db: Database): Statement<[], number> {
  return db.prepare<[], number>(`SELECT seq FROM sqlite_sequence WHERE name = 'events'`).pluck();
}

export class EventLog {
  readonly #insert: Bulk;
  readonly #after: Statement<[number, number], CommittedEvent>;
  readonly #lastSeq: Statement<[], number>;
  readonly #values: KeyValues;

  constructor(db: Database) {
    this.#insert = new Bulk(
      db,
      9,
      (values) => `INSERT INTO events
        (at, message_id, account, sender, event, from_state, to_state, reason, attempt) VALUES ${values}`,
    );
    this.#after = db.prepare(EVENTS_AFTER);
    this.#lastSeq = lastSeqOf(db);
    this.#values = new KeyValues(db);
  }

  /** Appends the rows of entries in order; returns the `seq` of the first. The rest follow without a gap. */
  append(entries: readonly { readonly row: EventRow }[]): number {
    const values: Value[] = [];
    for (const { row } of entries) {
      values.push(row.at, row.messageId, row.account, row.sender, row.event);
      values.push(row.from, row.to, row.reason, row.attempt);
    }
    return Number(this.#insert.run(values).lastInsertRowid) - entries.length + 1;
  }

  /** Rows with a `seq` above `seq`, oldest first, at most `limit`; to be asked outside a transaction. */
  after(seq: number, limit: number): readonly CommittedEvent[] {
    return this.#after.all(seq, limit);
  }

  /** The highest `seq` ever given out, also of rows that were pruned; 0 = none. */
  lastSeq(): number {
    return this.#lastSeq.get() ?? 0;
  }

  /** The last `seq` that was taken by whoever is told; null = nobody was ever told. */
  cursor(): number | null {
    return numberIn(this.#values.get(NOTIFY_CURSOR));
  }

  saveCursor(seq: number): void {
    this.#values.set(NOTIFY_CURSOR, String(seq));
  }
}
