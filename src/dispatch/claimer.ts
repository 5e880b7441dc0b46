/**
 * Permit → claim with its attempt on disk: takes rows whose turn it is from the desks and writes the claims.
 * Rows that are past their deadline, cannot be sent or are to somebody suppressed are moved on the way and
 * cost no permit.
 */
import type { SourceKey } from '../core/turn.ts';
import type { Claim } from '../core/claim.ts';
import { dateOf, deadlineOf, judgeRow } from '../core/judge-row.ts';
import { heldDueAt } from '../core/settle.ts';
import { messageMoved } from '../events.ts';
import type { ReadyRow } from '../spool/claims.ts';
import type { Move } from '../spool/moves.ts';
import type { Spool } from '../spool/spool.ts';
import type { Desk, Taken } from './desk.ts';
import type { Rules, Work } from './work.ts';

/** Rounds of moving stale rows out of the way before a source is left for the next step. */
const ROUNDS_MAX = 16;

/** What holds for all rows of one look. */
interface Seen {
  readonly work: Work;
  /** False: nobody is on the list, and no row pays for asking. */
  readonly isAnySuppressed: boolean;
}

export class Claimer {
  readonly #spool: Spool;
  readonly #rules: Rules;
  readonly #onUnfinished: () => void;

  /** `onUnfinished`: a source has more stale rows than one step moves; its head must be found again. */
  constructor(spool: Spool, rules: Rules, onUnfinished: () => void) {
    this.#spool = spool;
    this.#rules = rules;
    this.#onUnfinished = onUnfinished;
  }

  /** Claims at most `limit` rows for a desk; the claims are in its hand when the transaction commits. */
  claim(desk: Desk, limit: number, work: Work): readonly Claim[] {
    const taken = desk.take(limit, work.nowMs, (source, count, skip) =>
      this.#peek(desk, source, { count, skip }, work),
    );
    if (taken.length === 0) return [];
    const claims = taken.map((one) => this.#claimOf(desk, one, work));
    const misdated = taken.filter(({ row }, index) => claims[index]?.createdAt !== row.createdAt);
    if (misdated.length > 0) {
      this.#spool.moves.redate(
        misdated.map(({ row }) => row.id),
        work.now,
      );
    }
    this.#spool.claims.write(claims, work.now);
    return claims;
  }

  /* Reads rows that can be sent; moves the others out of the way first. */
  #peek(
    desk: Desk,
    source: SourceKey,
    range: { readonly count: number; readonly skip: number },
    work: Work,
  ): ReadyRow[] {
    const seen = { work, isAnySuppressed: !this.#spool.suppressions.isEmpty() };
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const rows = this.#spool.claims.peek(source, range.count, range.skip);
      const moves = rows.flatMap((row) => this.#moveOf(desk, row, seen) ?? []);
      if (moves.length === 0) return rows;
      this.#spool.moves.write(moves, work.now);
    }
    this.#onUnfinished();
    return [];
  }

  #moveOf(desk: Desk, row: ReadyRow, seen: Seen): Move | null {
    const { now, entries } = seen.work;
    const sender = desk.lane(row.sender).sender;
    const isLate = this.#deadlineOf(row, now) <= now;
    const refusal = isLate ? null : this.#refusalOf(row, sender, seen);
    if (!isLate && refusal === null) return null;
    const reason = refusal ?? 'validity-passed';
    const end = { id: row.id, from: row.state, reason, nextAttemptAt: null };
    const isUnanswered = this.#spool.due.isUnanswered(row);
    const move: Move = isUnanswered
      ? { ...end, to: 'uncertain', dueAt: heldDueAt(this.#rules.settle, now) }
      : { ...end, to: isLate ? 'expired' : 'permanent-failure', dueAt: null };
    /* Else `resend` would bring it back here, again and again. */
    if (isUnanswered && !isLate) this.#spool.control.markRefused(row.id);
    /* One that is no text cannot be shown. */
    const recipient = typeof row.recipient === 'string' ? row.recipient : '';
    const subject = { ...row, account: desk.name, sender, recipient };
    const attempt = row.lastAttempt === 0 ? null : row.lastAttempt;
    entries.push(messageMoved(subject, { ...move, at: now, attempt }));
    return move;
  }

  /* The list is asked last: what is no recipient cannot be on it. */
  #refusalOf(row: ReadyRow, sender: string, { isAnySuppressed }: Seen): string | null {
    const refusal = judgeRow(row, sender);
    if (refusal !== null || !isAnySuppressed) return refusal;
    return this.#spool.suppressions.has(row.recipient) ? 'suppressed' : null;
  }

  #deadlineOf(row: ReadyRow, now: number): number {
    return deadlineOf(row, this.#rules.validityMs, dateOf(row.createdAt, now));
  }

  #claimOf(desk: Desk, { row, lane, limiterMs }: Taken, work: Work): Claim {
    const number = row.lastAttempt + 1;
    const createdAt = dateOf(row.createdAt, work.now);
    return {
      id: row.id,
      number,
      clientRef: this.#spool.claims.clientRef(row.id, number),
      source: { account: row.account, sender: row.sender, campaign: row.campaign },
      turn: { id: row.id, priority: row.priority, expiresAt: row.expiresAt },
      account: desk.name,
      sender: lane.sender,
      recipient: row.recipient,
      text: row.text,
      type: row.type,
      body: row.body,
      udh: row.udh,
      messageClass: row.messageClass,
      entityId: row.entityId,
      contentId: row.contentId,
      accountRef: row.accountRef,
      reference: row.reference,
      onUncertain: row.onUncertain,
      from: row.state,
      createdAt,
      eligibleAt: Math.max(createdAt, row.sendAt ?? 0),
      claimedAt: work.now,
      deadline: deadlineOf(row, this.#rules.validityMs, createdAt),
      attempts: row.attempts + 1,
      throttles: row.throttles,
      price: row.price,
      follows: row.follows,
      hasUnanswered: this.#spool.due.isUnanswered(row),
      limiterMs,
    };
  }
}
