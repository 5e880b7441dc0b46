/**
 * Receipts: kept as they came, each with the attempt it is about, or unmatched. Which message one is about is
 * looked up here; what follows from it is decided in core/reconcile.
 *
 * Always holds: parts.receipt_* only repeats what `receipts` holds, so that everything can be folded anew.
 * The index on the gateway's random ids costs the drain 9 µs a message and is made when it is first needed.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Database, Statement } from 'better-sqlite3';
import type { Receipt } from '../core/receipt.ts';
import { comparedForm } from '../core/recipient.ts';

/** Makes the index, once it is needed. */
export const PARTS_BY_GATEWAY_ID =
  'CREATE INDEX IF NOT EXISTS parts_gateway_id ON parts(gateway_id) WHERE gateway_id IS NOT NULL';

/** An attempt as far as a receipt can name it. */
export interface Match {
  readonly messageId: number;
  readonly attempt: number;
  readonly recipient: string;
  /** As the row names it; null = the default account. */
  readonly account: string | null;
}

export interface UnmatchedRow {
  readonly id: number;
  readonly gatewayId: string;
  readonly recipient: string | null;
}

/** In `attempt` of an unmatched receipt: it is joined when an answer tells of its part. */
const NO_ATTEMPT = 0;

/** What a client_ref says it is about, unproven; null = it is none of ours. */
export function parseRef(clientRef: string): { messageId: number; attempt: number } | null {
  const [, id, number] = REF.exec(clientRef) ?? [];
  if (id === undefined || number === undefined) return null;
  const [messageId, attempt] = [parseInt(id, 36), parseInt(number, 36)];
  return Number.isSafeInteger(messageId) ? { messageId, attempt } : null;
}

const REF = /^([0-9a-z]{1,11})\.([0-9a-z]{1,6})\.([0-9a-f]{20})$/;

export class Receipts {
  readonly #db: Database;
  readonly #refOf: (messageId: number, number: number) => string;
  readonly #attempt: Statement<[number, number], Match>;
  readonly #insert: Statement;
  readonly #known: Statement<[number, string], number>;
  readonly #knownUnmatched: Statement<[string], number>;
  readonly #unmatched: Statement<[], UnmatchedRow>;
  readonly #adopt: Statement<[number, number, number, string]>;
  readonly #prune: Statement<[number, number]>;
  readonly #count: Statement<[], number>;
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
    this.#known = db
      .prepare<[number, string], number>(
        'SELECT 1 FROM receipts WHERE message_id = ? AND digest = ? LIMIT 1',
      )
      .pluck();
    this.#knownUnmatched = db
      .prepare<[string], number>(
        'SELECT 1 FROM receipts WHERE message_id IS NULL AND digest = ? LIMIT 1',
      )
      .pluck();
    const unmatched = 'FROM receipts INDEXED BY receipts_unmatched WHERE message_id IS NULL';
    this.#unmatched = db.prepare(
      `SELECT id, gateway_id AS gatewayId, recipient ${unmatched} AND gateway_id IS NOT NULL
        AND attempt = ${NO_ATTEMPT}`,
    );
    this.#count = db.prepare<[], number>(`SELECT count(*) ${unmatched}`).pluck();
    this.#adopt = db.prepare(
      `UPDATE receipts SET message_id = ?, attempt = ? WHERE id = ? AND message_id IS NULL
        AND (recipient IS NULL OR recipient = ?)`,
    );
    this.#prune = db.prepare(
      `DELETE FROM receipts WHERE id IN (SELECT id ${unmatched} AND received_at < ? LIMIT +?)`,
    );
    this.#hasAny = db
      .prepare<[number], number>('SELECT 1 FROM receipts WHERE message_id = ? LIMIT 1')
      .pluck();
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

  /** Whether a receipt that says the same is kept already; `messageId` null = an unmatched one. */
  isKnown(messageId: number | null, digest: string): boolean {
    const row =
      messageId === null ? this.#knownUnmatched.get(digest) : this.#known.get(messageId, digest);
    return row !== undefined;
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

  /** An unmatched receipt turned out to be about this attempt; false = it names another recipient. */
  adopt(receiptId: number, about: Omit<Match, 'account'>): boolean {
    const { messageId, attempt, recipient } = about;
    return this.#adopt.run(messageId, attempt, receiptId, comparedForm(recipient)).changes > 0;
  }

  /** Unmatched receipts that name a part. */
  unmatched(): readonly UnmatchedRow[] {
    return this.#unmatched.all();
  }

  countUnmatched(): number {
    return this.#count.get() ?? 0;
  }

  /** Deletes unmatched receipts from before `before` (Unix seconds), at most `limit`; returns how many. */
  pruneUnmatched(before: number, limit: number): number {
    return this.#prune.run(before, limit).changes;
  }

  /** Whether any receipt is about this message. */
  hasAny(messageId: number): boolean {
    return this.#hasAny.get(messageId) !== undefined;
  }

  /** The step was rolled back: an index that it made is gone. */
  distrust(): void {
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
