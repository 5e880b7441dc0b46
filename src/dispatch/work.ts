/**
 * Describes one write transaction: the instant it runs at, the events that it appends, and what is counted or logged
 * once it is on disk. The parts of the dispatcher add to it; only the writer commits.
 */
import type { Claim } from '../core/claim.ts';
import type { Entry, Subject } from '../events.ts';
import type { ReadyRow } from '../spool/claims.ts';
import type { Removed } from '../spool/retention.ts';
import type { RunScope } from '../spool/set-aside.ts';
import type { Ended } from '../spool/settlements.ts';
import type { BlockRow, GateRow, RateRow, WidthRow } from '../spool/gates.ts';
import type { AllowRules } from '../core/allowed.ts';
import type { IgnoredReason } from '../core/ignored.ts';
import type { HoldRules } from '../core/safety.ts';
import type { SettlePolicy } from '../core/settle.ts';
import type { ReceiptRules } from './reconciler.ts';
import type { KeepRules } from './sweeper.ts';
import type { Route } from '../core/verdict.ts';

export interface Work {
  /** Unix seconds. */
  readonly now: number;
  readonly nowMs: number;
  /** What was decided before comes first. */
  readonly entries: Entry[];
  /** Rows that a rule keeps back, which is no event. */
  readonly held: Held[];
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
export function workAt(now: number, nowMs: number, entries: Entry[]): Work {
  return {
    now,
    nowMs,
    entries,
    held: [],
    removed: [],
    claims: [],
    lost: [],
    kept: [],
    ignored: [],
  };
}

/** A row that may not go before an instant (Unix seconds). */
export interface Held {
  readonly row: ReadyRow;
  readonly until: number;
}

/** What is decided and waits for the next commit; kept, in order, until it is on disk. */
export interface Pending {
  readonly ended: Ended<Claim>[];
  readonly gates: GateRow[];
  readonly rates: RateRow[];
  readonly widths: WidthRow[];
  readonly blocks: BlockRow[];
  readonly runs: JudgedRun[];
  readonly entries: Entry[];
}

/** A run of refusals that is over: a message of its scope was accepted, so the refused ones fail. */
export interface JudgedRun extends RunScope {
  /** The message that began it; null = not known, any of the scope. */
  readonly id: number | null;
}

export function nothingPending(): Pending {
  return { ended: [], gates: [], rates: [], widths: [], blocks: [], runs: [], entries: [] };
}

/** How much is decided at this moment, list by list. */
export type Size = Readonly<Record<keyof Pending, number>>;

export function sizeOf(pending: Pending): Size {
  const { ended, gates, rates, widths, blocks, runs, entries } = pending;
  return {
    ended: ended.length,
    gates: gates.length,
    rates: rates.length,
    widths: widths.length,
    blocks: blocks.length,
    runs: runs.length,
    entries: entries.length,
  };
}

/** So much of it is on disk; what was decided since stays. */
export function drop(pending: Pending, size: Size): void {
  pending.ended.splice(0, size.ended);
  pending.gates.splice(0, size.gates);
  pending.rates.splice(0, size.rates);
  pending.widths.splice(0, size.widths);
  pending.blocks.splice(0, size.blocks);
  pending.runs.splice(0, size.runs);
  pending.entries.splice(0, size.entries);
}

export function isEmpty(pending: Pending): boolean {
  return (
    pending.ended.length === 0 &&
    pending.entries.length === 0 &&
    pending.gates.length === 0 &&
    pending.rates.length === 0 &&
    pending.widths.length === 0 &&
    pending.blocks.length === 0 &&
    pending.runs.length === 0
  );
}

/** What of the configuration decides about messages. */
export interface Rules {
  readonly settle: SettlePolicy;
  readonly overrides: ReadonlyMap<number, Route>;
  readonly validityMs: number;
  /** Null = messages that name no account wait until there is one. */
  readonly defaultAccount: string | null;
  /** Account → the sender of messages that name none; null = they cannot be sent. */
  readonly defaultSenders: ReadonlyMap<string, string | null>;
  readonly receipts: ReceiptRules;
  readonly keep: KeepRules;
  /** What may be sent at all; null = anything. */
  readonly allow: AllowRules | null;
  /** What keeps single messages back; null = nothing does. */
  readonly holds: HoldRules | null;
  /** Sources (sender and campaign of an account) whose rows may be in memory. */
  readonly lanesMax: number;
  /** The longest wait a throttled answer may ask for. */
  readonly waitMaxMs: number;
}

/** A row with the names that NULL stands for: its lines name them. */
export function namedOf<R extends Pick<Subject, 'account' | 'sender'>>(row: R, rules: Rules): R {
  const account = row.account ?? rules.defaultAccount;
  const sender = row.sender ?? rules.defaultSenders.get(account ?? '') ?? null;
  return { ...row, account, sender };
}
