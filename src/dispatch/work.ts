/**
 * Describes one write transaction: the instant it runs at, the events that it appends, and what is counted or logged
 * once it is on disk. The parts of the dispatcher add to it; only the transaction runner commits.
 */
import type { Claim } from '../core/message/claim.ts';
import type { EventEntry } from '../log/event-lines.ts';
import type { ReadyRow } from '../spool/write/claims.ts';
import type { Removed } from '../spool/write/retention-deletes.ts';
import type { RunScope } from '../spool/write/set-aside.ts';
import type { Ended } from '../spool/write/settlements.ts';
import type {
  BlockRow,
  CircuitRow,
  LearnedRateRow,
  ConcurrencyRow,
} from '../spool/write/circuit-rows.ts';
import type { IgnoredReason } from '../core/receipt/receipt.ts';

export interface Work {
  /** Unix seconds. */
  readonly now: number;
  readonly nowMs: number;
  /** What was decided before comes first. */
  readonly entries: EventEntry[];
  /** Rows that a rule holds back, which is no event. */
  readonly held: KeptBack[];
  /** Messages that were deleted. */
  readonly removed: Removed[];
  /** Claims that were written. */
  readonly claims: Claim[];
  /** Claims whose message somebody else settled: their outcome was dropped. */
  readonly lost: Pick<Claim, 'id' | 'number'>[];
  /** The statuses of receipts that were kept. */
  readonly kept: (string | null)[];
  /** Receipts that changed nothing, each by its reason. */
  readonly ignored: IgnoredReason[];
}

/** A part that changes memory, counts or logs because of a transaction. Each transaction ends with one of the two. */
export interface Participant {
  /** The transaction is on disk. Only now may anything of it be counted, logged or told. */
  committed(work: Work): void;
  /** Nothing of it is on disk: memory becomes as it was, or is read again. */
  rolledBack(): void;
}

/** The work of a transaction that begins; `entries` were decided before. */
export function workAt(now: number, nowMs: number, entries: EventEntry[]): Work {
  const lists = { held: [], removed: [], claims: [], lost: [], kept: [], ignored: [] };
  return { now, nowMs, entries, ...lists };
}

/** A row that has to wait until an instant (Unix seconds). */
export interface KeptBack {
  readonly row: ReadyRow;
  readonly until: number;
}

/** What is decided and waits for the next commit; kept, in order, until it is on disk. */
export interface Pending {
  readonly ended: Ended<Claim>[];
  readonly circuits: CircuitRow[];
  readonly rates: LearnedRateRow[];
  readonly widths: ConcurrencyRow[];
  readonly blocks: BlockRow[];
  readonly runs: JudgedRun[];
  readonly entries: EventEntry[];
}

/** A run of refusals that is over: a message of its scope was accepted, so the refused ones fail. */
export interface JudgedRun extends RunScope {
  /** The message that began it; null = not known, any of the scope. */
  readonly id: number | null;
}

export function nothingPending(): Pending {
  return { ended: [], circuits: [], rates: [], widths: [], blocks: [], runs: [], entries: [] };
}

/** How much is decided at this moment, list by list. */
export function sizesOf(pending: Pending): readonly number[] {
  return Object.values(pending).map(({ length }: readonly unknown[]) => length);
}

/** So much of it is on disk; what was decided since stays. */
export function drop(pending: Pending, sizes: readonly number[]): void {
  const lists: readonly unknown[][] = Object.values(pending);
  for (const [index, list] of lists.entries()) list.splice(0, sizes[index] ?? 0);
}
