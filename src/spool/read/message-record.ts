/**
 * Reads one message: its row and everything that the daemon and the gateway wrote about it, all of one moment (one read
 * transaction, which ends before this returns).
 */
import type { Database } from 'better-sqlite3';
import { messageOf, type MessageRow } from './queries.ts';

export interface AttemptRecord {
  readonly number: number;
  readonly began_at: number;
  readonly ended_at: number | null;
  readonly client_ref: string;
  readonly follows: number | null;
  readonly http_status: number | null;
  readonly status: number | null;
  readonly error_text: string | null;
  readonly trace_id: string | null;
  readonly route: string | null;
  readonly scope: string | null;
}

export interface PartRecord {
  readonly attempt: number;
  readonly number: number;
  readonly gateway_id: string | null;
  readonly status: number | null;
  readonly price: number | null;
  readonly network: string | null;
  readonly receipt_status: string | null;
  readonly receipt_code: number | null;
  readonly receipt_at: number | null;
}

export interface ReceiptRecord {
  readonly received_at: number;
  /** Null = it is not known which. */
  readonly attempt: number | null;
  readonly gateway_id: string | null;
  readonly status: string | null;
  readonly code: number | null;
  readonly price: number | null;
}

export interface EventRecord {
  readonly seq: number;
  readonly at: number;
  readonly event: string;
  readonly from_state: string | null;
  readonly to_state: string | null;
  readonly reason: string | null;
  readonly attempt: number | null;
}

export interface MessageRecord {
  readonly message: MessageRow;
  readonly attempts: readonly AttemptRecord[];
  readonly parts: readonly PartRecord[];
  readonly receipts: readonly ReceiptRecord[];
  readonly events: readonly EventRecord[];
}

/** Null when there is no message of that id. */
export function messageRecordOf(db: Database, id: number): MessageRecord | null {
  return db.transaction((): MessageRecord | null => {
    const message = messageOf(db, id);
    if (message === null) return null;
    return {
      message,
      attempts: db
        .prepare<[number], AttemptRecord>(
          `SELECT number, began_at, ended_at, client_ref, follows, http_status, status, error_text,
           trace_id, route, scope
         FROM attempts WHERE message_id = ? ORDER BY number`,
        )
        .all(id),
      parts: db
        .prepare<[number], PartRecord>(
          `SELECT attempt, number, gateway_id, status, price, network, receipt_status, receipt_code,
           receipt_at
         FROM parts WHERE message_id = ? ORDER BY attempt, number`,
        )
        .all(id),
      receipts: db
        .prepare<[number], ReceiptRecord>(
          `SELECT received_at, attempt, gateway_id, status, code, price
         FROM receipts WHERE message_id = ? ORDER BY id`,
        )
        .all(id),
      events: db
        .prepare<[number], EventRecord>(
          `SELECT seq, at, event, from_state, to_state, reason, attempt
         FROM events WHERE message_id = ? ORDER BY seq`,
        )
        .all(id),
    };
  })();
}
