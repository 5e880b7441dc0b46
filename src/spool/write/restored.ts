/**
 * A spool that was restored from a backup, and what became of its messages since: nobody knows. A backup bears
 * a mark, and one that was put back in another way gets it when that is found out; the daemon that opens it first
 * turns the mark into another, under which nothing is sent, and draws a new tag key, because ids and attempt
 * numbers of the time between are given out again.
 *
 * Always holds: a receipt under an old key counts only for a message of before the backup, and only where its
 * recipient fits (which is for the caller to see to). What may have been sent since is written down as an
 * attempt that nobody answered.
 */
import { Bulk, pluck } from '../sql/bulk.ts';
import { randomBytes } from 'node:crypto';
import type { Database, Statement } from 'better-sqlite3';
import type { State } from '../../core/message/message.ts';
import { refUnder } from './claims.ts';
import { jsonIn, KeyValues, listIn, TAG_KEY } from '../sql/kv.ts';
import { parseRef, type Match } from './receipt-rows.ts';

const BACKUP = 'backup';
const RESTORED = 'restored';
const OLD_KEYS = 'old-tag-keys';
const OLD_KEYS_MAX = 10;

/** In `error_text` of an attempt that is not known but may have been. */
export const LOST = 'may have been sent after the backup was made';

/** Of which moment the spool is. */
export interface Mark {
  /** When the backup was made (Unix seconds). */
  readonly at: number;
  /** The last message id it had given out. */
  readonly lastId: number;
  /** It bore no mark: it is older than the daemon remembers. */
  readonly isRolledBack?: true;
}

interface OldKey {
  readonly key: string;
  readonly lastId: number;
}

interface OldRef {
  readonly id: number;
  readonly number: number;
  readonly clientRef: string;
}

/** A message that may have been sent since. */
export interface LostRow {
  readonly id: number;
  readonly state: State;
  readonly lastAttempt: number;
}

/** What a receipt under an old key is about; `attempt` null = one that the backup does not know. */
export interface OldMatch extends Omit<Match, 'attempt'> {
  readonly attempt: number | null;
  readonly number: number;
  readonly clientRef: string;
}

/** The mark of a spool that was restored and whose operator has not decided; null = it is an ordinary one. */
export function restoredFrom(db: Database): Mark | null {
  const values = new KeyValues(db);
  const value = values.get(RESTORED) ?? values.get(BACKUP);
  return value === null ? null : markIn(value);
}

/** Far beyond any date that a mark can have (Unix seconds). */
const AT_MAX = 1e11;

/* A mark that cannot be read counts as one of time 0: anything may have been sent since. */
function markIn(value: unknown): Mark {
  const { at, lastId, isRolledBack } = jsonIn(value) ?? {};
  return {
    at: typeof at === 'number' && at > 0 && at < AT_MAX ? at : 0,
    lastId: Number.isSafeInteger(lastId) ? Number(lastId) : Number.MAX_SAFE_INTEGER,
    ...(isRolledBack === true ? { isRolledBack } : {}),
  };
}

/** What is known of a restored spool, continuing "this spool". */
export function whyRestored({ isRolledBack }: Mark, when: string): string {
  if (isRolledBack !== true) return `was restored from a backup of ${when}`;
  return `is an older state of itself, of about ${when} (the daemon remembers a later one)`;
}

/** Makes a copy bear the mark of a backup; what operators had asked for then is not asked of it. */
export function markBackup(db: Database, at: number): void {
  db.transaction(() => {
    mark(db, { at });
  }).immediate();
}

/** Makes a spool that was put back bear it, as of the last moment that it tells of. In a transaction. */
export function markRolledBack(db: Database, now: number): void {
  if (new KeyValues(db).get(BACKUP) !== null) return;
  const last = db.prepare<[], number | null>(
    `SELECT max(coalesce((SELECT at FROM events ORDER BY seq DESC LIMIT 1), 0),
      coalesce((SELECT created_at FROM messages ORDER BY id DESC LIMIT 1), 0))`,
  );
  const at = last.pluck().get() ?? 0;
  mark(db, { at: at > 0 && at < now ? at : now, isRolledBack: true });
}

function mark(db: Database, facts: Omit<Mark, 'lastId'>): void {
  const lastId = db.prepare(`SELECT seq FROM sqlite_sequence WHERE name = 'messages'`).pluck();
  const made = { lastId: (lastId.get() as number | undefined) ?? 0 };
  new KeyValues(db).set(BACKUP, JSON.stringify({ ...facts, ...restoredFrom(db), ...made }));
  db.prepare(
    `UPDATE control SET done_at = ?, affected = coalesce(affected, 0),
      refused = 'it was open when the backup was made' WHERE done_at IS NULL`,
  ).run(facts.at);
}

/** To be called once before the spool is worked with: a backup becomes a restored spool. */
export function adopt(db: Database): void {
  const values = new KeyValues(db);
  if (values.get(BACKUP) === null) return;
  db.transaction(() => {
    const mark = values.get(BACKUP);
    const key = values.get(TAG_KEY);
    if (mark === null || key === null) return;
    const { lastId } = markIn(mark);
    const keys: readonly OldKey[] = [{ key, lastId }, ...oldKeys(values)].slice(0, OLD_KEYS_MAX);
    values.set(OLD_KEYS, JSON.stringify(keys));
    values.set(TAG_KEY, randomBytes(32).toString('hex'));
    values.set(RESTORED, mark);
    values.delete(BACKUP);
  }).immediate();
}

function oldKeys(values: KeyValues): readonly OldKey[] {
  return listIn(values.get(OLD_KEYS), isOldKey);
}

function isOldKey(value: unknown): value is OldKey {
  if (typeof value !== 'object' || value === null) return false;
  const { key, lastId } = { ...value } as Readonly<Record<string, unknown>>;
  return typeof key === 'string' && Number.isSafeInteger(lastId);
}

export class Restored {
  readonly #db: Database;
  readonly #keys: readonly OldKey[];
  readonly #message: Statement<[number], LostRow & Omit<Match, 'attempt'>>;
  readonly #attempt: Statement<[OldRef], number>;
  readonly #waiting: Statement<[number, number, number], LostRow>;
  readonly #insert: Bulk;
  readonly #note: Bulk;
  #mark: Mark | null;

  constructor(db: Database) {
    this.#db = db;
    this.#keys = oldKeys(new KeyValues(db));
    this.#mark = restoredFrom(db);
    this.#message = db.prepare(
      `SELECT id, id AS messageId, state, last_attempt AS lastAttempt,
        CAST(recipient AS TEXT) AS recipient, account FROM messages WHERE id = ?`,
    );
    this.#attempt = pluck(
      db,
      `SELECT number FROM attempts WHERE message_id = @id AND (error_text = '${LOST}'
          OR (number = @number AND client_ref = @clientRef))
          ORDER BY number = @number DESC, number DESC LIMIT 1`,
    );
    /* What is scheduled for later cannot have gone. What has its attempt here is done already. */
    this.#waiting = db.prepare(
      `SELECT id, state, last_attempt AS lastAttempt FROM messages
        WHERE id > ? AND id <= ? AND (state IN ('queued','retry') AND coalesce(send_at, 0) <= ?
        AND NOT EXISTS (SELECT 1 FROM attempts WHERE message_id = id AND number = last_attempt
          AND error_text = '${LOST}')
        OR state = 'uncertain' AND cancel_asked IS NULL)`,
    );
    this.#insert = new Bulk(
      db,
      7,
      (values) => `INSERT OR REPLACE INTO attempts
        (message_id, number, began_at, ended_at, client_ref, route, scope, error_text)
        SELECT column1, column2, column3, column4, column5, column6, column7, '${LOST}'
        FROM (VALUES ${values})`,
    );
    this.#note = new Bulk(
      db,
      2,
      (
        values,
      ) => `UPDATE messages SET last_attempt = v.column2, follows = v.column2, revision = revision + 1
        FROM (VALUES ${values}) v WHERE messages.id = v.column1`,
    );
  }

  /** Since when nobody knows what was sent; null = the spool is an ordinary one, or it was decided. */
  get mark(): Mark | null {
    return this.#mark;
  }

  /** Messages with ids from above `after` up to `to` that may have been sent since. `now` in Unix seconds. */
  waiting(after: number, to: number, now: number): readonly LostRow[] {
    return this.#waiting.all(after, Math.min(to, this.#mark?.lastId ?? 0), now);
  }

  /** Writes down that these may have been sent: an attempt each, which the next one may double. */
  suspect(rows: readonly LostRow[], now: number): void {
    const key = this.#keys[0]?.key ?? '';
    const attempts = rows.map(({ id, lastAttempt }) => {
      const number = lastAttempt + 1;
      return { messageId: id, number, clientRef: refUnder(key, id, number) };
    });
    this.#write(attempts, now);
  }

  /** It was decided what becomes of what waited. */
  end(): void {
    new KeyValues(this.#db).delete(RESTORED);
    this.#mark = null;
  }

  /** The transaction was rolled back: the mark is as it was before it. */
  rolledBack(): void {
    this.#mark = restoredFrom(this.#db);
  }

  /** What a client_ref under a key of before a restore is about; null = it is under none. */
  byClientRef(clientRef: string): OldMatch | null {
    const ref = this.#keys.length === 0 ? null : parseRef(clientRef);
    if (ref === null) return null;
    const { messageId: id, attempt: number } = ref;
    const isOurs = this.#keys.some(
      ({ key, lastId }) => id <= lastId && refUnder(key, id, number) === clientRef,
    );
    const row = isOurs ? this.#message.get(id) : undefined;
    if (row === undefined) return null;
    const { messageId, recipient, account } = row;
    const attempt = this.#attempt.get({ id, number, clientRef }) ?? null;
    /* While a request is out, the last number is its own. */
    if (attempt === null && row.state === 'sending') return null;
    return { messageId, recipient, account, attempt, number, clientRef };
  }

  /** The attempt of a match, written down if it is not known. */
  matched(
    { messageId, recipient, account, attempt, number, clientRef }: OldMatch,
    now: number,
  ): Match {
    const match = { messageId, recipient, account };
    if (attempt !== null) return { ...match, attempt };
    const last = this.#message.get(messageId)?.lastAttempt ?? 0;
    const next = Math.max(number, last + 1);
    this.#write([{ messageId, number: next, clientRef }], now);
    return { ...match, attempt: next };
  }

  #write(
    attempts: readonly { messageId: number; number: number; clientRef: string }[],
    now: number,
  ): void {
    const beganAt = this.#mark?.at ?? now;
    this.#insert.run(
      attempts.flatMap(({ messageId, number, clientRef }) => [
        ...[messageId, number, beganAt, now, clientRef, 'uncertain', 'message'],
      ]),
    );
    this.#note.run(attempts.flatMap(({ messageId, number }) => [messageId, number]));
  }
}
