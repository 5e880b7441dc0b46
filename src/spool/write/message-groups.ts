/**
 * Counts messages that are alike, a slice at a time in the order of their ids: a million rows are counted without a
 * long read, and new rows are found from the last id on.
 */
import type { Alike } from '../../core/stats/message-counts.ts';
import { shown, small } from '../schema/bounded.ts';
import { openSpool } from '../file/open.ts';
import { KeyValues } from '../sql/kv.ts';
import { Statements } from '../sql/statements.ts';
import { deletionsIn } from './retention-deletes.ts';
import { BYTES_MAX, SENDER_MAX } from '../schema/row-rules.ts';

interface Group extends Alike {
  readonly upTo: number;
}

/** Seconds within which rows that wait are alike. */
const SLOT_S = 10;
/** Pages of the file that counting keeps in memory; negative = KiB. */
const CACHE_SIZE = -512;

interface GroupSlice {
  readonly rows: readonly Alike[];
  /** The last id that was looked at. */
  readonly upTo: number;
  /** How many rows were. */
  readonly read: number;
}

/** The next rows, as of one moment. */
export interface CountSnapshot {
  /** How often `prune` has deleted messages: what was counted at another number may be gone. */
  readonly deletions: number;
  /** Null = there are no more rows. */
  readonly found: GroupSlice | null;
}

const DATES = ['created_at', 'send_at', 'next_attempt_at']
  .map((column) => `${small(column)} AS ${column}`)
  .join(', ');

export class MessageGroups extends Statements {
  readonly #values = new KeyValues(this.db);
  /* The daemon's own idea of "since", see `sinceOf`; only rows that wait to be sent are told apart by it. */
  readonly #slice = this.selectAll<[id: number, limit: number], Group>(
    `SELECT account, sender, state, CASE WHEN state IN ('queued','retry') THEN ${SLOT_S} * CAST(
        max(created_at, coalesce(send_at, 0), coalesce(next_attempt_at, 0)) / ${SLOT_S} AS INTEGER)
        ELSE 0 END AS since,
      count(*) AS count, max(id) AS upTo
      FROM (SELECT id, ${shown('account', BYTES_MAX.account)} AS account, ${shown('sender', SENDER_MAX)} AS sender,
          ${small('state')} AS state, ${DATES} FROM messages
        WHERE id > ? ORDER BY id LIMIT +?) GROUP BY 1, 2, 3, 4`,
  );

  /**
   * Over a connection of its own: going through a million rows would push everything else out of the page
   * cache of the one that works, and fill it. Throws SpoolError, and what `isBusy` knows.
   */
  static beside(path: string): MessageGroups {
    const db = openSpool(path, { readonly: true });
    db.pragma(`cache_size = ${CACHE_SIZE}`);
    return new MessageGroups(db);
  }

  close(): void {
    this.db.close();
  }

  /** The next `limit` rows after an id; null = there are none. */
  after(id: number, limit: number): GroupSlice | null {
    const rows = this.#slice(id, limit);
    if (rows.length === 0) return null;
    const upTo = rows.reduce((most, row) => Math.max(most, row.upTo), 0);
    const read = rows.reduce((sum, { count }) => sum + count, 0);
    return { rows, upTo, read };
  }

  /** The next `limit` rows after an id, and how often was pruned before. */
  look(id: number, limit: number): CountSnapshot {
    const look = (): CountSnapshot => ({
      deletions: deletionsIn(this.#values),
      found: this.after(id, limit),
    });
    return this.db.transaction(look)();
  }
}
