/**
 * Deletes what is over: final messages with all that hangs on them, events of lanes, requests that were done, idempotency
 * keys; and blanks texts. A call looks at few rows and says whether there are more; the caller says when something is over.
 * `Pruning` deletes for an operator, in short transactions.
 *
 * Always holds: a message that is not final when its deletion commits is never touched; no event goes that somebody has
 * yet to be told; an id is never used again (AUTOINCREMENT).
 */
import type { Database } from 'better-sqlite3';
import type { State } from '../../core/message/message.ts';
import { type Content, forget, isForgotten } from '../../core/message/parts.ts';
import type { Archive } from './archive.ts';
import { CONTENT } from '../schema/bounded.ts';
import { KeyValues, numberIn } from '../sql/kv.ts';
import { Statements } from '../sql/statements.ts';
import { LOST } from './restored.ts';
import { FINAL } from '../schema/schema.ts';

/** Final messages from before an instant, those first that ended first. */
export const OVER = `SELECT id, account, sender, state FROM messages WHERE (${FINAL}) AND updated_at < ?
  ORDER BY updated_at LIMIT +?`;
/** The same from a place on, with what is to be forgotten. */
const UNFORGOTTEN = `SELECT id, updated_at AS updatedAt, ${CONTENT} FROM messages
  WHERE (${FINAL}) AND updated_at >= @at AND updated_at < @before
  AND (updated_at > @at OR id > @id) ORDER BY updated_at, id LIMIT @limit`;
/** Events of lanes, oldest first: those of messages go with them. */
const LANE_EVENTS = 'SELECT seq FROM events WHERE message_id IS NULL ORDER BY seq LIMIT +?';
/** When the message ended that ended first. */
export const OLDEST_FINAL = `SELECT min(updated_at) FROM messages WHERE (${FINAL})`;

/** What hangs on a message, in the order in which it goes; the message itself is last. */
const OF_MESSAGE = ['parts', 'attempts', 'receipts', 'events'] as const;

const FORGOTTEN_TO = 'forgotten-to';
/** A name in `spool` that ends so has the last `seq` that somebody was told. */
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

class MessageDeletes extends Statements {
  readonly #cursors = this.selectAll<[], { readonly name: string; readonly seq: number }>(CURSORS);
  readonly #untold = this.exists<[id: number, toldTo: number]>(
    'SELECT 1 FROM events WHERE message_id = ? AND seq > ? LIMIT 1',
  );
  readonly #rest = OF_MESSAGE.map((table) =>
    this.run<[id: number]>(`DELETE FROM ${table} WHERE message_id = ?`),
  );
  readonly #message = this.run<[id: number]>(`DELETE FROM messages WHERE id = ? AND (${FINAL})`);
  protected readonly values = new KeyValues(this.db);

  /** The last `seq` that everybody was told but those in `except`, who are told nothing more. */
  toldTo(except: ReadonlySet<string>): number {
    const told = this.#cursors().filter(({ name }) => !except.has(name));
    return Math.min(Number.MAX_SAFE_INTEGER, ...told.map(({ seq }) => seq));
  }

  /** Whether every event of the message has been told. */
  protected isTold(id: number, toldTo: number): boolean {
    return !this.#untold(id, toldTo);
  }

  /** Deletes a message; returns how many rows went with it, 0 = it is not final, or not there. */
  protected remove(id: number): number {
    const changes = this.#message(id);
    if (changes === 0) return 0;
    return this.#rest.reduce((sum, remove) => sum + remove(id), changes);
  }
}

export class Retention extends MessageDeletes {
  readonly #over = this.selectAll<[before: number, limit: number], Removed>(OVER);
  readonly #unforgotten = this.selectAll<
    [Readonly<Record<'at' | 'id' | 'before' | 'limit', number>>],
    Content & { readonly id: number; readonly updatedAt: number }
  >(UNFORGOTTEN);
  readonly #blank = this.run<[Pick<Content, 'text' | 'body' | 'udh'> & { readonly id: number }]>(
    `UPDATE messages SET text = @text, body = @body, udh = @udh, revision = revision + 1
      WHERE id = @id`,
  );
  /* The gateway's own words may repeat the text. */
  readonly #blankAttempts = this.run<[id: number]>(
    `UPDATE attempts SET error_text = NULL WHERE message_id = ? AND error_text <> '${LOST}'`,
  );
  readonly #events = this.run<[limit: number, before: number, toldTo: number]>(
    `DELETE FROM events WHERE seq IN (${LANE_EVENTS}) AND at < ? AND seq <= ?`,
  );
  readonly #control = this.run<[limit: number, before: number]>(
    `DELETE FROM control WHERE id IN (SELECT id FROM control ORDER BY id LIMIT +?) AND done_at < ?`,
  );
  readonly #nextKeys = this.selectFirst<
    [from: unknown, limit: number],
    { readonly last: unknown; readonly count: number }
  >(
    `SELECT max(key) AS last, count(*) AS count
      FROM (SELECT key FROM keys WHERE key >= ? ORDER BY key LIMIT +?)`,
  );
  readonly #keys = this.run<[from: unknown, to: unknown, before: number]>(
    'DELETE FROM keys WHERE key >= ? AND key <= ? AND used_at < ?',
  );

  /** Deletes final messages; what is still to be told stops it, since later ones are told later. */
  prune(
    { before, limit, toldTo }: RetentionSlice,
    rowsMax: number,
  ): { readonly messages: readonly Removed[]; readonly hasMore: boolean } {
    const messages: Removed[] = [];
    let rows = 0;
    const over = this.#over(before, limit);
    for (const message of over) {
      if (!this.isTold(message.id, toldTo)) return { messages, hasMore: false };
      rows += this.remove(message.id);
      messages.push(message);
      if (rows >= rowsMax) return { messages, hasMore: true };
    }
    return { messages, hasMore: over.length === limit };
  }

  /** Blanks texts of messages that ended before an instant; goes on where the last call ended. */
  forget(before: number, limit: number): { readonly count: number; readonly hasMore: boolean } {
    const [at = '0', id = '0'] = (this.values.get(FORGOTTEN_TO) ?? '').split(' ');
    const from = { at: Number(at) || 0, id: Number(id) || 0 };
    const rows = this.#unforgotten({ ...from, before, limit });
    let count = 0;
    for (const row of rows) {
      if (isForgotten(row)) continue;
      count += 1;
      const { text, body, udh } = forget(row);
      this.#blank({ text, body, udh, id: row.id });
      this.#blankAttempts(row.id);
    }
    const last = rows.at(-1);
    if (last !== undefined) this.values.set(FORGOTTEN_TO, `${last.updatedAt} ${last.id}`);
    return { count, hasMore: rows.length === limit };
  }

  /** Deletes events that belong to no message; true = there may be more. */
  pruneLaneEvents({ before, limit, toldTo }: RetentionSlice): boolean {
    return this.#events(limit, before, toldTo) === limit;
  }

  /** Deletes requests that were done before an instant; true = there may be more. */
  pruneControl(before: number, limit: number): boolean {
    return this.#control(limit, before) === limit;
  }

  /**
   * Looks at the next keys from one on ('' = the first) and deletes those that were used before an instant.
   * Returns the last it looked at; null = there are no more. `limit` is at least 2.
   */
  pruneKeys(from: unknown, before: number, limit: number): unknown {
    const { last, count } = this.#nextKeys(from, limit) ?? { last: null, count: 0 };
    if (count > 0) this.#keys(from, last, before);
    return count < limit ? null : last;
  }
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

/** How many final messages from before an instant there are, by state. */
export function countOver(db: Database, before: number): ReadonlyMap<string, number> {
  const sql = `SELECT state, count(*) FROM messages WHERE (${FINAL}) AND updated_at < ? GROUP BY state`;
  return new Map(db.prepare<[number], [string, number]>(sql).raw().all(before));
}

interface PruneOptions {
  /** Unix seconds: what ended earlier. */
  readonly before: number;
  /** Null = deleted for good. */
  readonly archive: Archive | null;
  /** Cursors of those who are told nothing more. */
  readonly notTold: ReadonlySet<string>;
}

export class Pruning extends MessageDeletes {
  readonly #options: PruneOptions;
  readonly #over = this.pluckAll<[before: number, limit: number], number>(OVER);

  constructor(db: Database, options: PruneOptions) {
    super(db);
    this.#options = options;
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

  /* Later events are told later: where one is still to be told, the rest is, too. */
  #next(): readonly number[] {
    const { before, notTold } = this.#options;
    const ids = this.#over(before, BATCH);
    const toldTo = this.toldTo(notTold);
    const untold = ids.findIndex((id) => !this.isTold(id, toldTo));
    return untold < 0 ? ids : ids.slice(0, untold);
  }

  /* Null = the archive does not hold them as they are now. */
  #delete(ids: readonly number[]): number | null {
    const { archive } = this.#options;
    const run = this.db.transaction((): number | null => {
      if (archive !== null && !archive.holds(ids)) return null;
      const count = ids.filter((id) => this.remove(id) > 0).length;
      if (count > 0) this.values.set(DELETIONS, String(deletionsIn(this.values) + 1));
      return count;
    });
    return run.immediate();
  }
}
