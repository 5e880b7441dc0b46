/**
 * Receipts that are about no message of this spool. Anybody may have sent them: the daemon bounds how many it
 * keeps, and the oldest go first.
 */
import type { Database, Statement } from 'better-sqlite3';
import { NO_ATTEMPT } from './receipts.ts';

export interface UnmatchedReceipt {
  readonly id: number;
  /** Unix seconds. */
  readonly received_at: number;
  readonly gateway_id: string | null;
  readonly client_ref: string | null;
  readonly recipient: string | null;
  readonly status: string | null;
  readonly code: number | null;
}

/** The newest first, at most `limit`. */
export function unmatchedReceipts(db: Database, limit: number): readonly UnmatchedReceipt[] {
  const sql = `SELECT id, received_at, gateway_id, client_ref, recipient, status, code FROM receipts
    WHERE message_id IS NULL ORDER BY id DESC LIMIT +?`;
  return db.prepare<[number], UnmatchedReceipt>(sql).all(limit);
}

export function countUnmatched(db: Database): number {
  const sql = 'SELECT count(*) FROM receipts WHERE message_id IS NULL';
  return db.prepare<[], number>(sql).pluck().get() ?? 0;
}

/** One that may be joined with an attempt when its answer names this part. */
export interface JoinableReceipt {
  readonly id: number;
  readonly gatewayId: string;
  readonly recipient: string | null;
}

/** What was deleted. */
export interface DroppedReceipt {
  readonly id: number;
  readonly gatewayId: string | null;
  readonly bytes: number;
}

/** What is kept of them. */
export interface Stock {
  readonly rows: number;
  readonly bytes: number;
}

const BYTES = ['gateway_id', 'client_ref', 'recipient', 'status', 'network', 'raw']
  .map((column) => `coalesce(octet_length(${column}), 0)`)
  .join(' + ');

/** Of the daemon. */
export class Unmatched {
  readonly #isKnown: Statement<[string], number>;
  readonly #joinable: Statement<[], JoinableReceipt>;
  readonly #stock: Statement<[], Stock>;
  readonly #prune: Statement<[number, number]>;
  readonly #dropOldest: Statement<[number], DroppedReceipt>;

  constructor(db: Database) {
    const unmatched = 'FROM receipts INDEXED BY receipts_unmatched WHERE message_id IS NULL';
    this.#isKnown = db
      .prepare<[string], number>(
        'SELECT 1 FROM receipts WHERE message_id IS NULL AND digest = ? LIMIT 1',
      )
      .pluck();
    this.#joinable = db.prepare(
      `SELECT id, gateway_id AS gatewayId, recipient ${unmatched} AND gateway_id IS NOT NULL
        AND attempt = ${NO_ATTEMPT}`,
    );
    this.#stock = db.prepare(`SELECT count(*) AS rows, total(${BYTES}) AS bytes ${unmatched}`);
    this.#prune = db.prepare(
      `DELETE FROM receipts WHERE id IN (SELECT id ${unmatched} AND received_at < ? LIMIT +?)`,
    );
    this.#dropOldest = db.prepare(
      `DELETE FROM receipts WHERE id IN (SELECT id FROM receipts WHERE message_id IS NULL
        ORDER BY received_at LIMIT +?)
        RETURNING id, gateway_id AS gatewayId, ${BYTES} AS bytes`,
    );
  }

  /** Whether one that says the same is kept already. */
  isKnown(digest: string): boolean {
    return this.#isKnown.get(digest) !== undefined;
  }

  joinable(): readonly JoinableReceipt[] {
    return this.#joinable.all();
  }

  stock(): Stock {
    return this.#stock.get() ?? { rows: 0, bytes: 0 };
  }

  /** Deletes those from before `before` (Unix seconds), at most `limit`; returns how many. */
  prune(before: number, limit: number): number {
    return this.#prune.run(before, limit).changes;
  }

  /** Deletes the oldest, at most `limit`. */
  dropOldest(limit: number): readonly DroppedReceipt[] {
    return this.#dropOldest.all(limit);
  }
}
