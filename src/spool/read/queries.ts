/**
 * Reads messages and control rows for the command line. No read transaction outlives a call: long lists come in pages
 * by id, so that a slow reader neither fills memory nor keeps the WAL from being reused.
 */
import type { Database } from 'better-sqlite3';
import type { State } from '../../core/message/message.ts';
import { conditions, type MessageQuery } from '../write/selection.ts';
import { shown } from '../schema/bounded.ts';
import type { Content } from '../../core/message/parts.ts';

/** A row of `messages`, contract columns only. Times are Unix seconds. */
export interface MessageRow {
  readonly id: number;
  readonly state: State;
  readonly reason: string | null;
  readonly status: number | null;
  readonly recipient: string;
  readonly text: string | null;
  readonly sender: string | null;
  readonly account: string | null;
  readonly type: Content['type'];
  readonly body: string | null;
  readonly udh: string | null;
  readonly message_class: number | null;
  readonly priority: number;
  readonly send_at: number | null;
  readonly expires_at: number | null;
  readonly on_uncertain: string | null;
  readonly reference: string | null;
  readonly campaign: string | null;
  readonly idempotency_key: string | null;
  readonly entity_id: string | null;
  readonly content_id: string | null;
  readonly account_ref: string | null;
  readonly created_at: number;
  readonly attempts: number;
  readonly throttles: number;
  readonly next_attempt_at: number | null;
  readonly updated_at: number;
  readonly parts: number | null;
  readonly price: number | null;
}

/* A row of before the bounds may hold more than the memory does. */
const COLUMN_MAX = 100_000;
const MESSAGE_COLUMNS = [
  ...['id', 'state', 'reason', 'status', 'recipient', 'text', 'sender', 'account', 'type', 'body'],
  ...['udh', 'message_class', 'priority', 'send_at', 'expires_at', 'on_uncertain', 'reference'],
  ...['campaign', 'idempotency_key', 'entity_id', 'content_id', 'account_ref', 'created_at'],
  ...['attempts', 'throttles', 'next_attempt_at', 'updated_at', 'parts', 'price'],
]
  .map((column) => (column === 'id' ? column : `${shown(column, COLUMN_MAX)} AS ${column}`))
  .join(', ');

const PAGE = 500;

export interface MessageOrder {
  readonly limit: number;
  readonly oldestFirst: boolean;
}

/** Matching messages in order of id, at most `limit`. */
export function* messagesMatching(
  db: Database,
  query: MessageQuery,
  { limit, oldestFirst }: MessageOrder,
): Generator<MessageRow, void, undefined> {
  const { where, values } = conditions(query);
  const [beyond, order] = oldestFirst ? ['>', 'ASC'] : ['<', 'DESC'];
  const page = db.prepare(
    `SELECT ${MESSAGE_COLUMNS} FROM messages WHERE id ${beyond} ? ${where} ORDER BY id ${order} LIMIT +?`,
  );
  let last = oldestFirst ? 0 : Number.MAX_SAFE_INTEGER;
  for (let left = limit; left > 0;) {
    const rows = page.all(last, ...values, Math.min(PAGE, left)) as MessageRow[];
    yield* rows;
    left -= rows.length;
    const end = rows.at(-1);
    if (end === undefined) return;
    last = end.id;
  }
}

export function countMatching(db: Database, query: MessageQuery): number {
  const { where, values } = conditions(query);
  const sql = `SELECT count(*) FROM messages WHERE id > 0 ${where}`;
  return (
    db
      .prepare<unknown[], number>(sql)
      .pluck()
      .get(...values) ?? 0
  );
}

/** The message, or null when there is none of that id. */
export function messageOf(db: Database, id: number): MessageRow | null {
  const row = db.prepare(`SELECT ${MESSAGE_COLUMNS} FROM messages WHERE id = ?`).get(id);
  return (row as MessageRow | undefined) ?? null;
}

/** The message that used an idempotency key, pruned or not; null when none did. */
export function userOfKey(db: Database, key: string): number | null {
  const id = db.prepare(`SELECT message_id FROM keys WHERE key = ?`).pluck().get(key);
  return (id as number | undefined) ?? null;
}

export interface ControlRecord {
  readonly id: number;
  readonly asked_at: number;
  readonly verb: string;
  readonly message_id: number | null;
  readonly campaign: string | null;
  readonly account: string | null;
  readonly sender: string | null;
  /** Which messages, as a JSON object; null = it names them in another way. */
  readonly filter: string | null;
  readonly done_at: number | null;
  readonly affected: number | null;
  readonly refused: string | null;
}

const CONTROL_COLUMNS =
  'id, asked_at, verb, message_id, campaign, account, sender, filter, done_at, affected, refused';

/** The control rows of these ids, in order of id. */
export function controlRows(db: Database, ids: readonly number[]): readonly ControlRecord[] {
  return db
    .prepare(
      `SELECT ${CONTROL_COLUMNS} FROM control
       WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id`,
    )
    .all(JSON.stringify(ids)) as ControlRecord[];
}

/** The control rows that the daemon has not done yet, oldest first. */
export function openControlRows(db: Database): readonly ControlRecord[] {
  return db
    .prepare(`SELECT ${CONTROL_COLUMNS} FROM control WHERE done_at IS NULL ORDER BY id LIMIT 1000`)
    .all() as ControlRecord[];
}

/** When the daemon looks at a message again (Unix seconds); null = it is ready, or final, or not there. */
export function dueOf(db: Database, id: number): number | null {
  const sql = 'SELECT due_at FROM messages WHERE id = ?';
  return db.prepare<[number], number | null>(sql).pluck().get(id) ?? null;
}
