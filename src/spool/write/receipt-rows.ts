/**
 * Receipts: kept as they came, each with the attempt it is about, or unmatched. Which message one is about is
 * looked up here; what follows from it is decided in core/receipt/reconcile.
 *
 * Always holds: parts.receipt_* only repeats what `receipts` holds, so that everything can be folded anew.
 * The index on the gateway's random ids costs the drain 9 µs a message and is made when it is first needed.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Database, Statement } from 'better-sqlite3';
import type { Receipt } from '../../core/receipt/receipt.ts';
import { pluck } from '../sql/bulk.ts';
import { PARTS_BY_GATEWAY_ID } from '../schema/schema.ts';

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

/** In `attempt` of an unmatched receipt: it is joined when an answer tells of its part. */
export const NO_ATTEMPT = 0;

/** What a client_ref says it is about, unproven; null = it is none of ours. */
export function parseRef(clientRef: string): { messageId: number; attempt: number } | null {
  const [, id, number] = REF.exec(clientRef) ?? [];
  if (id === undefined || number === undefined) return null;
  const [messageId, attempt] = [parseInt(id, 36), parseInt(number, 36)];
  return Number.isSafeInteger(messageId) ? { messageId, attempt } : null;
}

const REF = /^([0-9a-z]{1,11})\.([0-9a-z]{1,6})\.([0-9a-f]{20})$/;

export class ReceiptRows {
  readonly #db: Database;
  readonly #refOf: (messageId: number, number: number) => string;
  readonly #attempt: Statement<[number, number], Match>;
  readonly #insert: Statement;
  readonly #kept: Statement<[string, number, number], { count: number; isKnown: number | null }>;
  readonly #says: Statement<[number, number, ...(string | number | null)[]], number>;
  readonly #parts: Statement<[number, number], number>;
  readonly #adopt: Statement<[number, number, number]>;
  readonly #hasAny: Statement<[number], number>;
  #part: Statement<[string], Match> | null = null;

  /** `refOf` makes the client_ref of an attempt: what comes back must be the same. */
  constructor(db: Database, refOf: (messageId: number, number: number) => string) {
    this.#db = db;
    this.#refOf = refOf;
    this.#attempt = db.prepare(
      `SELECT messages.id AS messageId, number AS attempt, CAST(recipient AS TEXT) AS recipient, account
        FROM attempts JOIN messages ON messages.id = message_id WHERE message_id = ? AND number = ?`,
    );
    this.#insert = db.prepare(
      `INSERT INTO receipts (received_at, gateway_id, client_ref, status, code, message_id, raw, attempt,
        recipient, price, network, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#kept = db.prepare(
      `SELECT count(*) AS count, max(digest = ?) AS isKnown FROM receipts
        WHERE message_id = ? AND attempt = ?`,
    );
    this.#says = db
      .prepare<[number, number, ...(string | number | null)[]], number>(
        `SELECT 1 FROM receipts WHERE message_id = ? AND attempt = ? AND gateway_id IS +?
          AND status IS +? AND code IS +? LIMIT 1`,
      )
      .pluck();
    this.#parts = pluck(db, 'SELECT count(*) FROM parts WHERE message_id = ? AND attempt = ?');
    this.#adopt = db.prepare(
      'UPDATE receipts SET message_id = ?, attempt = ? WHERE id = ? AND message_id IS NULL',
    );
    this.#hasAny = pluck(db, 'SELECT 1 FROM receipts WHERE message_id = ? LIMIT 1');
  }

  /** The attempt that a client_ref names and proves by its tag; null = it is not one of ours, or is pruned. */
  byClientRef(clientRef: string): Match | null {
    const ref = parseRef(clientRef);
    if (ref === null) return null;
    const { messageId, attempt } = ref;
    const ours = Buffer.from(this.#refOf(messageId, attempt));
    const theirs = Buffer.from(clientRef);
    if (ours.length !== theirs.length || !timingSafeEqual(ours, theirs)) return null;
    return this.#attempt.get(messageId, attempt) ?? null;
  }

  /** The attempt with a part of this id; null = none that is known yet. The first call makes the index. */
  byGatewayId(gatewayId: string): Match | null {
    this.#part ??= this.#preparePart();
    return this.#part.get(gatewayId) ?? null;
  }

  kept({ messageId, attempt }: Pick<Match, 'messageId' | 'attempt'>, digest: string): Kept {
    const row = this.#kept.get(digest, messageId, attempt);
    return { count: row?.count ?? 0, isKnown: row?.isKnown === 1 };
  }

  /**
   * Whether the attempt has as many receipts as are kept, of which there are `count`. `predictedParts` is asked
   * only when there are many: no answer may have told how many parts there are.
   */
  isFull(
    { messageId, attempt }: Pick<Match, 'messageId' | 'attempt'>,
    count: number,
    predictedParts: () => number,
  ): boolean {
    if (count < PER_ATTEMPT_MAX) return false;
    const parts = this.#parts.get(messageId, attempt) ?? 0;
    return count >= Math.max(parts, predictedParts()) * PER_PART_MAX;
  }

  /** Whether a receipt with the same word about the same part is kept, whatever else it says. */
  hasWord({ messageId, attempt }: Match, { gatewayId, status, code }: Receipt): boolean {
    return this.#says.get(messageId, attempt, gatewayId, status, code) !== undefined;
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

  /** An unmatched receipt turned out to be about this attempt; false = it is not there any more. */
  adopt(receiptId: number, { messageId, attempt }: Pick<Match, 'messageId' | 'attempt'>): boolean {
    return this.#adopt.run(messageId, attempt, receiptId).changes > 0;
  }

  hasAny(messageId: number): boolean {
    return this.#hasAny.get(messageId) !== undefined;
  }

  /** An index that the transaction made is gone. */
  rolledBack(): void {
    this.#part = null;
  }

  #preparePart(): Statement<[string], Match> {
    this.#db.exec(PARTS_BY_GATEWAY_ID);
    return this.#db.prepare(
      `SELECT messages.id AS messageId, attempt, CAST(recipient AS TEXT) AS recipient, account
        FROM parts JOIN messages ON messages.id = message_id WHERE gateway_id = ? LIMIT 1`,
    );
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

export class UnmatchedRows {
  readonly #isKnown: Statement<[string], number>;
  readonly #joinable: Statement<[], JoinableReceipt>;
  readonly #stock: Statement<[], Stock>;
  readonly #prune: Statement<[number, number]>;
  readonly #dropOldest: Statement<[number], DroppedReceipt>;

  constructor(db: Database) {
    const unmatched = 'FROM receipts INDEXED BY receipts_unmatched WHERE message_id IS NULL';
    this.#isKnown = pluck(
      db,
      'SELECT 1 FROM receipts WHERE message_id IS NULL AND digest = ? LIMIT 1',
    );
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
