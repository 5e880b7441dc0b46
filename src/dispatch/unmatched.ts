/**
 * Keeps receipts that are about no message of ours, for a week: one that came before its answer is joined when
 * the answer comes. Anybody may have sent them.
 *
 * Always holds: how many are kept, how many bytes they have and how many are written a second is bounded; the
 * oldest go first. What is beyond the rate is not stored, so that the gateway brings it again.
 */
import type { Receipt } from '../core/receipt.ts';
import type { Spool } from '../spool/spool.ts';
import type { Stock } from '../spool/unmatched.ts';
import type { Reconciler } from './reconciler.ts';
import type { Work } from './work.ts';

/** What is kept at most, and for how long. */
export const UNMATCHED_MAX: Stock = { rows: 100_000, bytes: 32 * 1024 * 1024 };
const KEPT_S = 7 * 86_400;
/** Receipts that may be written at once, and each second. */
export const BURST = 1_000;
export const PER_SECOND = 50;
/** The oldest that go at once when there is no room. */
const EVICTED = 100;
const PRUNE_EVERY_MS = 3_600_000;
const PRUNE_BATCH = 1_000;

export interface UnmatchedParts {
  readonly spool: Pick<Spool, 'receipts' | 'unmatched'>;
  readonly reconciler: Pick<Reconciler, 'expect' | 'expectNoMore' | 'forgetUnmatched'>;
}

export class UnmatchedReceipts {
  readonly #parts: UnmatchedParts;
  #stock: Stock;
  #permits = BURST;
  #filledAtMs = -Infinity;
  #prunedAtMs = -Infinity;
  /** Some were pruned in this round, which takes several steps. */
  #hasPruned = false;

  constructor(parts: UnmatchedParts) {
    this.#parts = parts;
    this.#stock = parts.spool.unmatched.stock();
  }

  /** Keeps a receipt; `mayJoin`: an answer may tell whose it is. False = it cannot be kept now. */
  keep(receipt: Receipt, mayJoin: boolean, { nowMs }: Pick<Work, 'nowMs'>): boolean {
    const { spool, reconciler } = this.#parts;
    if (spool.unmatched.isKnown(receipt.digest)) return true;
    if (!this.#takePermit(nowMs)) return false;
    const id = spool.receipts.keep(receipt, null, mayJoin);
    const { rows, bytes } = this.#stock;
    this.#stock = { rows: rows + 1, bytes: bytes + bytesOf(receipt) };
    if (mayJoin && receipt.gatewayId !== null)
      reconciler.expect(receipt.gatewayId, { id, ...receipt });
    if (this.#stock.rows > UNMATCHED_MAX.rows || this.#stock.bytes > UNMATCHED_MAX.bytes)
      this.#evict();
    return true;
  }

  /** Deletes those whose time is over. */
  prune({ now, nowMs }: Pick<Work, 'now' | 'nowMs'>): void {
    if (nowMs < this.#prunedAtMs + PRUNE_EVERY_MS) return;
    const { spool, reconciler } = this.#parts;
    const pruned = spool.unmatched.prune(now - KEPT_S, PRUNE_BATCH);
    this.#hasPruned ||= pruned > 0;
    if (pruned === PRUNE_BATCH) return;
    this.#prunedAtMs = nowMs;
    /* Some were joined since. */
    this.#stock = spool.unmatched.stock();
    if (this.#hasPruned) reconciler.forgetUnmatched();
    this.#hasPruned = false;
  }

  /** The transaction was rolled back. */
  distrust(): void {
    this.#stock = this.#parts.spool.unmatched.stock();
  }

  #takePermit(nowMs: number): boolean {
    const passedMs = Math.max(0, nowMs - this.#filledAtMs);
    this.#permits = Math.min(BURST, this.#permits + (passedMs * PER_SECOND) / 1_000);
    this.#filledAtMs = nowMs;
    if (this.#permits < 1) return false;
    this.#permits -= 1;
    return true;
  }

  #evict(): void {
    const { spool, reconciler } = this.#parts;
    for (const { id, gatewayId, bytes } of spool.unmatched.dropOldest(EVICTED)) {
      this.#stock = { rows: this.#stock.rows - 1, bytes: this.#stock.bytes - bytes };
      if (gatewayId !== null) reconciler.expectNoMore(gatewayId, id);
    }
  }
}

/* As the spool counts them. */
function bytesOf({ gatewayId, clientRef, recipient, status, network, raw }: Receipt): number {
  const texts = [gatewayId, clientRef, recipient, status, network, raw];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text ?? ''), 0);
}
