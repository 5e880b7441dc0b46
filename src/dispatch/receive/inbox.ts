/**
 * Receipts that came and are not on disk yet. Each step takes some, finds the attempt they are about, keeps
 * them and has their messages reconciled; whoever brought one is answered only after the commit.
 *
 * Always holds: nothing is said to be stored before it is; what cannot be stored in time is given back, so
 * that the gateway brings it again; a receipt that does not fit its message changes nothing.
 */
import type { Policy } from '../../core/account/policy.ts';
import type { Clock } from '../../clock.ts';
import { predictedParts } from '../../core/message/parts.ts';
import {
  isSameNumber,
  type IgnoredReason,
  type Receipt,
  type StrayReason,
} from '../../core/receipt/receipt.ts';
import { parseRef, type Match } from '../../spool/write/receipt-rows.ts';
import type { OldMatch } from '../../spool/write/restored.ts';
import type { Spool } from '../../spool/spool.ts';
import type { Reconciler } from './reconciler.ts';
import { UnmatchedReceipts } from './unmatched-receipts.ts';
import type { Participant, Work } from '../work.ts';

/** Receipts written in one step. */
const BATCH = 128;
/** A receipt waits so long for others, or for a step that comes anyway: a commit for each would cost the drain. */
const GATHER_MS = 2;
/** Whoever brings a receipt waits at most so long. */
const PATIENCE_MS = 8_000;
interface WaitingReceipt {
  readonly receipt: Receipt;
  /** Not null = it is about no message of ours, whatever it names. */
  readonly stray: StrayReason | null;
  readonly since: number;
  readonly done: (isStored: boolean) => void;
}

/** What a step has to do with its receipts. */
interface ReceiptWork {
  /** Messages to be reconciled. */
  readonly touched: Set<number>;
  readonly work: Work;
}

export interface InboxParts {
  readonly spool: Spool;
  readonly reconciler: Reconciler;
  readonly clock: Clock;
  readonly policy: () => Pick<Policy, 'receipts' | 'defaultAccount'>;
  /** A receipt changed nothing, and whatever was written about it is on disk. */
  readonly onIgnored: (reason: IgnoredReason) => void;
  /** There is something to write. */
  readonly kick: () => void;
}

export class Inbox implements Participant {
  readonly #parts: InboxParts;
  #waiting: WaitingReceipt[] = [];
  /** What the gateway's reports said; nobody would bring it again. */
  #reports: Receipt[] = [];
  #reportsTaken = 0;
  /** How those taken by the running step end, once it is committed. */
  #results: boolean[] = [];
  readonly #unmatched: UnmatchedReceipts;
  #timer: NodeJS.Timeout | null = null;
  readonly #gathered = (): void => {
    this.#timer = null;
    if (this.size > 0) this.#parts.kick();
  };

  constructor(parts: InboxParts) {
    this.#parts = parts;
    this.#unmatched = new UnmatchedReceipts(parts);
  }

  /** Receipts that are not on disk yet. */
  get size(): number {
    return this.#waiting.length + this.#reports.length;
  }

  /** Whether something that was asked for is not on disk yet: nothing is decided for want of it. */
  get hasReports(): boolean {
    return this.#reports.length > this.#reportsTaken;
  }

  /**
   * Resolves true once the receipt is on disk, or where nothing says that it concerns us; false when it cannot
   * be stored now.
   */
  take(receipt: Receipt, stray: StrayReason | null = null): Promise<boolean> {
    if (!this.#concernsUs(receipt)) {
      this.#parts.onIgnored(stray ?? 'not-ours');
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const since = this.#parts.clock.monotonicMs();
      this.#waiting.push({ receipt, stray, done: resolve, since });
      this.#timer ??= setTimeout(this.#gathered, GATHER_MS);
    });
  }

  /** What the gateway's reports say; what is not about one of our attempts is left out. */
  hand(receipts: readonly Receipt[]): void {
    this.#reports.push(...receipts);
    this.#parts.kick();
  }

  /** Writes the next receipts. */
  work(work: Work): void {
    this.#results = [];
    this.#unmatched.prune(work);
    const touched = new Set<number>();
    this.#reportsTaken = Math.min(BATCH, this.#reports.length);
    for (const report of this.#reports.slice(0, BATCH)) this.#keepReport(report, { touched, work });
    for (const one of this.#waiting.slice(0, BATCH)) {
      this.#results.push(this.#store(one, { touched, work }));
    }
    for (const id of touched) this.#parts.reconciler.look(id, work);
  }

  /** What was written is on disk: whoever brought it is answered. */
  committed({ ignored }: Work): void {
    this.#unmatched.committed();
    for (const reason of ignored) this.#parts.onIgnored(reason);
    const done = this.#waiting.splice(0, this.#results.length);
    const results = this.#results.splice(0);
    for (const [index, one] of done.entries()) one.done(results[index] ?? false);
    this.#reports.splice(0, this.#reportsTaken);
    this.#reportsTaken = 0;
    if (this.size > 0) this.#parts.kick();
  }

  /** The step was rolled back: nothing of it is on disk. */
  rolledBack(): void {
    this.#results = [];
    this.#reportsTaken = 0;
    this.#unmatched.rolledBack();
  }

  /** Gives back what waited too long, because the spool is locked or its disk full. */
  giveUp(): void {
    const before = this.#parts.clock.monotonicMs() - PATIENCE_MS;
    while (this.#waiting[0] !== undefined && this.#waiting[0].since < before) {
      this.#waiting.shift()?.done(false);
    }
  }

  #store({ receipt, stray }: WaitingReceipt, seen: ReceiptWork): boolean {
    const match = stray ?? this.#match(receipt, this.#isSigned);
    if (typeof match === 'string') return this.#keepUnmatched(receipt, match, seen);
    this.#keep(receipt, match, seen);
    return true;
  }

  /* The account may be used by others, too: their messages are none of ours. */
  #keepReport(report: Receipt, seen: ReceiptWork): void {
    const isForeign = report.clientRef !== null && this.#proven(report.clientRef) === null;
    const match = isForeign ? 'unmatched' : this.#match(report, true);
    if (typeof match !== 'string') this.#keep(report, match, seen);
  }

  #keep(receipt: Receipt, found: Match | OldMatch, { touched, work }: ReceiptWork): void {
    const { spool, reconciler } = this.#parts;
    const match = 'clientRef' in found ? spool.restored.matched(found, work.now) : found;
    const kept = spool.receipts.kept(match, receipt.digest);
    if (kept.isKnown) {
      work.ignored.push('repeat');
      return;
    }
    if (spool.receipts.isFull(match, kept.count, () => this.#predictedParts(match.messageId))) {
      work.ignored.push('too-many');
      return;
    }
    reconciler.hear(match, receipt, work.now);
    spool.receipts.keep(receipt, match);
    work.kept.push(receipt.status);
    touched.add(match.messageId);
  }

  #predictedParts(messageId: number): number {
    const content = this.#parts.spool.ledgers.content(messageId);
    return content === null ? 1 : predictedParts(content);
  }

  #keepUnmatched(receipt: Receipt, reason: IgnoredReason, { work }: ReceiptWork): boolean {
    const isNamed = this.#isSigned || receipt.recipient !== null;
    const mayJoin = reason === 'unmatched' && isNamed && this.#mayLookUp(receipt, false);
    const isStored = this.#unmatched.keep(receipt, mayJoin, work);
    work.ignored.push(isStored ? reason : 'unmatched-too-fast');
    return isStored;
  }

  /* Signed ones are the gateway's. Of the rest, what names nothing of ours is a stranger's. */
  #concernsUs(receipt: Receipt): boolean {
    const { clientRef } = receipt;
    return this.#mayLookUp(receipt, false) || (clientRef !== null && parseRef(clientRef) !== null);
  }

  /* The attempt it is about, or why there is none. */
  #match(receipt: Receipt, isTrusted: boolean): Match | OldMatch | IgnoredReason {
    const { receipts } = this.#parts.spool;
    const { clientRef, gatewayId } = receipt;
    const proven = clientRef === null ? null : this.#proven(clientRef);
    /* Under an old key the same reference may have been given to another message. */
    const mustName = proven !== null && 'clientRef' in proven;
    if (proven !== null)
      return this.#mismatch(receipt, proven, mustName ? 'named' : 'any') ?? proven;
    if (gatewayId === null || !this.#mayLookUp(receipt, isTrusted)) return 'unmatched';
    const found = receipts.byGatewayId(gatewayId);
    if (found === null) return 'unmatched';
    return this.#mismatch(receipt, found, isTrusted ? 'named-or-none' : 'named') ?? found;
  }

  #proven(clientRef: string): Match | OldMatch | null {
    const { receipts, restored } = this.#parts.spool;
    return receipts.byClientRef(clientRef) ?? restored.byClientRef(clientRef);
  }

  /* The index that this needs is not made for a stranger. */
  #mayLookUp({ apiKey }: Receipt, isTrusted: boolean): boolean {
    if (isTrusted || this.#isSigned) return true;
    return apiKey !== null && [...this.#parts.policy().receipts.apiKeys.values()].includes(apiKey);
  }

  get #isSigned(): boolean {
    return this.#parts.policy().receipts.isSigned;
  }

  /*
   * The tag of a client-ref decides: the gateway may write a number in a form of its own, and `receipts` keeps it.
   * What is not proven by a tag must name the recipient, or at least no other.
   */
  #mismatch(
    receipt: Receipt,
    match: Pick<Match, 'recipient' | 'account'>,
    recipient: 'any' | 'named' | 'named-or-none',
  ): IgnoredReason | null {
    const { receipts, defaultAccount } = this.#parts.policy();
    const mayBe =
      recipient === 'any' ||
      (recipient === 'named-or-none' && receipt.recipient === null) ||
      isSameNumber(receipt.recipient, match.recipient);
    if (!mayBe) return 'other-recipient';
    const key = receipts.apiKeys.get(match.account ?? defaultAccount ?? '');
    const isOther = receipt.apiKey !== null && key !== undefined && receipt.apiKey !== key;
    return isOther ? 'other-account' : null;
  }
}
