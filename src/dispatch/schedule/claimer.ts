/**
 * Claims rows: takes what is next and may go from the account queues, and writes each claim with its attempt.
 *
 * Always holds: the pass over all account queues only reads; what it found is written after it, in one place. A step
 * claims few enough rows that the event loop reads its sockets in between.
 */
import type { Policy } from '../../core/account/policy.ts';
import type { Claim } from '../../core/message/claim.ts';
import { dateOf, deadlineOf } from '../../core/message/row-check.ts';
import type { Spool } from '../../spool/spool.ts';
import { moveAll } from '../message-move.ts';
import type { Work } from '../work.ts';
import type { AccountQueue, TakenRow } from './account-queue.ts';
import { Holds } from './holds.ts';
import { RowJudge, type OpenCancels, type StaleRows } from './row-judge.ts';

/** A step stops after the account with which it has claimed this number of rows; the next step begins after it. */
const CLAIMS_MAX = 64;
/** Rows that one step makes ready after the rules that they wait by have changed. */
const RELEASED_MAX = 1_000;

/** Claims that have just been committed, by the account queue they were made for. */
export type NewClaims = ReadonlyMap<AccountQueue, readonly Claim[]>;

export interface ClaimerHooks {
  /** Rows have become ready that nobody was offered. */
  readonly onReleased: () => void;
  readonly cancels: OpenCancels;
}

export class Claimer {
  readonly #spool: Spool;
  readonly #policy: () => Policy;
  readonly #hooks: ClaimerHooks;
  #holds: Holds | null = null;
  /** The rules of `#holds`, and whether the spool has them. */
  #rules: Policy['holds'] = null;
  #areRulesKept = false;
  /** The first account that the last step left out; null = it left out none. */
  #next: AccountQueue | null = null;

  constructor(spool: Spool, policy: () => Policy, hooks: ClaimerHooks) {
    this.#spool = spool;
    this.#policy = policy;
    this.#hooks = hooks;
  }

  /** Claims rows for each account, at most the number given for it. The caller hands them out after the commit. */
  claim(wanted: ReadonlyMap<AccountQueue, number>, work: Work): NewClaims {
    this.#follow(this.#policy().holds);
    if (!this.#areRulesKept) this.#release(work.now);
    this.#holds?.begin();
    const { cancels } = this.#hooks;
    const stale: StaleRows = { endings: [], waits: [] };
    const own = { spool: this.#spool, policy: this.#policy, holds: this.#holds };
    const parts = { ...own, cancels, stale, work };
    const claims = new Map<AccountQueue, readonly Claim[]>();
    let count = 0;
    const inTurn = this.#inTurn(wanted);
    this.#next = null;
    for (const [queue, limit] of inTurn) {
      if (limit > 0 && count >= CLAIMS_MAX) this.#next ??= queue;
      const mayTake = limit > 0 && this.#next === null;
      const taken = mayTake ? queue.take(limit, work, new RowJudge({ ...parts, queue })) : [];
      claims.set(
        queue,
        taken.map((one) => this.#claimOf(queue, one, work)),
      );
      count += taken.length;
    }
    this.#writeStale(stale, work);
    this.#write([...claims.values()].flat(), work);
    return claims;
  }

  #inTurn(wanted: ReadonlyMap<AccountQueue, number>): Iterable<readonly [AccountQueue, number]> {
    const queues = [...wanted];
    const first = queues.findIndex(([queue]) => queue === this.#next);
    return first < 0 ? queues : [...queues.slice(first), ...queues.slice(0, first)];
  }

  #writeStale({ endings, waits }: StaleRows, work: Work): void {
    const parts = { spool: this.#spool, policy: this.#policy };
    for (const { controlId } of moveAll(parts, endings, work)) {
      if (controlId !== null) this.#hooks.cancels.tookBack(controlId);
    }
    if (waits.length === 0) return;
    const waiting = new Set(this.#spool.waits.write(waits, work.now));
    work.held.push(...waits.filter(({ id }) => waiting.has(id)));
  }

  /* Of all accounts at once: a statement for many rows costs less than one for each account. */
  #write(claims: readonly Claim[], work: Work): void {
    this.#spool.claims.write(claims, work.now);
    const misdated = claims.filter(({ row, createdAt }) => row.createdAt !== createdAt);
    const ids = misdated.map(({ id }) => id);
    if (ids.length > 0) this.#spool.moves.redate(ids, work.now);
    this.#holds?.claimed(claims, work.now);
    work.claims.push(...claims);
  }

  #follow(rules: Policy['holds']): void {
    if (rules === this.#rules) return;
    this.#rules = rules;
    this.#holds = rules === null ? null : new Holds(this.#spool.recent, rules);
    this.#areRulesKept = false;
  }

  /* Rows that wait by other rules are judged again. The rules count as kept once they are read from the spool, since
   * this transaction may be rolled back. */
  #release(now: number): void {
    const { waits } = this.#spool;
    const rules = this.#rules === null ? '' : JSON.stringify(this.#rules);
    this.#areRulesKept = waits.rules === rules;
    if (this.#areRulesKept) return;
    const released = waits.release(now, RELEASED_MAX);
    if (released > 0) this.#hooks.onReleased();
    if (released < RELEASED_MAX) waits.saveRules(rules);
  }

  #claimOf(queue: AccountQueue, { row, lane, limiterMs }: TakenRow, work: Work): Claim {
    const number = row.lastAttempt + 1;
    const createdAt = dateOf(row.createdAt, work.now);
    const { id } = row;
    const { sender } = lane;
    if (sender === null) throw new Error(`message ${id} without a sender was taken`);
    const eligibleAt = Math.max(createdAt, row.sendAt ?? 0);
    return {
      id,
      number,
      clientRef: this.#spool.claims.clientRef(id, number),
      row,
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
