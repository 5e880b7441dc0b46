/**
 * Prunes on an operator's word: final messages from before an instant, deleted or moved to an archive, batch by
 * batch, each a short transaction, so that the daemon and other programs work on between them.
 *
 * Always holds: only what is final when its deletion commits is deleted, and each deletion counts up a number in the
 * spool, by which a daemon knows that its counts are out of date; what is still to be told stays.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { Archive } from './archive.ts';
import { FINAL } from './schema.ts';
import { numberIn, KeyValues } from './kv.ts';
import { MessagePruner, OVER, toldToIn } from './retention.ts';

/** Messages of one transaction. */
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
    this.#final = db
      .prepare<[string], number>(
        `SELECT id FROM messages WHERE (${FINAL}) AND id IN (SELECT value FROM json_each(?))`,
      )
      .pluck();
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
