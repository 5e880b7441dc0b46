/**
 * Appends to `events`: one row a change of a message's, account's or sender's state, in commit order. The
 * status log says nothing that is not here, and names the row by `seq`. Reads it back for whoever is told,
 * and keeps how far that one has come.
 *
 * Always holds: SQLite has one writer at a time and AUTOINCREMENT gives no number twice, so a row is never
 * followed by one with a smaller `seq`, and whoever has seen a `seq` has seen all before it.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { EventReason, RowEvent } from '../../core/events/log-events.ts';
import { bounded } from '../schema/bounded.ts';
import { Bulk, type SqlValue } from '../sql/bulk.ts';
import { KeyValues, numberIn } from '../sql/kv.ts';

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
    const values: SqlValue[] = [];
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

/** Events that a clock put back may have left out of order. */
const OUT_OF_ORDER = 10_000;

/** Gives the `seq` from which on events of an instant (Unix seconds) and later ones are found. */
export function eventSeqs(db: Database): (at: number) => number {
  const last = db.prepare<[], number>('SELECT max(seq) FROM events').pluck();
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

/** An event, and what its message and its attempt still say of it. */
export interface UnloggedEvent extends CommittedEvent {
  readonly recipient: string | null;
  /** Of the attempt that the event settled; null = it settled none. */
  readonly status: number | null;
  readonly parts: number;
}

/* At most the number of the last line that was written: some lines may be written twice, and none is left out. */
const CURSOR = 'log-cursor';

/** Rows of `events` with what they are about; a condition on `e` follows. */
const EVENT_ROWS = `SELECT ${EVENT_COLUMNS}, ${eventText('m.recipient')} AS recipient, a.status,
  (SELECT count(*) FROM parts p WHERE p.message_id = a.message_id AND p.attempt = a.number) AS parts
  FROM events e LEFT JOIN messages m ON m.id = e.message_id
  LEFT JOIN attempts a ON a.message_id = e.message_id AND a.number = e.attempt
    AND e.from_state = 'sending'`;

export class Unlogged {
  readonly #after: Statement<[number, number], UnloggedEvent>;
  readonly #values: KeyValues;

  constructor(db: Database) {
    this.#after = db.prepare(`${EVENT_ROWS} WHERE e.seq > ? ORDER BY e.seq LIMIT +?`);
    this.#values = new KeyValues(db);
  }

  /** The last `seq` that is known to be in the log; null = it was never noted. */
  cursor(): number | null {
    return numberIn(this.#values.get(CURSOR));
  }

  save(seq: number): void {
    this.#values.set(CURSOR, String(seq));
  }

  /** Events with a `seq` above `seq`, oldest first, at most `limit`. */
  after(seq: number, limit: number): readonly UnloggedEvent[] {
    return this.#after.all(seq, limit);
  }
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
  const sql = `${EVENT_ROWS} WHERE e.seq > ? ORDER BY e.seq LIMIT ${PAGE}`;
  return db.prepare<[number], UnloggedEvent>(sql).all(seq);
}

/** The campaign of a message; null = it has none, or the message was pruned. */
export function campaignOf(db: Database, messageId: number): string | null {
  const sql = 'SELECT campaign FROM messages WHERE id = ?';
  return db.prepare<[number], string | null>(sql).pluck().get(messageId) ?? null;
}
