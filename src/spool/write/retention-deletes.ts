/**
 * Deletes what is over: final messages with all that hangs on them, events of lanes, requests that were done, idempotency
 * keys; and blanks texts. Everything in slices: a call looks at few rows and says whether there is more. When something is
 * over is the caller's to say. `Pruning` does it on an operator's word, in short transactions between which others work on.
 *
 * Always holds: a message that is not final when its deletion commits is never touched; no event goes that somebody still
 * has to be told of; an id is never used again (AUTOINCREMENT).
 */
import type { Database, Statement } from 'better-sqlite3';
import type { State } from '../../core/message/message.ts';
import { type Content, forget, isForgotten } from '../../core/message/parts.ts';
import type { Archive } from './archive.ts';
import { CONTENT } from '../schema/bounded.ts';
import { pluck } from '../sql/bulk.ts';
import { KeyValues, numberIn } from '../sql/kv.ts';
import { LOST } from './restored.ts';
import { FINAL } from '../schema/schema.ts';

/** Final messages from before an instant, those first that ended first. */
export const OVER = `SELECT id, account, sender, state FROM messages WHERE (${FINAL}) AND updated_at < ?
  ORDER BY updated_at LIMIT +?`;
/** The same from a place on, with what is to be forgotten. */
export const UNFORGOTTEN = `SELECT id, updated_at AS updatedAt, ${CONTENT} FROM messages
  WHERE (${FINAL}) AND updated_at >= @at AND updated_at < @before
  AND (updated_at > @at OR id > @id) ORDER BY updated_at, id LIMIT @limit`;
/** Events of lanes, oldest first: those of messages go with them. */
export const LANE_EVENTS = 'SELECT seq FROM events WHERE message_id IS NULL ORDER BY seq LIMIT +?';
/** When the message ended that ended first. */
export const OLDEST_FINAL = `SELECT min(updated_at) FROM messages WHERE (${FINAL})`;

/** What hangs on a message, in the order in which it goes; the message itself is last. */
const OF_MESSAGE = ['parts', 'attempts', 'receipts', 'events'] as const;

const FORGOTTEN_TO = 'forgotten-to';
/** What is told of events keeps its place in `spool` under a name that ends so. */
const CURSORS = `SELECT name, CAST(value AS INTEGER) AS seq FROM spool WHERE name LIKE '%-cursor'`;

export interface RetentionSlice {
  /** Unix seconds: what ended earlier. */
  readonly before: number;
  readonly limit: number;
  /** Events above this one are still to be told. */
  readonly toldTo: number;
}

export interface Removed {
  readonly id: number;
  readonly account: string | null;
  readonly sender: string | null;
  readonly state: State;
}

export interface Pruned {
  readonly messages: readonly Removed[];
  readonly hasMore: boolean;
}

export interface Forgotten {
  readonly count: number;
  readonly hasMore: boolean;
}

export class MessagePruner {
  readonly #untold: Statement<[number, number], number>;
  readonly #rest: readonly Statement<[number]>[];
  readonly #message: Statement<[number]>;

  constructor(db: Database) {
    this.#untold = pluck(db, 'SELECT 1 FROM events WHERE message_id = ? AND seq > ? LIMIT 1');
    this.#rest = OF_MESSAGE.map((table) =>
      db.prepare<[number]>(`DELETE FROM ${table} WHERE message_id = ?`),
    );
    this.#message = db.prepare<[number]>(`DELETE FROM messages WHERE id = ? AND (${FINAL})`);
  }

  /** Whether every event of the message has been told. */
  isTold(id: number, toldTo: number): boolean {
    return this.#untold.get(id, toldTo) === undefined;
  }

  /** The rows that went with it; 0 = it is not final, or not there. */
  prune(id: number): number {
    const { changes } = this.#message.run(id);
    if (changes === 0) return 0;
    return this.#rest.reduce((sum, statement) => sum + statement.run(id).changes, changes);
  }
}

export class Retention {
  readonly #pruner: MessagePruner;
  readonly #over: Statement<[number, number], Removed>;
  readonly #unforgotten: Statement<
    [Readonly<Record<'at' | 'id' | 'before' | 'limit', number>>],
    Content & { readonly id: number; readonly updatedAt: number }
  >;
  readonly #blank: Statement<[string | null, string | null, string | null, number]>;
  readonly #blankAttempts: Statement<[number]>;
  readonly #events: Statement<[number, number, number]>;
  readonly #control: Statement<[number, number]>;
  readonly #nextKeys: Statement<[unknown, number], { last: unknown; count: number }>;
  readonly #keys: Statement<[unknown, unknown, number]>;
  readonly #cursors: Statement<[], { readonly name: string; readonly seq: number }>;
  readonly #values: KeyValues;

  constructor(db: Database) {
    this.#pruner = new MessagePruner(db);
    this.#over = db.prepare(OVER);
    this.#unforgotten = db.prepare(UNFORGOTTEN);
    this.#blank = db.prepare(
      'UPDATE messages SET text = ?, body = ?, udh = ?, revision = revision + 1 WHERE id = ?',
    );
    /* The gateway's own words may repeat the text. */
    this.#blankAttempts = db.prepare(
      `UPDATE attempts SET error_text = NULL WHERE message_id = ? AND error_text <> '${LOST}'`,
    );
    this.#events = db.prepare(
      `DELETE FROM events WHERE seq IN (${LANE_EVENTS}) AND at < ? AND seq <= ?`,
    );
    this.#control = db.prepare(
      `DELETE FROM control WHERE id IN (SELECT id FROM control ORDER BY id LIMIT +?) AND done_at < ?`,
    );
    this.#nextKeys = db.prepare(
      `SELECT max(key) AS last, count(*) AS count
        FROM (SELECT key FROM keys WHERE key >= ? ORDER BY key LIMIT +?)`,
    );
    this.#keys = db.prepare('DELETE FROM keys WHERE key >= ? AND key <= ? AND used_at < ?');
    this.#cursors = db.prepare(CURSORS);
    this.#values = new KeyValues(db);
  }

  /** The last `seq` that everybody was told of who is told; those in `except` are told no more. */
  toldTo(except: ReadonlySet<string>): number {
    return toldTo(this.#cursors.all(), except);
  }

  /** Deletes final messages; what is still to be told stops it, since later ones are told later. */
  prune({ before, limit, toldTo }: RetentionSlice, rowsMax: number): Pruned {
    const messages: Removed[] = [];
    let rows = 0;
    const over = this.#over.all(before, limit);
    for (const message of over) {
      if (!this.#pruner.isTold(message.id, toldTo)) return { messages, hasMore: false };
      rows += this.#pruner.prune(message.id);
      messages.push(message);
      if (rows >= rowsMax) return { messages, hasMore: true };
    }
    return { messages, hasMore: over.length === limit };
  }

  /** Blanks texts of messages that ended before an instant; goes on where the last call ended. */
  forget(before: number, limit: number): Forgotten {
    const [at = '0', id = '0'] = (this.#values.get(FORGOTTEN_TO) ?? '').split(' ');
    const from = { at: Number(at) || 0, id: Number(id) || 0 };
    const rows = this.#unforgotten.all({ ...from, before, limit });
    let count = 0;
    for (const row of rows) {
      if (isForgotten(row)) continue;
      count += 1;
      const { text, body, udh } = forget(row);
      this.#blank.run(text, body, udh, row.id);
      this.#blankAttempts.run(row.id);
    }
    const last = rows.at(-1);
    if (last !== undefined) this.#values.set(FORGOTTEN_TO, `${last.updatedAt} ${last.id}`);
    return { count, hasMore: rows.length === limit };
  }

  /** Deletes events that belong to no message; true = there may be more. */
  pruneLaneEvents({ before, limit, toldTo }: RetentionSlice): boolean {
    return this.#events.run(limit, before, toldTo).changes === limit;
  }

  /** Deletes requests that were done before an instant; true = there may be more. */
  pruneControl(before: number, limit: number): boolean {
    return this.#control.run(limit, before).changes === limit;
  }

  /**
   * Looks at the next keys from one on ('' = the first) and deletes those that were used before an instant.
   * Returns the last it looked at; null = there are no more. `limit` is at least 2.
   */
  pruneKeys(from: unknown, before: number, limit: number): unknown {
    const { last, count } = this.#nextKeys.get(from, limit) ?? { last: null, count: 0 };
    if (count > 0) this.#keys.run(from, last, before);
    return count < limit ? null : last;
  }
}

/** The last `seq` that everybody was told of, by the cursors that `db` holds. */
export function toldToIn(db: Database, except: ReadonlySet<string>): number {
  return toldTo(db.prepare(CURSORS).all() as readonly Cursor[], except);
}

interface Cursor {
  readonly name: string;
  readonly seq: number;
}

function toldTo(cursors: readonly Cursor[], except: ReadonlySet<string>): number {
  return Math.min(
    Number.MAX_SAFE_INTEGER,
    ...cursors.filter(({ name }) => !except.has(name)).map(({ seq }) => seq),
  );
}

const BATCH = 200;
/** A batch whose messages change just then is copied again, at most this often. */
const TRIES_MAX = 20;

/** In table `spool`: how many deletions there were. */
const DELETIONS = 'pruned-to';

/** How many deletions of this kind the spool has seen. */
export function deletionsIn(values: KeyValues): number {
  return numberIn(values.get(DELETIONS)) ?? 0;
}

export interface PruneOptions {
  /** Unix seconds: what ended earlier. */
  readonly before: number;
  /** Null = deleted for good. */
  readonly archive: Archive | null;
  /** Cursors of those who are told of events no more. */
  readonly notTold: ReadonlySet<string>;
}

/** How many final messages from before an instant there are, by state. */
export function countOver(db: Database, before: number): ReadonlyMap<string, number> {
  const rows = db
    .prepare<[number], { readonly state: string; readonly count: number }>(
      `SELECT state, count(*) AS count FROM messages
        WHERE (${FINAL}) AND updated_at < ? GROUP BY state`,
    )
    .all(before);
  return new Map(rows.map(({ state, count }) => [state, count]));
}

export class Pruning {
  readonly #db: Database;
  readonly #options: PruneOptions;
  readonly #pruner: MessagePruner;
  readonly #values: KeyValues;
  readonly #final: Statement<[string], number>;

  constructor(db: Database, options: PruneOptions) {
    this.#db = db;
    this.#options = options;
    this.#pruner = new MessagePruner(db);
    this.#values = new KeyValues(db);
    this.#final = pluck(
      db,
      `SELECT id FROM messages WHERE (${FINAL}) AND id IN (SELECT value FROM json_each(?))`,
    );
  }

  /** How many messages went; 0 = there are no more that may. */
  batch(): number {
    const { archive } = this.#options;
    for (let tries = 1; tries <= TRIES_MAX; tries += 1) {
      const ids = this.#next();
      if (ids.length === 0) return 0;
      archive?.copy(ids);
      const pruned = this.#delete(ids);
      if (pruned !== null) return pruned;
    }
    throw new Error('messages change faster than they can be archived');
  }

  /* Later ones are told later: where one is still to be told, the rest is, too. */
  #next(): readonly number[] {
    const { before, notTold } = this.#options;
    const ids = this.#db.prepare<[number, number], number>(OVER).pluck().all(before, BATCH);
    const toldTo = toldToIn(this.#db, notTold);
    const untold = ids.findIndex((id) => !this.#pruner.isTold(id, toldTo));
    return untold < 0 ? ids : ids.slice(0, untold);
  }

  /* Null = the archive does not hold them as they are now. */
  #delete(ids: readonly number[]): number | null {
    const { archive } = this.#options;
    const run = this.#db.transaction((): number | null => {
      if (archive !== null && !archive.holds(ids)) return null;
      const gone = this.#final.all(JSON.stringify(ids));
      for (const id of gone) this.#pruner.prune(id);
      if (gone.length > 0) this.#values.set(DELETIONS, String(deletionsIn(this.#values) + 1));
      return gone.length;
    });
    return run.immediate();
  }
}
