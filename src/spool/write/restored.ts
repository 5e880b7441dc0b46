/**
 * Marks a spool that was restored from a backup, and records which of its messages may have been sent since. A backup
 * has a mark; a spool that was restored in another way gets it when the daemon detects that. The first daemon that opens
 * it replaces the mark by another, under which nothing is sent, and draws a new tag key: ids and attempt numbers of the
 * time between are given out again.
 *
 * Always holds: a receipt under an old key counts only for a message from before the backup. The caller compares the
 * recipient. A message that may have been sent since has an attempt without an answer.
 */
import { randomBytes } from 'node:crypto';
import type { Database } from 'better-sqlite3';
import type { State } from '../../core/message/message.ts';
import { refUnder } from './claims.ts';
import { pluck } from '../sql/bulk.ts';
import { jsonIn, KeyValues, listIn, TAG_KEY } from '../sql/kv.ts';
import { Statements } from '../sql/statements.ts';
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
  /** It had no mark: it is older than the daemon remembers. */
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

/** Gives a copy the mark of a backup, and refuses the control rows that are open in it. */
export function markBackup(db: Database, at: number): void {
  db.transaction(() => {
    mark(db, { at });
  }).immediate();
}

/** Marks a restored spool with the time of its last event or message. Runs in the caller's transaction. */
export function markRolledBack(db: Database, now: number): void {
  if (new KeyValues(db).get(BACKUP) !== null) return;
  const last = pluck<[], number>(
    db,
    `SELECT max(coalesce((SELECT at FROM events ORDER BY seq DESC LIMIT 1), 0),
      coalesce((SELECT created_at FROM messages ORDER BY id DESC LIMIT 1), 0))`,
  );
  const at = last.get() ?? 0;
  mark(db, { at: at > 0 && at < now ? at : now, isRolledBack: true });
}

function mark(db: Database, facts: Omit<Mark, 'lastId'>): void {
  const last = pluck<[], number>(db, `SELECT seq FROM sqlite_sequence WHERE name = 'messages'`);
  const made = { lastId: last.get() ?? 0 };
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

export class Restored extends Statements {
  readonly #values = new KeyValues(this.db);
  readonly #keys = oldKeys(this.#values);
  readonly #message = this.selectFirst<[id: number], LostRow & Omit<Match, 'attempt'>>(
    `SELECT id, id AS messageId, state, last_attempt AS lastAttempt,
      CAST(recipient AS TEXT) AS recipient, account FROM messages WHERE id = ?`,
  );
  readonly #attempt = this.pluckFirst<[OldRef], number>(
    `SELECT number FROM attempts WHERE message_id = @id AND (error_text = '${LOST}'
      OR (number = @number AND client_ref = @clientRef))
      ORDER BY number = @number DESC, number DESC LIMIT 1`,
  );
  /* A message that is scheduled for later cannot have gone. One that has its attempt here is done already. */
  readonly #waiting = this.selectAll<[after: number, to: number, now: number], LostRow>(
    `SELECT id, state, last_attempt AS lastAttempt FROM messages
      WHERE id > ? AND id <= ? AND (state IN ('queued','retry') AND coalesce(send_at, 0) <= ?
      AND NOT EXISTS (SELECT 1 FROM attempts WHERE message_id = id AND number = last_attempt
        AND error_text = '${LOST}')
      OR state = 'uncertain' AND cancel_asked IS NULL)`,
  );
  readonly #insert = this.run<[OldRef & { readonly beganAt: number; readonly now: number }]>(
    `INSERT OR REPLACE INTO attempts
      (message_id, number, began_at, ended_at, client_ref, route, scope, error_text)
      VALUES (@id, @number, @beganAt, @now, @clientRef, 'uncertain', 'message', '${LOST}')`,
  );
  readonly #note = this.run<[number: number, number: number, id: number]>(
    'UPDATE messages SET last_attempt = ?, follows = ?, revision = revision + 1 WHERE id = ?',
  );
  #mark = restoredFrom(this.db);

  /** Since when nobody knows what was sent; null = the spool is an ordinary one, or it was decided. */
  get mark(): Mark | null {
    return this.#mark;
  }

  /** Messages with ids from above `after` up to `to` that may have been sent since. `now` in Unix seconds. */
  waiting(after: number, to: number, now: number): readonly LostRow[] {
    return this.#waiting(after, Math.min(to, this.#mark?.lastId ?? 0), now);
  }

  /** Writes down that these may have been sent: an attempt each, which the next one may double. */
  suspect(rows: readonly LostRow[], now: number): void {
    const key = this.#keys[0]?.key ?? '';
    for (const { id, lastAttempt } of rows) {
      const number = lastAttempt + 1;
      this.#write({ id, number, clientRef: refUnder(key, id, number) }, now);
    }
  }

  /** It was decided what happens to the messages that waited. */
  end(): void {
    this.#values.delete(RESTORED);
    this.#mark = null;
  }

  /** The transaction was rolled back: the mark is as it was before it. */
  rolledBack(): void {
    this.#mark = restoredFrom(this.db);
  }

  /** What a client_ref under a key of before a restore is about; null = it is under none. */
  byClientRef(clientRef: string): OldMatch | null {
    const ref = this.#keys.length === 0 ? null : parseRef(clientRef);
    if (ref === null) return null;
    const { messageId: id, attempt: number } = ref;
    const isOurs = this.#keys.some(
      ({ key, lastId }) => id <= lastId && refUnder(key, id, number) === clientRef,
    );
    const row = isOurs ? this.#message(id) : null;
    if (row === null) return null;
    const { messageId, recipient, account } = row;
    const attempt = this.#attempt({ id, number, clientRef });
    /* While a request is out, the last number is its own. */
    if (attempt === null && row.state === 'sending') return null;
    return { messageId, recipient, account, attempt, number, clientRef };
  }

  /** The attempt of a match, written down if it is not known. */
  matched(old: OldMatch, now: number): Match {
    const { messageId, recipient, account, clientRef } = old;
    const match = { messageId, recipient, account };
    if (old.attempt !== null) return { ...match, attempt: old.attempt };
    const last = this.#message(messageId)?.lastAttempt ?? 0;
    const number = Math.max(old.number, last + 1);
    this.#write({ id: messageId, number, clientRef }, now);
    return { ...match, attempt: number };
  }

  #write({ id, number, clientRef }: OldRef, now: number): void {
    this.#insert({ id, number, clientRef, now, beganAt: this.#mark?.at ?? now });
    this.#note(number, number, id);
  }
}
