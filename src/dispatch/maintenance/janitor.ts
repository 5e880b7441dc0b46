/**
 * Moves messages whose time has come: attempts that a crash left open, rows whose instant has come, waiting rows past
 * their deadline. Works in small batches inside the dispatcher's transactions; never sends anything.
 */
import type { Policy } from '../../core/account/policy.ts';
import { withRetry, type SourceKey } from '../../core/message/sort-key.ts';
import { dateOf, deadlineOf } from '../../core/message/row-check.ts';
import { unlisted, type State } from '../../core/message/message.ts';
import { expire, giveUp, resend, type Move } from '../../core/message/message-moves.ts';
import { interrupted, lapse } from '../../core/answer/settle.ts';
import type { DueRow, Instants } from '../../spool/write/due.ts';
import type { AttemptEnd } from '../../spool/write/settlements.ts';
import type { Spool } from '../../spool/spool.ts';
import type { Lookups } from '../receive/report-lookups.ts';
import { heldUntil, moveAll, noteMove, type RowMove } from '../message-move.ts';
import type { Reconciler } from '../receive/reconciler.ts';
import type { Participant, Work } from '../work.ts';

const BATCH = 500;
/** Sources looked through for what expires in one step, and rows of each priority of one. */
const SOURCES_PER_STEP = 50;
const OLDEST_PER_SOURCE = 100;
/** How often waiting rows are looked through for passed deadlines. */
const EXPIRY_EVERY_MS = 5_000;
/** An uncertain message that waits for the listener is looked at again after this long (seconds). */
const LISTENER_LOOK_S = 60;

export interface JanitorParts {
  readonly spool: Spool;
  readonly policy: () => Policy;
  readonly reconciler: Reconciler;
  /** Null = the gateway's reports are not asked. */
  readonly lookups: Lookups | null;
  /** Whether something that the reports said is not on disk yet. */
  readonly hasReports: () => boolean;
  /** Whether the answers of this account cannot be read: what is uncertain there is not sent again. */
  readonly isUnreadable: (account: string | null) => boolean;
  /** Since when receipts can reach us (Unix seconds); Infinity = they cannot yet. */
  readonly receiptsSince: () => number;
}

export class Janitor implements Participant {
  readonly #parts: JanitorParts;
  /** At the end of the last step; null = not known. */
  #instants: Instants | null = null;
  #hasNews = true;
  #hasStrays = false;
  #expiryAtMs = 0;
  #sources: SourceKey[] = [];

  constructor(parts: JanitorParts) {
    this.#parts = parts;
  }

  committed(): void {
    /* What was read at the end of the step is true. */
  }

  /** Instants are read again, and all sources are looked through again. */
  rolledBack(): void {
    this.lookAgain();
    this.#sources = [];
    this.#expiryAtMs = 0;
  }

  lookAgain(): void {
    this.#instants = null;
    this.#hasNews = true;
  }

  /** Reads the next instants, when all else of a step is written. */
  lookAhead(): void {
    this.#instants = this.#parts.spool.due.instants();
    if (!this.#hasNews) return;
    this.#hasNews = false;
    this.#hasStrays = this.#parts.spool.due.beyond(1).length > 0;
  }

  /** Somebody committed: there may be rows whose instant is none. They are found when this step ends. */
  noticeNews(): void {
    this.#hasNews = true;
  }

  /** Seconds (Unix) of the next instant a row waits for, its own deadline included; null = none, 0 = not known. */
  get nextDueAt(): number | null {
    if (this.#isHeld) return null;
    if (this.#instants === null || this.#hasStrays) return 0;
    const { nextDueAt, nextExpiryAt } = this.#instants;
    const instants = [nextDueAt, nextExpiryAt].filter((at) => at !== null);
    return instants.length === 0 ? null : Math.min(...instants);
  }

  /** When waiting rows are looked through again (monotonic ms). */
  get expiryAtMs(): number {
    return this.#isHeld ? Infinity : this.#expiryAtMs;
  }

  /** Attempts that a crash left open become uncertain: nobody knows whether the request left. */
  rescue(work: Work): number {
    const rows = this.#parts.spool.due.sending(BATCH);
    if (rows.length === 0) return 0;
    const ended = rows.map((row) => {
      const { id, lastAttempt: number, price, attempts, throttles, cancelAsked } = row;
      const onUncertain = cancelAsked === null ? row.onUncertain : 'hold';
      const open = { number, attempts, throttles, onUncertain };
      const settlement = interrupted(open, this.#parts.policy().settle, work.now);
      return { claim: { id, number, price }, settlement, end: openEnd(work.now), parts: [] };
    });
    const lost = new Set(this.#parts.spool.settlements.write(ended).map(({ claim }) => claim.id));
    const rescued = rows.filter(({ id }) => !lost.has(id));
    const move = { to: 'uncertain', reason: 'interrupted', nextAttemptAt: null } as const;
    for (const row of rescued) {
      noteMove(this.#parts.policy, row, { ...move, from: row.state }, work);
      /* A receipt may have come while the attempt was open. */
      if (this.#parts.spool.receipts.hasAny(row.id)) this.#parts.reconciler.look(row.id, work);
    }
    return rescued.length;
  }

  /** Rows whose instant has come. `offer` receives those that are ready now. */
  due(work: Work, offer: (row: DueRow) => void): void {
    if (this.#isHeld) return;
    if (this.#hasStrays) this.#release(offer);
    const { nextDueAt } = this.#known;
    if (nextDueAt === null || nextDueAt > work.now) return;
    const moves: RowMove<DueRow>[] = [];
    const waits: { id: number; state: State; dueAt: number | null }[] = [];
    for (const row of this.#parts.spool.due.due(work.now, BATCH)) {
      const { id, state } = row;
      const next = this.#dueMove(row, work);
      if (next === 'done') continue;
      if ('to' in next) moves.push({ row, move: next });
      else waits.push({ id, state, dueAt: next.dueAt });
      if (state === 'queued' || state === 'retry') offer(row);
    }
    for (const { row, move } of moveAll(this.#parts, moves, work)) {
      if (move.to === 'retry') offer({ ...row, rank: withRetry(row.rank, true) });
    }
    if (waits.length > 0) this.#parts.spool.moves.setDue(waits);
  }

  /** Moves waiting rows past their deadline to `expired`; `sources` names where rows wait. */
  expire(work: Work, sources: () => SourceKey[]): void {
    if (this.#isHeld) return;
    const { nextExpiryAt } = this.#known;
    const isOwn = nextExpiryAt !== null && nextExpiryAt <= work.now;
    if (isOwn) this.#expireRows(this.#parts.spool.due.expiring(work.now, BATCH), work);
    if (work.nowMs < this.#expiryAtMs) return;
    if (this.#sources.length === 0) this.#sources = sources();
    const oldest = this.#sources
      .splice(0, SOURCES_PER_STEP)
      .flatMap((source) => this.#oldestOf(source, work.now));
    const misdated = oldest.filter((row) => dateOf(row.createdAt, work.now) !== row.createdAt);
    const ids = misdated.map(({ id }) => id);
    if (ids.length > 0) this.#parts.spool.moves.redate(ids, work.now);
    const late = oldest.filter((row) => this.#deadlineOf(row, work.now) <= work.now);
    this.#expireRows(late, work);
    const isBusy = this.#sources.length > 0 || late.length >= OLDEST_PER_SOURCE;
    this.#expiryAtMs = work.nowMs + (isBusy ? 0 : EXPIRY_EVERY_MS);
  }

  /* Most sources have nothing to expire: their first rows tell, and the others are not read. */
  #oldestOf(source: SourceKey, now: number): readonly DueRow[] {
    const { due } = this.#parts.spool;
    const heads = [...due.oldest(source, 1)];
    const hasNews = heads.some(
      (row) => this.#deadlineOf(row, now) <= now || dateOf(row.createdAt, now) !== row.createdAt,
    );
    return hasNews ? [...due.oldest(source, OLDEST_PER_SOURCE)] : heads;
  }

  /* What waited when a backup was made may have gone since: that it expired unsent is not ours to say. */
  get #isHeld(): boolean {
    return this.#parts.spool.restored.mark !== null;
  }

  #expireRows(rows: readonly DueRow[], work: Work): void {
    const moves = rows.flatMap((row) => {
      const { id, state } = row;
      if (state !== 'queued' && state !== 'retry') return [];
      return { row, move: expire({ id, state }, heldUntil(this.#parts, row, work)) };
    });
    moveAll(this.#parts, moves, work);
  }

  get #known(): Instants {
    return (this.#instants ??= this.#parts.spool.due.instants());
  }

  /* Queued rows whose instant is none become ready: the claimer says what is wrong with them. */
  #release(offer: (row: DueRow) => void): void {
    const rows = this.#parts.spool.due.beyond(BATCH);
    this.#hasStrays = rows.length === BATCH;
    if (rows.length > 0)
      this.#parts.spool.moves.setDue(rows.map(({ id, state }) => ({ id, state, dueAt: null })));
    for (const row of rows) offer(row);
  }

  #deadlineOf(row: DueRow, now: number): number {
    return deadlineOf(row, this.#parts.policy().validityMs, dateOf(row.createdAt, now));
  }

  /* `dueAt` alone = look again then; null = ready, or final. 'done' = nothing is left to do. */
  #dueMove(row: DueRow, work: Work): Move | { readonly dueAt: number | null } | 'done' {
    switch (row.state) {
      case 'uncertain':
        if (this.#parts.hasReports()) return { dueAt: work.now + 1 };
        return this.#lapse({ ...row, state: row.state }, work.now);
      case 'await-receipt': {
        const dueAt = this.#parts.hasReports() ? work.now + 1 : this.#askForParts(row, work.now);
        if (dueAt !== null) return { dueAt };
        this.#parts.reconciler.overdue(row, work);
        return 'done';
      }
      case 'queued':
      case 'retry':
      case 'sending':
      case 'delivered':
      case 'undelivered':
      case 'unconfirmed':
      case 'permanent-failure':
      case 'expired':
      case 'cancelled':
        return { dueAt: null };
      default:
        return unlisted(row.state, { dueAt: null });
    }
  }

  #accountOf({ account }: DueRow): string | null {
    return account ?? this.#parts.policy().defaultAccount;
  }

  /* Null = the policy asks no reports. */
  get #lookups(): Lookups | null {
    return this.#parts.policy().settle.lookAfterMs === null ? null : this.#parts.lookups;
  }

  /* Null = there is nothing more to ask. */
  #askForParts(row: DueRow, now: number): number | null {
    const lookups = this.#lookups;
    const account = this.#accountOf(row);
    const { expect } = this.#parts.policy().settle.receipts;
    if (lookups === null || account === null || !expect) return null;
    const { id } = row;
    return lookups.lapsing(
      { id, account, gatewayIds: this.#parts.spool.ledgers.gatewayIds(id) },
      now,
    );
  }

  /* Null = there is nothing more to ask. */
  #askForAttempt(row: DueRow, now: number): number | null {
    const account = this.#accountOf(row);
    const beganAt = this.#parts.spool.ledgers.unansweredSince(row.id);
    if (account === null || beganAt === null) return null;
    const { id, recipient, updatedAt: since } = row;
    return this.#lookups?.uncertain({ id, account, recipient, beganAt, since }, now) ?? null;
  }

  /* A receipt must have had its time to come, and the reports must have been asked. */
  #mayLapseAt(row: DueRow, now: number): number {
    const askedAgainAt = this.#askForAttempt(row, now) ?? now;
    const { receipts, uncertainAfterMs, onUncertain } = this.#parts.policy().settle;
    const wish = row.cancelAsked === null ? (row.onUncertain ?? onUncertain) : 'hold';
    if (!receipts.expect && wish === 'hold') return askedAgainAt;
    const heardSince = receipts.expect ? this.#parts.receiptsSince() : row.updatedAt;
    return Math.max(askedAgainAt, Math.max(row.updatedAt, heardSince) + uncertainAfterMs / 1000);
  }

  #lapse(
    row: DueRow & { readonly state: 'uncertain' },
    now: number,
  ): Move | { readonly dueAt: number } {
    const mayLapseAt = this.#mayLapseAt(row, now);
    if (mayLapseAt > now) return { dueAt: Math.min(mayLapseAt, now + LISTENER_LOOK_S) };
    const next = lapse({
      onUncertain: row.onUncertain,
      isCancelAsked: row.cancelAsked !== null,
      isAnswered: this.#parts.spool.due.isLastAnswered(row.id),
      attempts: row.attempts,
      deadline: this.#deadlineOf(row, now),
      since: row.updatedAt,
      now,
      policy: this.#parts.policy().settle,
    });
    if (next.to === null) return { dueAt: next.dueAt };
    if (next.to === 'unconfirmed') return giveUp(row);
    const isUnreadable = this.#parts.isUnreadable(this.#accountOf(row));
    return isUnreadable ? { dueAt: now + LISTENER_LOOK_S } : resend(row, now);
  }
}

function openEnd(now: number): AttemptEnd {
  const unknown = { httpStatus: null, status: null, errorText: null, traceId: null };
  return { ...unknown, endedAt: now, route: 'uncertain', scope: 'message' };
}
