/**
 * Permit → claim with its attempt on disk: takes rows whose turn it is from the account queues and writes the claims.
 * Rows that are past their deadline, cannot be sent, are to somebody suppressed or have to wait are moved on
 * the way and cost no permit.
 *
 * Always holds: however many have to be moved, a step moves a few and leaves the rest to the next ones, so
 * that nobody else waits for them.
 */
import type { MessageReason } from '../../core/codes/reasons.ts';
import type { Policy } from '../../core/account/policy.ts';
import type { RowQueueKey } from '../../core/message/sort-key.ts';
import type { Claim } from '../../core/message/claim.ts';
import {
  NOT_ALLOWED,
  dateOf,
  deadlineOf,
  isAllowed,
  judgeRow,
} from '../../core/message/row-check.ts';
import { cancel, expire, refuse } from '../../core/message/message-moves.ts';
import type { ReadyRow } from '../../spool/write/claims.ts';
import type { Spool } from '../../spool/spool.ts';
import type { Wait } from '../../spool/write/move-rows.ts';
import type { AccountQueue, Taken } from './account-queue.ts';
import { Holds } from './holds.ts';
import { heldUntil, moveAll, type MoveParts, type Moving } from '../message-move.ts';
import { findUnlike } from './unlike-rows.ts';
import type { KeptBack, Work } from '../work.ts';

/** A step stops after the account with which it has claimed this number of rows. The event loop reads its sockets
 *  before the next step, which begins with the account after it. */
const CLAIMS_MAX = 64;
/** Rows that one step moves out of the way for an account queue; the rest is for the next ones. */
const MOVED_MAX = 1_000;
/** Rows that are looked at at once where one of the first had to be moved. */
const SWEEP = 250;
/** Rows that one step makes ready after the rules that they wait by have changed. */
const RELEASED_MAX = 1_000;

/** Claims that have just been committed, by the account queue they were made for. */
export type NewClaims = ReadonlyMap<AccountQueue, readonly Claim[]>;

/** Which messages a cancel is about that is being worked through. */
export interface OpenCancels {
  readonly isCancelling: boolean;
  /** The control row that cancels the message; null = none does. */
  cancelOf(messageId: number): number | null;
  /** A message was taken back by that control row. */
  tookBack(controlId: number): void;
}

export interface ClaimerHooks {
  /** Rows have become ready that nobody was offered. */
  readonly onReleased: () => void;
  readonly cancels: () => OpenCancels;
}

/** What holds for all rows of one look. */
interface Seen {
  readonly queue: AccountQueue;
  readonly work: Work;
  /** False: nobody is on the list, and no row pays for asking. */
  readonly isAnySuppressed: boolean;
}

/** What is to be done with rows that cannot be claimed; nothing of it is done yet. */
interface Stale {
  readonly moves: Ending[];
  readonly waits: Wait[];
  readonly held: KeptBack[];
}

/** The end of a row that cannot be claimed. */
interface Ending extends Moving {
  /** The request that it is taken back for; null = it ends for another reason. */
  readonly controlId: number | null;
}

export class Claimer {
  readonly #parts: MoveParts;
  readonly #spool: Spool;
  readonly #policy: () => Policy;
  readonly #onReleased: () => void;
  readonly #cancels: ClaimerHooks['cancels'];
  #holds: Holds | null = null;
  /** The rules that `#holds` goes by, and as the spool keeps them. */
  #heldBy: Policy['holds'] = null;
  #holdRules = '';
  #areRulesKept = false;
  /** Row queues with more stale rows than this step moves, each with its account. */
  readonly #unfinished = new Map<RowQueueKey, AccountQueue>();
  #mayMove = 0;
  /** The first account that the last step left out; null = it left out none. */
  #next: AccountQueue | null = null;

  constructor(spool: Spool, policy: () => Policy, { onReleased, cancels }: ClaimerHooks) {
    this.#parts = { spool, policy };
    this.#spool = spool;
    this.#policy = policy;
    this.#onReleased = onReleased;
    this.#cancels = cancels;
  }

  /** Claims rows for each account, at most the number given for it. The caller hands them out after the commit. */
  claim(wanted: ReadonlyMap<AccountQueue, number>, work: Work): NewClaims {
    this.#unfinished.clear();
    this.#follow(this.#policy().holds);
    if (!this.#areRulesKept) this.#release(work.now);
    const claims = new Map<AccountQueue, readonly Claim[]>();
    let count = 0;
    const inTurn = this.#inTurn(wanted);
    this.#next = null;
    for (const [queue, limit] of inTurn) {
      if (limit > 0 && count >= CLAIMS_MAX) this.#next ??= queue;
      const mayTake = limit > 0 && this.#next === null;
      const taken = mayTake ? this.#claimFor(queue, limit, work) : [];
      claims.set(queue, taken);
      count += taken.length;
    }
    /* Of all accounts at once: a statement for many rows costs less than one for each account. */
    const all = [...claims.values()].flat();
    this.#spool.claims.write(all, work.now);
    work.claims.push(...all);
    for (const [rowQueue, queue] of this.#unfinished) {
      for (const row of this.#spool.claims.peek(rowQueue, 1, 0)) queue.offer(row, row);
    }
    return claims;
  }

  #inTurn(wanted: ReadonlyMap<AccountQueue, number>): Iterable<readonly [AccountQueue, number]> {
    if (this.#next === null) return wanted;
    const queues = [...wanted];
    const first = Math.max(
      0,
      queues.findIndex(([queue]) => queue === this.#next),
    );
    return [...queues.slice(first), ...queues.slice(0, first)];
  }

  #claimFor(queue: AccountQueue, limit: number, work: Work): readonly Claim[] {
    this.#mayMove = MOVED_MAX;
    this.#holds?.begin();
    return this.#take(queue, limit, work);
  }

  #follow(holds: Policy['holds']): void {
    if (holds === this.#heldBy) return;
    this.#heldBy = holds;
    this.#holds = holds ? new Holds(this.#spool.recent, holds) : null;
    this.#holdRules = holds ? JSON.stringify(holds) : '';
    this.#areRulesKept = false;
  }

  #take(queue: AccountQueue, limit: number, work: Work): readonly Claim[] {
    const taken = queue.take(
      limit,
      work,
      (rowQueue, count, skip) => this.#peek(queue, rowQueue, { count, skip }, work),
      (lanes, run) =>
        findUnlike(lanes, run, {
          spool: this.#spool,
          account: queue.name,
          defaultSender: queue.lane(null).sender,
          sift: (row) => this.#sift(row, queue, work),
        }),
    );
    if (taken.length === 0) return [];
    const claims = taken.map((one) => this.#claimOf(queue, one, work));
    const misdated = taken.filter(({ row }, index) => claims[index]?.createdAt !== row.createdAt);
    if (misdated.length > 0) {
      this.#spool.moves.redate(
        misdated.map(({ row }) => row.id),
        work.now,
      );
    }
    this.#holds?.claimed(claims, work.now);
    return claims;
  }

  /* Reads rows that can be sent; moves the others out of the way first. */
  #peek(
    queue: AccountQueue,
    rowQueue: RowQueueKey,
    range: { readonly count: number; readonly skip: number },
    work: Work,
  ): ReadyRow[] {
    const seen = { queue, work, isAnySuppressed: !this.#spool.suppressions.isEmpty() };
    let { count } = range;
    for (;;) {
      const rows = this.#spool.claims.peek(rowQueue, count, range.skip);
      const stale = this.#staleOf(rows, seen);
      if (stale.moves.length + stale.waits.length === 0) {
        return rows.length > range.count ? rows.slice(0, range.count) : rows;
      }
      if (this.#mayMove <= 0) break;
      this.#write(stale, work);
      count = Math.max(range.count, SWEEP);
    }
    this.#unfinished.set(rowQueue, seen.queue);
    return [];
  }

  /* Whether a row that was picked out of its turn can be sent. */
  #sift(row: ReadyRow, queue: AccountQueue, work: Work): 'may-go' | 'moved' | 'enough' {
    const seen = { queue, work, isAnySuppressed: !this.#spool.suppressions.isEmpty() };
    const stale = this.#staleOf([row], seen);
    if (stale.moves.length + stale.waits.length === 0) return 'may-go';
    if (this.#mayMove <= 0) return 'enough';
    this.#write(stale, work);
    return 'moved';
  }

  #staleOf(rows: readonly ReadyRow[], seen: Seen): Stale {
    const stale: Stale = { moves: [], waits: [], held: [] };
    for (const row of rows) {
      const ending = this.#endingOf(row, seen);
      if (ending !== null) {
        stale.moves.push(ending);
        continue;
      }
      const wait = this.#waitOf(row, seen.work.now);
      if (wait === null) continue;
      stale.waits.push(wait);
      stale.held.push({ row, until: wait.until });
    }
    return stale;
  }

  #write({ moves, waits, held }: Stale, work: Work): void {
    for (const { controlId } of moveAll(this.#parts, moves, work)) {
      if (controlId !== null) this.#cancels().tookBack(controlId);
    }
    const waiting = new Set(this.#spool.waits.write(waits, work.now));
    work.held.push(...held.filter(({ row }) => waiting.has(row.id)));
    this.#mayMove -= moves.length + waits.length;
  }

  #waitOf(row: ReadyRow, now: number): Wait | null {
    if (this.#holds === null) return null;
    const hold = this.#holds.holdOf(row, now);
    if (hold === null) return null;
    /* Looked at no later than its deadline: it then expires on time. */
    return { id: row.id, ...hold, dueAt: Math.min(hold.until, this.#deadlineOf(row, now)) };
  }

  /* Rows may wait by rules that hold no more: they are judged anew. Believed when the spool has the new ones,
   * since this transaction may be rolled back. */
  #release(now: number): void {
    const { waits } = this.#spool;
    this.#areRulesKept = waits.rules === this.#holdRules;
    if (this.#areRulesKept) return;
    const released = waits.release(now, RELEASED_MAX);
    if (released > 0) this.#onReleased();
    if (released < RELEASED_MAX) waits.saveRules(this.#holdRules);
  }

  /* Null = the row is not at its end. */
  #endingOf(row: ReadyRow, seen: Seen): Ending | null {
    const { queue, work } = seen;
    const { sender } = queue.lane(row.sender);
    const isLate = this.#deadlineOf(row, work.now) <= work.now;
    const refusal = isLate ? null : this.#refusalOf(row, sender, seen);
    const controlId = isLate || refusal !== null ? null : this.#cancelOf(row);
    if (!isLate && refusal === null && controlId === null) return null;
    const until = heldUntil(this.#parts, row, work);
    /* One that is no text cannot be shown. */
    const recipient = typeof row.recipient === 'string' ? row.recipient : '';
    const subject = { ...row, account: queue.name, sender, recipient };
    if (controlId !== null) return { row: subject, move: cancel(row, controlId, until), controlId };
    const move = refusal === null ? expire(row, until) : refuse(row, refusal, until);
    return { row: subject, move, controlId };
  }

  /* A cancel is being worked through, and has not come to this row. */
  #cancelOf({ id }: ReadyRow): number | null {
    const cancels = this.#cancels();
    return cancels.isCancelling ? cancels.cancelOf(id) : null;
  }

  /* The list is asked last: what is no recipient cannot be on it. */
  #refusalOf(
    row: ReadyRow,
    sender: string | null,
    { queue, work, isAnySuppressed }: Seen,
  ): MessageReason | null {
    const refusal = judgeRow(row, sender);
    if (refusal !== null) return refusal;
    if (row.type === 'binary' && !queue.gateway.capabilities.binary) return NOT_ALLOWED;
    const { allow } = this.#policy();
    if (allow !== null && !isAllowed(row, sender, allow)) return NOT_ALLOWED;
    if (isAnySuppressed && this.#spool.suppressions.has(row.recipient)) return 'suppressed';
    return this.#holds?.isRepeated(row, work.now) === true ? 'duplicate-text' : null;
  }

  #deadlineOf(row: ReadyRow, now: number): number {
    return deadlineOf(row, this.#policy().validityMs, dateOf(row.createdAt, now));
  }

  #claimOf(queue: AccountQueue, { row, lane, limiterMs }: Taken, work: Work): Claim {
    const number = row.lastAttempt + 1;
    const createdAt = dateOf(row.createdAt, work.now);
    const { id, rank, expiresAt, sendAt } = row;
    const { sender } = lane;
    if (sender === null) throw new Error(`message ${id} without a sender was taken`);
    const eligibleAt = Math.max(createdAt, sendAt ?? 0);
    return {
      id,
      number,
      clientRef: this.#spool.claims.clientRef(id, number),
      source: { account: row.account, sender: row.sender, campaign: row.campaign },
      turn: { id, rank, expiresAt, createdAt, sendAt },
      account: queue.name,
      sender,
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
      eligibleAt,
      waitedSinceAt: Math.max(eligibleAt, row.nextAttemptAt ?? 0),
      claimedAt: work.now,
      deadline: deadlineOf(row, this.#policy().validityMs, createdAt),
      attempts: row.attempts + 1,
      throttles: row.throttles,
      price: row.price,
      follows: row.follows,
      hasUnanswered: this.#spool.due.isUnanswered(row),
      limiterMs,
    };
  }
}
