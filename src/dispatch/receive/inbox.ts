/**
 * Holds receipts that came and are not on disk yet. Each step writes some of them and has their messages reconciled.
 *
 * Always holds: whoever brought a receipt is answered after the commit. One that cannot be stored in time is refused,
 * so that the gateway brings it again. A receipt that does not fit its message changes nothing.
 */
import type { Policy } from '../../core/account/policy.ts';
import type { Clock } from '../../clock.ts';
import {
  isSameNumber,
  type IgnoredReason,
  type Receipt,
  type StrayReason,
} from '../../core/receipt/receipt.ts';
import { parseRef, type Match } from '../../spool/write/receipt-rows.ts';
import type { OldMatch } from '../../spool/write/restored.ts';
import type { Spool } from '../../spool/spool.ts';
import { predictedPartsOf, type Reconciler } from './reconciler.ts';
import { UnmatchedReceipts } from './unmatched-receipts.ts';
import type { Participant, Work } from '../work.ts';

const BATCH = 128;
/** A receipt waits this long for others: a commit for each would cost the drain. */
const GATHER_MS = 2;
/** Whoever brings a receipt waits at most this long. */
const PATIENCE_MS = 8_000;

interface WaitingReceipt {
  readonly receipt: Receipt;
  /** Why it is about no message of ours, whatever it names; null = it may be about one. */
  readonly stray: StrayReason | null;
  readonly since: number;
  readonly done: (isStored: boolean) => void;
}

interface ReceiptStep {
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
  readonly kick: () => void;
}

export class Inbox implements Participant {
  readonly #parts: InboxParts;
  #waiting: WaitingReceipt[] = [];
  /** From the gateway's reports; nobody would bring them again. */
  #reports: Receipt[] = [];
  #reportsTaken = 0;
  /** For those taken by the running step: whether each is stored once it is committed. */
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

  get size(): number {
    return this.#waiting.length + this.#reports.length;
  }

  /** Whether reports are not on disk yet: until they are, no message lapses. */
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

  /** Takes receipts from the gateway's reports. Those about no attempt of ours are dropped. */
  hand(receipts: readonly Receipt[]): void {
    this.#reports.push(...receipts);
    this.#parts.kick();
  }

  work(work: Work): void {
    this.#unmatched.prune(work);
    const touched = new Set<number>();
    this.#reportsTaken = Math.min(BATCH, this.#reports.length);
    for (const report of this.#reports.slice(0, BATCH)) this.#keepReport(report, { touched, work });
    this.#results = this.#waiting.slice(0, BATCH).map((one) => this.#store(one, { touched, work }));
    for (const id of touched) this.#parts.reconciler.look(id, work);
  }

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

  rolledBack(): void {
    this.#results = [];
    this.#reportsTaken = 0;
    this.#unmatched.rolledBack();
  }

  /** Refuses receipts that waited too long, because the spool is locked or its disk full. */
  giveUp(): void {
    const before = this.#parts.clock.monotonicMs() - PATIENCE_MS;
    while (this.#waiting[0] !== undefined && this.#waiting[0].since < before) {
      this.#waiting.shift()?.done(false);
    }
  }

  #store({ receipt, stray }: WaitingReceipt, step: ReceiptStep): boolean {
    const match = stray ?? this.#match(receipt, this.#isSigned);
    if (typeof match === 'string') return this.#keepUnmatched(receipt, match, step.work);
    this.#keep(receipt, match, step);
    return true;
  }

  /* The account may be used by others, too: their messages are not in the spool. */
  #keepReport(report: Receipt, step: ReceiptStep): void {
    if (report.clientRef !== null && this.#proven(report.clientRef) === null) return;
    const match = this.#match(report, true);
    if (typeof match !== 'string') this.#keep(report, match, step);
  }

  #keep(receipt: Receipt, found: Match | OldMatch, { touched, work }: ReceiptStep): void {
    const { spool, reconciler } = this.#parts;
    const match = 'clientRef' in found ? spool.restored.matched(found, work.now) : found;
    const kept = spool.receipts.kept(match, receipt.digest);
    const parts = (): number => predictedPartsOf(spool, match.messageId);
    if (kept.isKnown) work.ignored.push('repeat');
    else if (spool.receipts.isFull(match, kept.count, parts)) work.ignored.push('too-many');
    else {
      reconciler.hear(match, receipt, work.now);
      spool.receipts.keep(receipt, match);
      work.kept.push(receipt.status);
      touched.add(match.messageId);
    }
  }

  #keepUnmatched(receipt: Receipt, reason: IgnoredReason, work: Work): boolean {
    const isNamed = this.#isSigned || receipt.recipient !== null;
    const mayJoin = reason === 'unmatched' && isNamed && this.#mayLookUp(receipt, false);
    const isStored = this.#unmatched.keep(receipt, mayJoin, work);
    work.ignored.push(isStored ? reason : 'unmatched-too-fast');
    return isStored;
  }

  /* Signed receipts are the gateway's. Of the rest, those that name nothing of ours are a stranger's. */
  #concernsUs(receipt: Receipt): boolean {
    const { clientRef } = receipt;
    return this.#mayLookUp(receipt, false) || (clientRef !== null && parseRef(clientRef) !== null);
  }

  /* The attempt it is about, or why there is none. */
  #match(receipt: Receipt, isTrusted: boolean): Match | OldMatch | IgnoredReason {
    const { receipts } = this.#parts.spool;
    const { clientRef, gatewayId } = receipt;
    const proven = clientRef === null ? null : this.#proven(clientRef);
    if (proven !== null) {
      /* Under an old key the same reference may have been given to another message. */
      const recipient = 'clientRef' in proven ? 'named' : 'any';
      return this.#mismatch(receipt, proven, recipient) ?? proven;
    }
    if (gatewayId === null || !this.#mayLookUp(receipt, isTrusted)) return 'unmatched';
    const found = receipts.byGatewayId(gatewayId);
    if (found === null) return 'unmatched';
    return this.#mismatch(receipt, found, isTrusted ? 'named-or-none' : 'named') ?? found;
  }

  #proven(clientRef: string): Match | OldMatch | null {
    const { receipts, restored } = this.#parts.spool;
    return receipts.byClientRef(clientRef) ?? restored.byClientRef(clientRef);
  }

  /* The index that a look-up needs is not made for a stranger. */
  #mayLookUp({ apiKey }: Receipt, isTrusted: boolean): boolean {
    if (isTrusted || this.#isSigned) return true;
    return apiKey !== null && [...this.#parts.policy().receipts.apiKeys.values()].includes(apiKey);
  }

  get #isSigned(): boolean {
    return this.#parts.policy().receipts.isSigned;
  }

  /*
   * The tag of a client-ref decides, because the gateway may write a number in a form of its own. What is not proven by
   * a tag must name the recipient, or at least no other.
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
