/**
 * Appends to `events`: one row for each change of a message's, account's or sender's state, in commit order. Reads the
 * rows back for the status log and the web-hook, and keeps how far each has come.
 *
 * Always holds: SQLite has one writer at a time and AUTOINCREMENT gives no number twice, so a row is never
 * followed by one with a smaller `seq`, and whoever has seen a `seq` has seen all before it.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { EventReason, RowEvent } from '../../core/events/log-events.ts';
import { bounded } from '../schema/bounded.ts';
import { Bulk, pluck, type SqlValue } from '../sql/bulk.ts';
import { KeyValues, numberIn } from '../sql/kv.ts';
import { Statements } from '../sql/statements.ts';

export interface EventRow {
  /** Unix seconds. */
  readonly at: number;
  readonly messageId: number | null;
  readonly account: string | null;
  readonly sender: string | null;
  readonly event: string;
  /** A message's state, or a circuit's. */
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

/**
 * Under these names `spool` has the last `seq` that the application was told, and at most the last that the status log
 * has: some of its lines may be written twice, and none is left out.
 */
export const NOTIFY_CURSOR = 'notify-cursor';
export const LOG_CURSOR = 'log-cursor';
type Cursor = typeof NOTIFY_CURSOR | typeof LOG_CURSOR;

/* A client that has switched the constraints off can leave bytes where text is meant. */
const eventText = (column: string): string =>
  `substr(CAST(${bounded(column, BYTES_READ)} AS TEXT), 1, ${TEXT_MAX})`;

/** The columns of a `CommittedEvent`, from `events` as `e` and `messages` as `m`. */
const EVENT_COLUMNS = `e.seq, e.at, e.message_id AS messageId, ${eventText('e.account')} AS account,
  ${eventText('e.sender')} AS sender, e.event, e.from_state AS "from", e.to_state AS "to",
  ${eventText('e.reason')} AS reason, e.attempt, ${eventText('m.reference')} AS reference,
  ${eventText('m.campaign')} AS campaign`;

/** Rows after a `seq`, oldest first: one seek, and one more for each message. */
export const EVENTS_AFTER = `SELECT ${EVENT_COLUMNS}
  FROM events e LEFT JOIN messages m ON m.id = e.message_id
  WHERE e.seq > ? ORDER BY e.seq LIMIT +?`;

const LAST_SEQ = `SELECT seq FROM sqlite_sequence WHERE name = 'events'`;

/** Reads the highest `seq` ever given out, also of rows that were pruned; no row = none. */
export function lastSeqOf(db: Database): Statement<[], number> {
  return pluck(db, LAST_SEQ);
}

/** An event, and what its message and its attempt still say of it. */
export interface UnloggedEvent extends CommittedEvent {
  readonly recipient: string | null;
  /** Of the attempt that the event settled; null = it settled none. */
  readonly status: number | null;
  readonly parts: number;
}

/** Rows of `events` with what they are about; a condition on `e` follows. */
const EVENT_ROWS = `SELECT ${EVENT_COLUMNS}, ${eventText('m.recipient')} AS recipient, a.status,
  (SELECT count(*) FROM parts p WHERE p.message_id = a.message_id AND p.attempt = a.number) AS parts
  FROM events e LEFT JOIN messages m ON m.id = e.message_id
  LEFT JOIN attempts a ON a.message_id = e.message_id AND a.number = e.attempt
    AND e.from_state = 'sending'`;
const ROWS_AFTER = `${EVENT_ROWS} WHERE e.seq > ? ORDER BY e.seq LIMIT +?`;

export class EventLog extends Statements {
  readonly #insert = new Bulk(
    this.db,
    `INSERT INTO events (at, message_id, account, sender, event, from_state, to_state, reason, attempt)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  readonly #values = new KeyValues(this.db);
  /** Rows with a `seq` above `seq`, oldest first; to be asked outside a transaction. */
  readonly after = this.selectAll<[seq: number, limit: number], CommittedEvent>(EVENTS_AFTER);
  /** The same with what the status log says of them. */
  readonly unlogged = this.selectAll<[seq: number, limit: number], UnloggedEvent>(ROWS_AFTER);
  /** The highest `seq` ever given out, also of rows that were pruned; 0 = none. */
  readonly lastSeq = this.count<[]>(LAST_SEQ);

  /** Appends the rows of entries in order; returns the `seq` of the first. The rest follow without a gap. */
  append(entries: readonly { readonly row: EventRow }[]): number {
    const values: SqlValue[] = [];
    for (const { row } of entries) {
      values.push(row.at, row.messageId, row.account, row.sender, row.event);
      values.push(row.from, row.to, row.reason, row.attempt);
    }
    return Number(this.#insert.run(values).lastInsertRowid) - entries.length + 1;
  }

  /** The last `seq` that a cursor has passed; null = it was never saved. */
  cursor(of: Cursor = NOTIFY_CURSOR): number | null {
    return numberIn(this.#values.get(of));
  }

  saveCursor(seq: number, of: Cursor = NOTIFY_CURSOR): void {
    this.#values.set(of, String(seq));
  }
}

/** Events that may be out of order because the clock was set back. */
const OUT_OF_ORDER = 10_000;

/** Gives the `seq` from which on events of an instant (Unix seconds) and later ones are found. */
export function eventSeqs(db: Database): (at: number) => number {
  const last = pluck<[], number>(db, 'SELECT max(seq) FROM events');
  const next = db.prepare<[number], { seq: number; at: number }>(
    'SELECT seq, at FROM events WHERE seq >= ? ORDER BY seq LIMIT 1',
  );
  return (at) => {
    let [low, high] = [0, (last.get() ?? 0) + 1];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const event = next.get(middle);
      if (event === undefined || event.at >= at) high = middle;
      else low = event.seq + 1;
    }
    return low - OUT_OF_ORDER;
  };
}

const PAGE = 500;

/** Events up to now, the last one first; those of one message where it is named. */
export function* eventsBefore(
  db: Database,
  message: number | null,
): Generator<UnloggedEvent, void, undefined> {
  const only = message === null ? '' : 'AND e.message_id = ?';
  const page = db.prepare<(number | null)[], UnloggedEvent>(
    `${EVENT_ROWS} WHERE e.seq < ? ${only} ORDER BY e.seq DESC LIMIT ${PAGE}`,
  );
  for (let before = Number.MAX_SAFE_INTEGER; ;) {
    const rows = page.all(before, ...(message === null ? [] : [message]));
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined) return;
    before = last.seq;
  }
}

/** Events with a `seq` above this, oldest first, at most a page of them. */
export function eventsAfter(db: Database, seq: number): readonly UnloggedEvent[] {
  return db.prepare<[number, number], UnloggedEvent>(ROWS_AFTER).all(seq, PAGE);
}

/** The campaign of a message; null = it has none, or the message was pruned. */
export function campaignOf(db: Database, messageId: number): string | null {
  const sql = 'SELECT campaign FROM messages WHERE id = ?';
  return pluck<[number], string | null>(db, sql).get(messageId) ?? null;
}
