/** `events` as the status log tells of them, for whoever reads it back: backwards in pages, and on from a `seq`. */
import type { Database } from 'better-sqlite3';
import { EVENT_ROWS, type UnloggedEvent } from './unlogged.ts';

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
