/**
 * Moves a message to the state that its receipts, reports and answers prove together. Runs inside the dispatcher's
 * transactions.
 *
 * Always holds: a message with an open attempt is reconciled when that attempt settles. Every look reads all that is on
 * disk, so that a crash between two looks changes nothing.
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
import type { JoinableReceipt, Match } from '../../spool/write/receipt-rows.ts';
import type { Ended } from '../../spool/write/settlements.ts';
import type { Spool } from '../../spool/spool.ts';
import { moveOne } from '../message-move.ts';
import type { Participant, Work } from '../work.ts';

/** The reason of a move to await-receipt without an answer. */
const PROVED = 'proved-accepted';
/** The reason of a move that sends again after a receipt; counted per message. */
const RESEND = 'receipts-resend';
/** Unmatched receipts that are joined with one part. */
const JOINED_MAX = 4;

type Joined = Pick<Match, 'messageId' | 'attempt' | 'recipient'>;

type Expected = Pick<JoinableReceipt, 'id' | 'recipient'>;

export class Reconciler implements Participant {
  readonly #parts: { readonly spool: Spool; readonly policy: () => Policy };
  /** Messages whose receipts came while their attempt was open. */
  readonly #early = new Set<number>();
  /** Part id → unmatched receipts that came before its answer. */
  readonly #waiting = new Map<string, Expected[]>();
  /** The entries of both that this transaction settles; they are forgotten when it is on disk. */
  #looked: number[] = [];
  #joined: string[] = [];

  constructor(spool: Spool, policy: () => Policy) {
    this.#parts = { spool, policy };
    this.forgetUnmatched();
  }

  /** An unmatched receipt names this part: it is joined when an answer names the part. */
  expect(gatewayId: string, { id, recipient }: Expected): void {
    const known = this.#waiting.get(gatewayId);
    if (known === undefined) this.#waiting.set(gatewayId, [{ id, recipient }]);
    else known.push({ id, recipient });
  }

  expectNoMore(gatewayId: string, receiptId: number): void {
    const left = this.#waiting.get(gatewayId)?.filter(({ id }) => id !== receiptId) ?? [];
    if (left.length > 0) this.#waiting.set(gatewayId, left);
    else this.#waiting.delete(gatewayId);
  }

  /** Reads the unmatched receipts again: some were pruned. */
  forgetUnmatched(): void {
    this.#waiting.clear();
    for (const one of this.#parts.spool.unmatched.joinable()) this.expect(one.gatewayId, one);
  }

  committed(): void {
    for (const id of this.#looked.splice(0)) this.#early.delete(id);
    for (const gatewayId of this.#joined.splice(0)) this.#waiting.delete(gatewayId);
  }

  rolledBack(): void {
    this.#looked = [];
    this.#joined = [];
    this.forgetUnmatched();
  }

  /** An attempt has settled, and the outcome is in this transaction. */
  settled({ claim, settlement, parts }: Ended<Claim>, work: Work): void {
    const attempt = claim.number;
    const named = this.#waiting.size === 0 ? [] : parts;
    const isJoined = this.#join(
      claim,
      named.map(({ gatewayId }) => ({ gatewayId, attempt })),
    );
    const isEarly = this.#early.size > 0 && this.#early.has(claim.id);
    const isAnother = settlement.to === 'await-receipt' && claim.follows !== null;
    if (isJoined || isEarly || isAnother) this.look(claim.id, work);
  }

  /**
   * A receipt is about to be kept. A recipient that asks for no more is suppressed at once, whatever happens to the
   * message. The same word about the same part counts once: an operator may have ended the suppression since.
   */
  hear(match: Match, receipt: Receipt, now: number): void {
    const { status, code } = receipt;
    if (status === null || fateOf(status, false) !== 'undelivered') return;
    if (this.#parts.spool.receipts.hasWord(match, receipt)) return;
    this.#suppress(match.recipient, [{ status, code }], now);
  }

  /** Moves a message to where all that is known of it leads. */
  look(messageId: number, work: Work): void {
    const row = this.#parts.spool.due.message(messageId);
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

  /** Ends an accepted message that waits for nothing more. */
  overdue(row: DueRow, work: Work): void {
    const outcome = this.#fold(row, true);
    const isKnown = outcome.to === 'delivered' || outcome.to === 'undelivered';
    const fallback: MessageReason = this.#parts.policy().settle.receipts.expect
      ? 'no-final-receipt'
      : 'receipts-not-expected';
    const to: Outcome = isKnown
      ? outcome
      : { ...outcome, to: 'unconfirmed' as const, reason: fallback };
    this.#follow(row, to, work);
  }

  #fold(row: DueRow, isOver: boolean): Outcome {
    const { ledgers } = this.#parts.spool;
    let before = ledgers.read(row.id);
    /* A receipt with our client-ref names a part; others without one came before it. */
    if (this.#join(row, before.heard)) before = ledgers.read(row.id);
    const isEnough = this.#isEnough(row.recipient);
    const attempts = hear(before.attempts, before.heard, isEnough);
    const expected = before.heard.length === 0 ? 1 : predictedPartsOf(this.#parts.spool, row.id);
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
    return this.#parts
      .policy()
      .receipts.acceptedIsEnough.some((prefix) => digits.startsWith(prefix));
  }

  /* Each acceptance after the first is written down once. */
  #noteDuplicates(row: DueRow, { accepted }: Outcome, work: Work): void {
    if (accepted < 2) return;
    const noted = unwritten(row, work, ({ event }) => event === 'message.duplicate');
    const missing = accepted - 1 - this.#parts.spool.ledgers.duplicates(row.id) - noted;
    const entry = messageDoubled(namedOf(row, this.#parts.policy()), {
      state: row.state,
      at: work.now,
    });
    for (let count = 0; count < missing; count += 1) work.entries.push(entry);
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
    const { resend } = this.#parts.policy().receipts;
    if (resend === null || !this.#mayResend(row, outcome, resend, work.now)) return;
    const { ledgers } = this.#parts.spool;
    const decided = unwritten(row, work, ({ reason }) => reason === RESEND);
    if (ledgers.moves(row.id, RESEND) + decided >= resend.times) return;
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
    const deadline = deadlineOf(row, this.#parts.policy().validityMs);
    if (!mayHelp || now + resend.afterMs / 1000 >= deadline) return false;
    const content = this.#parts.spool.ledgers.content(row.id);
    if (content === null || isForgotten(content)) return false;
    return !this.#parts.spool.suppressions.has(row.recipient);
  }

  #suppress(recipient: string, failures: readonly Word[], now: number): void {
    if (!this.#parts.policy().receipts.suppressAutomatically) return;
    for (const { code, status } of failures) {
      const reason = status === 'expired' ? null : suppressionOfReceipt(code);
      if (reason !== null) this.#parts.spool.suppressions.add(recipient, reason, now);
    }
  }

  #waitOn(row: DueRow, outcome: Outcome, now: number): void {
    const dueAt = this.#dueAt(outcome, row.updatedAt, now);
    const next = outcome.waitsForProof ? Math.min(dueAt, row.dueAt ?? dueAt) : dueAt;
    if (next !== row.dueAt)
      this.#parts.spool.moves.setDue([{ id: row.id, state: row.state, dueAt: next }]);
  }

  /* An unanswered attempt has as long to be proved accepted as an uncertain message has. */
  #dueAt({ waitsForProof }: Outcome, since: number, now: number): number {
    const { uncertainAfterMs, receipts } = this.#parts.policy().settle;
    if (waitsForProof) return now + uncertainAfterMs / 1000;
    return receipts.expect ? since + receipts.timeoutMs / 1000 : now;
  }

  /* Joins the receipts without a client-ref that came before these parts were named. */
  #join(
    { id: messageId, recipient }: Pick<DueRow, 'id' | 'recipient'>,
    parts: readonly { readonly gatewayId: string | null; readonly attempt: number }[],
  ): boolean {
    if (this.#waiting.size === 0) return false;
    return parts
      .map(({ gatewayId, attempt }) => this.#joinPart(gatewayId, { messageId, attempt, recipient }))
      .includes(true);
  }

  #joinPart(gatewayId: string | null, about: Joined): boolean {
    const known = gatewayId === null ? undefined : this.#waiting.get(gatewayId);
    if (gatewayId === null || known === undefined) return false;
    this.#joined.push(gatewayId);
    const fitting = known.filter(
      ({ recipient }) => recipient === null || isSameNumber(recipient, about.recipient),
    );
    const { receipts } = this.#parts.spool;
    return fitting
      .slice(0, JOINED_MAX)
      .map(({ id }) => receipts.adopt(id, about))
      .includes(true);
  }
}

/** The parts that a message was predicted to have; 1 where its text is not there any more. */
export function predictedPartsOf({ ledgers }: Pick<Spool, 'ledgers'>, messageId: number): number {
  const content = ledgers.content(messageId);
  return content === null ? 1 : predictedParts(content);
}

/* Events of the message that this transaction has decided and that are not in the table yet. */
function unwritten(
  { id }: DueRow,
  { entries }: Work,
  is: (event: Work['entries'][number]['row']) => boolean,
): number {
  return entries.filter(({ row }) => row.messageId === id && is(row)).length;
}
