/**
 * Receipts that came and are not on disk yet. Each step takes some, finds the attempt they are about, keeps
 * them and has their messages reconciled; whoever brought one hears of it only after the commit.
 *
 * Always holds: nothing is said to be stored before it is; what cannot be stored in time is given back, so
 * that the gateway brings it again; a receipt that does not fit its message changes nothing.
 */
import type { Clock } from '../clock.ts';
import type { Receipt } from '../core/receipt.ts';
import { comparedForm } from '../core/recipient.ts';
import type { Match } from '../spool/receipts.ts';
import type { OldMatch } from '../spool/restored.ts';
import type { Spool } from '../spool/spool.ts';
import type { Reconciler } from './reconciler.ts';
import type { Rules, Work } from './work.ts';

/** Receipts written in one step. */
const BATCH = 128;
/** A receipt waits so long for others, or for a step that comes anyway: a commit for each would cost the drain. */
const GATHER_MS = 2;
/** Whoever brings a receipt waits at most so long. */
const PATIENCE_MS = 8_000;
/** Unmatched receipts that are kept, and for how long. */
export const UNMATCHED_MAX = 100_000;
const UNMATCHED_S = 7 * 86_400;
const UNMATCHED_RAW_MAX = 4_000;
const PRUNE_EVERY_MS = 3_600_000;
const PRUNE_BATCH = 1_000;

/** Why a receipt changed nothing. */
export type IgnoredReason = 'unmatched' | 'other-recipient' | 'other-account' | 'repeat';

interface Waiting {
  readonly receipt: Receipt;
  readonly since: number;
  readonly done: (isStored: boolean) => void;
}

/** What a step has to do with its receipts. */
interface Seen {
  /** Messages to be reconciled. */
  readonly touched: Set<number>;
  readonly now: number;
}

export interface InboxParts {
  readonly spool: Spool;
  readonly reconciler: Reconciler;
  readonly clock: Clock;
  readonly rules: Pick<Rules, 'receipts' | 'defaultAccount'>;
  readonly onIgnored: (reason: IgnoredReason) => void;
  /** A receipt is about a message of ours and new. */
  readonly onKept: (receipt: Receipt) => void;
  /** There is something to write. */
  readonly kick: () => void;
}

export class Inbox {
  readonly #parts: InboxParts;
  #waiting: Waiting[] = [];
  /** What the gateway's reports said; nobody would bring it again. */
  #reports: Receipt[] = [];
  #reportsTaken = 0;
  /** How those taken by the running step end, once it is committed. */
  #results: boolean[] = [];
  #unmatched: number;
  #prunedAtMs = -Infinity;
  /** Some were pruned in this round, which takes several steps. */
  #hasPruned = false;
  #timer: NodeJS.Timeout | null = null;
  readonly #gathered = (): void => {
    this.#timer = null;
    if (this.size > 0) this.#parts.kick();
  };

  constructor(parts: InboxParts) {
    this.#parts = parts;
    this.#unmatched = parts.spool.receipts.countUnmatched();
  }

  /** Receipts that are not on disk yet. */
  get size(): number {
    return this.#waiting.length + this.#reports.length;
  }

  /** Whether something that was asked for is not on disk yet: nothing is decided for want of it. */
  get hasReports(): boolean {
    return this.#reports.length > this.#reportsTaken;
  }

  /** Resolves true once the receipt is on disk, false when it cannot be stored now. */
  take(receipt: Receipt): Promise<boolean> {
    return new Promise((resolve) => {
      const since = this.#parts.clock.monotonicMs();
      this.#waiting.push({ receipt, done: resolve, since });
      this.#timer ??= setTimeout(this.#gathered, GATHER_MS);
    });
  }

  /** What the gateway's reports say; what is not about one of our attempts is left out. */
  hand(receipts: readonly Receipt[]): void {
    this.#reports.push(...receipts);
    this.#parts.kick();
  }

  /** Writes the next receipts; call `committed` when the transaction is. */
  work(work: Work): void {
    this.#results = [];
    this.#prune(work);
    const touched = new Set<number>();
    this.#reportsTaken = Math.min(BATCH, this.#reports.length);
    for (const report of this.#reports.slice(0, BATCH))
      this.#keepReport(report, { touched, now: work.now });
    for (const one of this.#waiting.slice(0, BATCH)) {
      this.#results.push(this.#store(one.receipt, { touched, now: work.now }));
    }
    for (const id of touched) this.#parts.reconciler.look(id, work);
  }

  /** What was written is on disk. */
  committed(): void {
    const done = this.#waiting.splice(0, this.#results.length);
    const results = this.#results.splice(0);
    for (const [index, one] of done.entries()) one.done(results[index] ?? false);
    this.#reports.splice(0, this.#reportsTaken);
    this.#reportsTaken = 0;
    if (this.size > 0) this.#parts.kick();
  }

  /** The step was rolled back: nothing of it is on disk. */
  distrust(): void {
    this.#results = [];
    this.#reportsTaken = 0;
    this.#parts.spool.receipts.distrust();
    this.#unmatched = this.#parts.spool.receipts.countUnmatched();
  }

  /** Gives back what waited too long, because the spool is locked or its disk full. */
  giveUp(): void {
    const before = this.#parts.clock.monotonicMs() - PATIENCE_MS;
    while (this.#waiting[0] !== undefined && this.#waiting[0].since < before) {
      this.#waiting.shift()?.done(false);
    }
  }

  #store(receipt: Receipt, seen: Seen): boolean {
    const match = this.#match(receipt, this.#isSigned);
    if (typeof match === 'string') return this.#keepUnmatched(receipt, match);
    this.#keep(receipt, match, seen);
    return true;
  }

  /* The account may be used by others, too: their messages are none of ours. */
  #keepReport(report: Receipt, seen: Seen): void {
    const isForeign = report.clientRef !== null && this.#proven(report.clientRef) === null;
    const match = isForeign ? 'unmatched' : this.#match(report, true);
    if (typeof match !== 'string') this.#keep(report, match, seen);
  }

  #keep(receipt: Receipt, found: Match | OldMatch, seen: Seen): void {
    const { spool, reconciler, onIgnored } = this.#parts;
    const match = 'clientRef' in found ? spool.restored.matched(found, seen.now) : found;
    if (spool.receipts.isKnown(match.messageId, receipt.digest)) {
      onIgnored('repeat');
      return;
    }
    spool.receipts.keep(receipt, match);
    this.#parts.onKept(receipt);
    reconciler.hear(match, receipt, seen.now);
    seen.touched.add(match.messageId);
  }

  #keepUnmatched(receipt: Receipt, reason: IgnoredReason): boolean {
    const { spool, reconciler, onIgnored } = this.#parts;
    onIgnored(reason);
    if (spool.receipts.isKnown(null, receipt.digest)) return true;
    if (this.#unmatched >= UNMATCHED_MAX) return false;
    /* A stranger may have sent it: a hundred thousand of them must not fill the disk. */
    const raw = receipt.raw.slice(0, UNMATCHED_RAW_MAX);
    const { gatewayId, recipient } = receipt;
    const isNamed = this.#isSigned || recipient !== null;
    const mayJoin = reason === 'unmatched' && isNamed && this.#mayLookUp(receipt, false);
    const id = spool.receipts.keep({ ...receipt, raw }, null, mayJoin);
    this.#unmatched += 1;
    if (mayJoin && gatewayId !== null) reconciler.expect(gatewayId, id);
    return true;
  }

  /* The attempt it is about, or why there is none. */
  #match(receipt: Receipt, isTrusted: boolean): Match | OldMatch | IgnoredReason {
    const { receipts } = this.#parts.spool;
    const { clientRef, gatewayId } = receipt;
    const proven = clientRef === null ? null : this.#proven(clientRef);
    /* Under an old key the same reference may have been given to another message. */
    const mustName = proven !== null && 'clientRef' in proven;
    if (proven !== null) return this.#misfit(receipt, proven, mustName) ?? proven;
    if (gatewayId === null || !this.#mayLookUp(receipt, isTrusted)) return 'unmatched';
    const found = receipts.byGatewayId(gatewayId);
    if (found === null) return 'unmatched';
    return this.#misfit(receipt, found, !isTrusted) ?? found;
  }

  #proven(clientRef: string): Match | OldMatch | null {
    const { receipts, restored } = this.#parts.spool;
    return receipts.byClientRef(clientRef) ?? restored.byClientRef(clientRef);
  }

  /* The index that this needs is not made for a stranger. */
  #mayLookUp({ apiKey }: Receipt, isTrusted: boolean): boolean {
    if (isTrusted || this.#isSigned) return true;
    return apiKey !== null && [...this.#parts.rules.receipts.apiKeys.values()].includes(apiKey);
  }

  get #isSigned(): boolean {
    return this.#parts.rules.receipts.isSigned;
  }

  #misfit(
    receipt: Receipt,
    match: Pick<Match, 'recipient' | 'account'>,
    mustName: boolean,
  ): IgnoredReason | null {
    const { receipts, defaultAccount } = this.#parts.rules;
    const digits = comparedForm(match.recipient);
    if (receipt.recipient === null ? mustName : comparedForm(receipt.recipient) !== digits) {
      return 'other-recipient';
    }
    const key = receipts.apiKeys.get(match.account ?? defaultAccount ?? '');
    const isOther = receipt.apiKey !== null && key !== undefined && receipt.apiKey !== key;
    return isOther ? 'other-account' : null;
  }

  #prune({ now, nowMs }: Work): void {
    if (nowMs < this.#prunedAtMs + PRUNE_EVERY_MS) return;
    const { spool, reconciler } = this.#parts;
    const pruned = spool.receipts.pruneUnmatched(now - UNMATCHED_S, PRUNE_BATCH);
    /* Some were joined since. */
    this.#unmatched = spool.receipts.countUnmatched();
    this.#hasPruned ||= pruned > 0;
    if (pruned === PRUNE_BATCH) return;
    this.#prunedAtMs = nowMs;
    if (this.#hasPruned) reconciler.forgetUnmatched();
    this.#hasPruned = false;
  }
}
