/**
 * Says what became of a message whenever something new is known of it: a receipt, a report, or an answer that
 * later receipts and earlier attempts must be held against. Runs inside the dispatcher's transactions.
 *
 * Always holds: while an attempt is open nothing moves; it is reconciled when that attempt settles. Every
 * look folds everything that is on disk, so that a crash between two looks changes nothing.
 */
import type { MessageReason } from '../../core/codes/reasons.ts';
import { namedOf, type Policy } from '../../core/account/policy.ts';
import { reconcileTo, resendFailed } from '../../core/message/message-moves.ts';
import { isForgotten, predictedParts } from '../../core/message/parts.ts';
import {
  fateOf,
  isSameNumber,
  type Receipt,
  type ResendPolicy,
  type Word,
} from '../../core/receipt/receipt.ts';
import { comparedForm } from '../../core/text/recipient.ts';
import { fold, hear, isAccepted, priceOf, type Outcome } from '../../core/receipt/reconcile.ts';
import { suppressionOfReceipt } from '../../core/codes/receipt-codes.ts';
import { deadlineOf } from '../../core/message/row-check.ts';
import { messageDoubled } from '../../log/event-lines.ts';
import type { Claim } from '../../core/message/claim.ts';
import type { DueRow } from '../../spool/write/due.ts';
import type { MessageLedger } from '../../spool/write/ledger.ts';
import type { Match } from '../../spool/write/receipt-rows.ts';
import type { Ended } from '../../spool/write/settlements.ts';
import type { Spool } from '../../spool/spool.ts';
import { moveOne, type MoveParts } from '../message-move.ts';
import type { Participant, Work } from '../work.ts';

/** The reason of a move to await-receipt without an answer. */
const PROVED = 'proved-accepted';
/** The reason of a move that sends again after a receipt; counted per message. */
const RESEND = 'receipts-resend';
/** Unmatched receipts that are joined with one part. */
const JOINED_MAX = 4;

type Joined = Pick<Match, 'messageId' | 'attempt' | 'recipient'>;

/** An unmatched receipt that may be joined. */
interface Expected {
  readonly id: number;
  readonly recipient: string | null;
}

export class Reconciler implements Participant {
  readonly #parts: MoveParts;
  readonly #spool: Spool;
  readonly #policy: () => Policy;
  /** Messages that something was heard of while their attempt was open. */
  readonly #early = new Set<number>();
  /** Part id → unmatched receipts that came before its answer. */
  readonly #waiting = new Map<string, Expected[]>();
  /** What this transaction settles of both, to be forgotten when it is on disk. */
  #looked: number[] = [];
  #joined: string[] = [];

  constructor(spool: Spool, policy: () => Policy) {
    this.#parts = { spool, policy };
    this.#spool = spool;
    this.#policy = policy;
    for (const one of spool.unmatched.joinable()) this.expect(one.gatewayId, one);
  }

  /** An unmatched receipt names this part: it is joined when an answer tells of it. */
  expect(gatewayId: string, { id, recipient }: Expected): void {
    const known = this.#waiting.get(gatewayId);
    if (known === undefined) this.#waiting.set(gatewayId, [{ id, recipient }]);
    else known.push({ id, recipient });
  }

  /** The receipt was deleted. */
  expectNoMore(gatewayId: string, receiptId: number): void {
    const left = this.#waiting.get(gatewayId)?.filter(({ id }) => id !== receiptId) ?? [];
    if (left.length > 0) this.#waiting.set(gatewayId, left);
    else this.#waiting.delete(gatewayId);
  }

  /** Unmatched receipts were pruned. */
  forgetUnmatched(): void {
    this.#waiting.clear();
    for (const one of this.#spool.unmatched.joinable()) this.expect(one.gatewayId, one);
  }

  committed(): void {
    for (const id of this.#looked.splice(0)) this.#early.delete(id);
    for (const gatewayId of this.#joined.splice(0)) this.#waiting.delete(gatewayId);
  }

  /** What is kept is learned again. */
  rolledBack(): void {
    this.#looked = [];
    this.#joined = [];
    this.forgetUnmatched();
  }

  /** An attempt has settled, and the outcome is in this transaction. */
  settled({ claim, settlement, parts }: Ended<Claim>, work: Work): void {
    const isJoined = this.#waiting.size > 0 && this.#join(claim, parts);
    const isEarly = this.#early.size > 0 && this.#early.has(claim.id);
    const isAnother = settlement.to === 'await-receipt' && claim.follows !== null;
    if (isJoined || isEarly || isAnother) this.look(claim.id, work);
  }

  /**
   * A receipt that is about to be kept: who asks for no more is heard at once, whatever becomes of the message. The
   * same word about the same part is heard once: an operator may have taken the suppression back since.
   */
  hear(match: Match, receipt: Receipt, now: number): void {
    const { status, code } = receipt;
    if (status === null || fateOf(status, false) !== 'undelivered') return;
    if (this.#spool.receipts.hasWord(match, receipt)) return;
    this.#suppress(match.recipient, [{ status, code }], now);
  }

  /** Folds all that is known of a message and moves it where that leads. */
  look(messageId: number, work: Work): void {
    const row = this.#spool.due.message(messageId);
    if (row === null) return;
    if (row.state === 'sending') {
      this.#early.add(messageId);
      return;
    }
    const outcome = this.#fold(row, row.state === 'unconfirmed');
    this.#looked.push(messageId);
    this.#noteDuplicates(row, outcome, work);
    this.#follow(row, outcome, work);
  }

  /** What an accepted message ends as when nothing more is waited for. */
  overdue(row: DueRow, work: Work): void {
    const outcome = this.#fold(row, true);
    const isKnown = outcome.to === 'delivered' || outcome.to === 'undelivered';
    const fallback: MessageReason = this.#policy().settle.receipts.expect
      ? 'no-final-receipt'
      : 'receipts-not-expected';
    const to: Outcome = isKnown
      ? outcome
      : { ...outcome, to: 'unconfirmed' as const, reason: fallback };
    this.#follow(row, to, work);
  }

  #fold(row: DueRow, isOver: boolean): Outcome {
    const { ledgers } = this.#spool;
    let before = ledgers.read(row.id);
    if (this.#joinHeard(row, before.heard)) before = ledgers.read(row.id);
    const isEnough = this.#isEnough(row.recipient);
    const attempts = hear(before.attempts, before.heard, isEnough);
    const content = before.heard.length === 0 ? null : ledgers.content(row.id);
    const expected = content === null ? 1 : predictedParts(content);
    const outcome = fold(attempts, { predictedParts: expected, isEnough, isOver });
    if (before.heard.length === 0) return outcome;
    ledgers.write(row.id, before, attempts);
    ledgers.setPrice(row.id, priceOf(attempts));
    const accepted = attempts.findLast(isAccepted);
    if (accepted !== undefined) ledgers.setParts(row.id, accepted.parts.length);
    return outcome;
  }

  #isEnough(recipient: string): boolean {
    const digits = comparedForm(recipient);
    return this.#policy().receipts.acceptedIsEnough.some((prefix) => digits.startsWith(prefix));
  }

  /* Each acceptance after the first is written down once. */
  #noteDuplicates(row: DueRow, { accepted }: Outcome, work: Work): void {
    if (accepted < 2) return;
    /* What this transaction has noted already is not in the table yet. */
    const noted = work.entries.filter(
      (entry) => entry.row.messageId === row.id && entry.row.event === 'message.duplicate',
    );
    const missing = accepted - 1 - this.#spool.ledgers.duplicates(row.id) - noted.length;
    for (let count = 0; count < missing; count += 1) {
      work.entries.push(
        messageDoubled(namedOf(row, this.#policy()), { state: row.state, at: work.now }),
      );
    }
  }

  #follow(row: DueRow, outcome: Outcome, work: Work): void {
    const { to } = outcome;
    if (to === null) return;
    if (to === row.state) {
      if (to === 'await-receipt') this.#waitOn(row, outcome, work.now);
      return;
    }
    const dueAt = to === 'await-receipt' ? this.#dueAt(outcome, work.now, work.now) : null;
    const reason = outcome.reason === 'accepted' ? PROVED : outcome.reason;
    const move = reconcileTo(row, to, { reason, dueAt });
    if (move === null || !moveOne(this.#parts, row, move, work)) return;
    if (to === 'undelivered') this.#failed(row, outcome, work);
  }

  #failed(row: DueRow, outcome: Outcome, work: Work): void {
    this.#suppress(row.recipient, outcome.failures, work.now);
    const { resend } = this.#policy().receipts;
    if (resend === null || !this.#mayResend(row, outcome, resend, work.now)) return;
    const { ledgers } = this.#spool;
    /* What this transaction has decided already is not in the table yet. */
    const decided = work.entries.filter(
      (entry) => entry.row.messageId === row.id && entry.row.reason === RESEND,
    );
    if (ledgers.moves(row.id, RESEND) + decided.length >= resend.times) return;
    const nextAttemptAt = work.now + resend.afterMs / 1000;
    const move = resendFailed(row.id, RESEND, nextAttemptAt);
    if (!moveOne(this.#parts, row, move, work)) return;
    ledgers.close(row.id);
    ledgers.restart(row.id);
  }

  /* `expired` and `unknown` never cause a second send: the first may still have arrived. */
  #mayResend(row: DueRow, outcome: Outcome, resend: ResendPolicy, now: number): boolean {
    const isTakenBack = row.cancelAsked !== null || row.state === 'cancelled';
    if (outcome.isInPart || outcome.failures.length === 0 || isTakenBack) return false;
    const mayHelp = outcome.failures.every(
      ({ status, code }) => status !== 'expired' && code !== null && resend.codes.has(code),
    );
    const deadline = deadlineOf(row, this.#policy().validityMs);
    if (!mayHelp || now + resend.afterMs / 1000 >= deadline) return false;
    const content = this.#spool.ledgers.content(row.id);
    if (content === null || isForgotten(content)) return false;
    return !this.#spool.suppressions.has(row.recipient);
  }

  #suppress(recipient: string, failures: readonly Word[], now: number): void {
    if (!this.#policy().receipts.suppressAutomatically) return;
    for (const { code, status } of failures) {
      const reason = status === 'expired' ? null : suppressionOfReceipt(code);
      if (reason !== null) this.#spool.suppressions.add(recipient, reason, now);
    }
  }

  #waitOn(row: DueRow, outcome: Outcome, now: number): void {
    const dueAt = this.#dueAt(outcome, row.updatedAt, now);
    const next = outcome.waitsForProof ? Math.min(dueAt, row.dueAt ?? dueAt) : dueAt;
    if (next !== row.dueAt)
      this.#spool.moves.setDue([{ id: row.id, state: row.state, dueAt: next }]);
  }

  /* An attempt that nobody answered gets as long to prove accepted as an uncertain message has. */
  #dueAt({ waitsForProof }: Outcome, since: number, now: number): number {
    const { uncertainAfterMs, receipts } = this.#policy().settle;
    if (waitsForProof) return now + uncertainAfterMs / 1000;
    return receipts.expect ? since + receipts.timeoutMs / 1000 : now;
  }

  /* A receipt with our client-ref names a part; others without one came before it. */
  #joinHeard(row: DueRow, heard: MessageLedger['heard']): boolean {
    if (this.#waiting.size === 0) return false;
    return heard
      .map(({ attempt, gatewayId }) =>
        this.#joinPart(gatewayId, { messageId: row.id, attempt, recipient: row.recipient }),
      )
      .includes(true);
  }

  #joinPart(gatewayId: string | null, about: Joined): boolean {
    const known = gatewayId === null ? undefined : this.#waiting.get(gatewayId);
    if (gatewayId === null || known === undefined) return false;
    this.#joined.push(gatewayId);
    const fitting = known.filter(
      ({ recipient }) => recipient === null || isSameNumber(recipient, about.recipient),
    );
    const { receipts } = this.#spool;
    return fitting
      .slice(0, JOINED_MAX)
      .map(({ id }) => receipts.adopt(id, about))
      .includes(true);
  }

  /* Receipts without a client-ref that came before this answer. */
  #join(claim: Claim, parts: Ended['parts']): boolean {
    const { id: messageId, number: attempt, recipient } = claim;
    return parts
      .map(({ gatewayId }) => this.#joinPart(gatewayId, { messageId, attempt, recipient }))
      .includes(true);
  }
}
