/**
 * Keeps receipts as they came, each with the attempt it is about, or unmatched. Looks up which message one is about;
 * core/receipt/reconcile decides what follows from it.
 *
 * Always holds: parts.receipt_* only repeats what `receipts` holds, so that everything can be folded again.
 * The index on the gateway's random ids costs the drain 9 µs a message and is made when it is first needed.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Database, Statement } from 'better-sqlite3';
import type { Receipt } from '../../core/receipt/receipt.ts';
import { PARTS_BY_GATEWAY_ID } from '../schema/schema.ts';
import { KeyValues, TAG_KEY } from '../sql/kv.ts';
import { Statements } from '../sql/statements.ts';
import { refUnder } from './claims.ts';

/** An attempt as far as a receipt can name it. */
export interface Match {
  readonly messageId: number;
  readonly attempt: number;
  readonly recipient: string;
  /** As the row names it; null = the default account. */
  readonly account: string | null;
}

export interface Kept {
  readonly count: number;
  /** Whether one of them says the same. */
  readonly isKnown: boolean;
}

/** The number of receipts that are kept about an attempt, or per part if that is more. */
const PER_ATTEMPT_MAX = 16;
const PER_PART_MAX = 4;

/** In `attempt` of an unmatched receipt: it is joined when an answer names its part. */
const NO_ATTEMPT = 0;

/** What a client_ref says it is about, unproven; null = it does not have our form. */
export function parseRef(clientRef: string): { messageId: number; attempt: number } | null {
  const [, id, number] = REF.exec(clientRef) ?? [];
  if (id === undefined || number === undefined) return null;
  const [messageId, attempt] = [parseInt(id, 36), parseInt(number, 36)];
  return Number.isSafeInteger(messageId) ? { messageId, attempt } : null;
}

const REF = /^([0-9a-z]{1,11})\.([0-9a-z]{1,6})\.([0-9a-f]{20})$/;

/** An attempt, as a receipt names it. */
type AttemptKey = Pick<Match, 'messageId' | 'attempt'>;
type AttemptValues = [messageId: number, attempt: number];

/** The columns of a `Match` but for the attempt. */
const MATCHED = 'messages.id AS messageId, CAST(recipient AS TEXT) AS recipient, account';

export class ReceiptRows extends Statements {
  readonly #attempt = this.selectFirst<AttemptValues, Match>(
    `SELECT ${MATCHED}, number AS attempt
      FROM attempts JOIN messages ON messages.id = message_id WHERE message_id = ? AND number = ?`,
  );
  readonly #insert: Statement = this.db.prepare(
    `INSERT INTO receipts (received_at, gateway_id, client_ref, status, code, message_id, raw, attempt,
      recipient, price, network, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  readonly #kept = this.selectFirst<
    [digest: string, ...AttemptValues],
    { readonly count: number; readonly isKnown: number | null }
  >(
    `SELECT count(*) AS count, max(digest = ?) AS isKnown FROM receipts
      WHERE message_id = ? AND attempt = ?`,
  );
  readonly #says = this.exists<[...AttemptValues, ...(string | number | null)[]]>(
    `SELECT 1 FROM receipts WHERE message_id = ? AND attempt = ? AND gateway_id IS +?
      AND status IS +? AND code IS +? LIMIT 1`,
  );
  readonly #parts = this.count<AttemptValues>(
    'SELECT count(*) FROM parts WHERE message_id = ? AND attempt = ?',
  );
  readonly #adopt = this.run<[...AttemptValues, receiptId: number]>(
    'UPDATE receipts SET message_id = ?, attempt = ? WHERE id = ? AND message_id IS NULL',
  );
  readonly hasAny = this.exists<[messageId: number]>(
    'SELECT 1 FROM receipts WHERE message_id = ? LIMIT 1',
  );
  readonly #tagKey = new KeyValues(this.db).get(TAG_KEY) ?? '';
  #ofPart: ((gatewayId: string) => Match | null) | null = null;

  /** The attempt that a client_ref names and proves by its tag; null = it is not one of ours, or is pruned. */
  byClientRef(clientRef: string): Match | null {
    const ref = parseRef(clientRef);
    if (ref === null) return null;
    const { messageId, attempt } = ref;
    const ours = Buffer.from(refUnder(this.#tagKey, messageId, attempt));
    const theirs = Buffer.from(clientRef);
    if (ours.length !== theirs.length || !timingSafeEqual(ours, theirs)) return null;
    return this.#attempt(messageId, attempt);
  }

  /** The attempt with a part of this id; null = none that is known yet. The first call makes the index. */
  byGatewayId(gatewayId: string): Match | null {
    this.#ofPart ??= this.#prepareOfPart();
    return this.#ofPart(gatewayId);
  }

  #prepareOfPart(): (gatewayId: string) => Match | null {
    this.db.exec(PARTS_BY_GATEWAY_ID);
    return this.selectFirst<[gatewayId: string], Match>(
      `SELECT ${MATCHED}, attempt
        FROM parts JOIN messages ON messages.id = message_id WHERE gateway_id = ? LIMIT 1`,
    );
  }

  kept({ messageId, attempt }: AttemptKey, digest: string): Kept {
    const row = this.#kept(digest, messageId, attempt);
    return { count: row?.count ?? 0, isKnown: row?.isKnown === 1 };
  }

  /**
   * Whether the attempt has as many receipts as are kept, of which there are `count`. `predictedParts` is asked
   * only when there are many: no answer may have told how many parts there are.
   */
  isFull({ messageId, attempt }: AttemptKey, count: number, predictedParts: () => number): boolean {
    if (count < PER_ATTEMPT_MAX) return false;
    return count >= Math.max(this.#parts(messageId, attempt), predictedParts()) * PER_PART_MAX;
  }

  /** Whether a receipt with the same word about the same part is kept, whatever else it says. */
  hasWord({ messageId, attempt }: Match, { gatewayId, status, code }: Receipt): boolean {
    return this.#says(messageId, attempt, gatewayId, status, code);
  }

  /** Keeps a receipt; `match` null = unmatched, and `mayJoin` = an answer may tell whose. Returns its id. */
  keep(receipt: Receipt, match: Match | null, mayJoin = false): number {
    const { lastInsertRowid } = this.#insert.run(
      receipt.receivedAt,
      receipt.gatewayId,
      receipt.clientRef,
      receipt.status,
      receipt.code,
      match?.messageId ?? null,
      receipt.raw,
      match?.attempt ?? (mayJoin ? NO_ATTEMPT : null),
      receipt.recipient,
      receipt.price,
      receipt.network,
      receipt.digest,
    );
    return Number(lastInsertRowid);
  }

  /** An unmatched receipt turned out to be about this attempt; false = it was deleted since. */
  adopt(receiptId: number, { messageId, attempt }: AttemptKey): boolean {
    return this.#adopt(messageId, attempt, receiptId) > 0;
  }

  /** An index that the transaction made is gone. */
  rolledBack(): void {
    this.#ofPart = null;
  }
}

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

export interface DroppedReceipt {
  readonly id: number;
  readonly gatewayId: string | null;
  readonly bytes: number;
}

export interface Stock {
  readonly rows: number;
  readonly bytes: number;
}

const BYTES = ['gateway_id', 'client_ref', 'recipient', 'status', 'network', 'raw']
  .map((column) => `coalesce(octet_length(${column}), 0)`)
  .join(' + ');

const UNMATCHED = 'FROM receipts INDEXED BY receipts_unmatched WHERE message_id IS NULL';

export class UnmatchedRows extends Statements {
  /** Whether one that says the same is kept already. */
  readonly isKnown = this.exists<[digest: string]>(
    'SELECT 1 FROM receipts WHERE message_id IS NULL AND digest = ? LIMIT 1',
  );
  readonly joinable = this.selectAll<[], JoinableReceipt>(
    `SELECT id, gateway_id AS gatewayId, recipient ${UNMATCHED} AND gateway_id IS NOT NULL
      AND attempt = ${NO_ATTEMPT}`,
  );
  /** Deletes those from before `before` (Unix seconds), at most `limit`; returns how many. */
  readonly prune = this.run<[before: number, limit: number]>(
    `DELETE FROM receipts WHERE id IN (SELECT id ${UNMATCHED} AND received_at < ? LIMIT +?)`,
  );
  /** Deletes the oldest, at most `limit`. */
  readonly dropOldest = this.selectAll<[limit: number], DroppedReceipt>(
    `DELETE FROM receipts WHERE id IN (SELECT id FROM receipts WHERE message_id IS NULL
      ORDER BY received_at LIMIT +?)
      RETURNING id, gateway_id AS gatewayId, ${BYTES} AS bytes`,
  );
  readonly #stock = this.selectFirst<[], Stock>(
    `SELECT count(*) AS rows, total(${BYTES}) AS bytes ${UNMATCHED}`,
  );

  stock(): Stock {
    return this.#stock() ?? { rows: 0, bytes: 0 };
  }
}
