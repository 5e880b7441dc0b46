/** Receipts that are about no message of this spool: what `list --unmatched` and `stats` show of them. */
import type { Database } from 'better-sqlite3';

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
