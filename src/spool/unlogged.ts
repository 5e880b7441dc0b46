/**
 * How far the status log has come in `events`, so that lines which a crash cut off are written at the next
 * start.
 *
 * Always holds: the number is at most that of the last line that was written. It is committed with a step after
 * that line, so that some lines may be written twice and none is left out.
 */
import type { Database, Statement } from 'better-sqlite3';
import { EVENT_COLUMNS, eventText, type CommittedEvent } from './event-log.ts';
import { numberIn, KeyValues } from './kv.ts';

/** An event, and what its message and its attempt still say of it. */
export interface UnloggedEvent extends CommittedEvent {
  readonly recipient: string | null;
  /** Of the attempt that the event settled; null = it settled none. */
  readonly status: number | null;
  readonly parts: number;
}

const CURSOR = 'log-cursor';

/** Rows of `events` with what they are about; a condition on `e` follows. */
export const EVENT_ROWS = `SELECT ${EVENT_COLUMNS}, ${eventText('m.recipient')} AS recipient, a.status,
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
