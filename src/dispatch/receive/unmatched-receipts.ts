/**
 * Keeps receipts that are about no message of ours for a week. One that came before its answer is joined with it later.
 *
 * Always holds: their number, their bytes and how many are written a second are bounded, because anybody may send them.
 * The oldest are deleted first. What is beyond the rate is not stored, so that the gateway brings it again.
 */
import type { Receipt } from '../../core/receipt/receipt.ts';
import type { Spool } from '../../spool/spool.ts';
import type { Stock } from '../../spool/write/receipt-rows.ts';
import type { Reconciler } from './reconciler.ts';
import type { Work } from '../work.ts';

export const UNMATCHED_MAX: Stock = { rows: 100_000, bytes: 32 * 1024 * 1024 };
const KEPT_S = 7 * 86_400;
/** Receipts that may be written at once, and per second. */
export const BURST = 1_000;
export const PER_SECOND = 50;
/** The oldest that are deleted at once when there is no room. */
const EVICTED = 100;
const PRUNE_EVERY_MS = 3_600_000;
const PRUNE_BATCH = 1_000;

export interface UnmatchedParts {
  readonly spool: Pick<Spool, 'receipts' | 'unmatched'>;
  readonly reconciler: Pick<Reconciler, 'expect' | 'expectNoMore' | 'forgetUnmatched'>;
}

/** How much is kept, and how much more may be written. */
interface UnmatchedBudget extends Stock {
  readonly permits: number;
  readonly filledAtMs: number;
  readonly prunedAtMs: number | null;
  /** Some were pruned in this round, which takes several steps. */
  readonly hasPruned: boolean;
}

const FULL = { permits: BURST, filledAtMs: 0, prunedAtMs: null, hasPruned: false };

export class UnmatchedReceipts {
  readonly #parts: UnmatchedParts;
  #budget: UnmatchedBudget;
  /** As the last commit left it. */
  #committed: UnmatchedBudget;

  constructor(parts: UnmatchedParts) {
    this.#parts = parts;
    this.#budget = { ...FULL, ...parts.spool.unmatched.stock() };
    this.#committed = this.#budget;
  }

  /** Keeps a receipt; `mayJoin`: an answer may tell whose it is. False = it cannot be kept now. */
  keep(receipt: Receipt, mayJoin: boolean, { nowMs }: Pick<Work, 'nowMs'>): boolean {
    const { spool, reconciler } = this.#parts;
    if (spool.unmatched.isKnown(receipt.digest)) return true;
    if (!this.#takePermit(nowMs)) return false;
    const id = spool.receipts.keep(receipt, null, mayJoin);
    this.#add(1, bytesOf(receipt));
    if (mayJoin && receipt.gatewayId !== null)
      reconciler.expect(receipt.gatewayId, { id, ...receipt });
    if (this.#budget.rows > UNMATCHED_MAX.rows || this.#budget.bytes > UNMATCHED_MAX.bytes)
      this.#evict();
    return true;
  }

  prune({ now, nowMs }: Pick<Work, 'now' | 'nowMs'>): void {
    const { prunedAtMs } = this.#budget;
    if (prunedAtMs !== null && nowMs < prunedAtMs + PRUNE_EVERY_MS) return;
    const { spool, reconciler } = this.#parts;
    const pruned = spool.unmatched.prune(now - KEPT_S, PRUNE_BATCH);
    const hasPruned = this.#budget.hasPruned || pruned > 0;
    this.#budget = { ...this.#budget, hasPruned };
    if (pruned === PRUNE_BATCH) return;
    /* Some were joined since. */
    const stock = spool.unmatched.stock();
    this.#budget = { ...this.#budget, ...stock, prunedAtMs: nowMs, hasPruned: false };
    if (hasPruned) reconciler.forgetUnmatched();
  }

  committed(): void {
    this.#committed = this.#budget;
  }

  rolledBack(): void {
    this.#budget = this.#committed;
  }

  #takePermit(nowMs: number): boolean {
    const { permits, filledAtMs } = this.#budget;
    const passedMs = Math.max(0, nowMs - filledAtMs);
    const filled = Math.min(BURST, permits + (passedMs * PER_SECOND) / 1_000);
    const left = filled < 1 ? filled : filled - 1;
    this.#budget = { ...this.#budget, permits: left, filledAtMs: nowMs };
    return left !== filled;
  }

  #add(rows: number, bytes: number): void {
    const budget = this.#budget;
    this.#budget = { ...budget, rows: budget.rows + rows, bytes: budget.bytes + bytes };
  }

  #evict(): void {
    const { spool, reconciler } = this.#parts;
    for (const { id, gatewayId, bytes } of spool.unmatched.dropOldest(EVICTED)) {
      this.#add(-1, -bytes);
      if (gatewayId !== null) reconciler.expectNoMore(gatewayId, id);
    }
  }
}

/* As the spool counts them. */
function bytesOf({ gatewayId, clientRef, recipient, status, network, raw }: Receipt): number {
  const texts = [gatewayId, clientRef, recipient, status, network, raw];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text ?? ''), 0);
}
