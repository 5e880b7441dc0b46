/**
 * What the passing of time does to messages: rescue at start, rows whose instant has come, waiting rows past
 * their deadline. Works in small batches inside the dispatcher's transactions; never sends anything.
 */
import type { SourceKey } from '../core/turn.ts';
import { dateOf, deadlineOf } from '../core/judge-row.ts';
import { heldDueAt, interrupted, lapse } from '../core/settle.ts';
import { messageMoved, type Entry } from '../events.ts';
import type { DueRow } from '../spool/due.ts';
import type { Move } from '../spool/moves.ts';
import type { AttemptEnd } from '../spool/settlements.ts';
import type { Spool } from '../spool/spool.ts';
import type { Rules, Work } from './work.ts';

/** Rows handled in one step. */
const BATCH = 500;
/** Sources looked through for what expires in one step, and rows of each priority of one. */
const SOURCES_PER_STEP = 50;
const OLDEST_PER_SOURCE = 100;
/** How often waiting rows are looked through for passed deadlines. */
const EXPIRY_EVERY_MS = 5_000;

export class Janitor {
  readonly #spool: Spool;
  readonly #rules: Rules;
  #nextDueAt: number | null = null;
  #nextExpiryAt: number | null = null;
  #isDueKnown = false;
  #hasNews = true;
  #hasStrays = false;
  #expiryAtMs = 0;
  #sources: SourceKey[] = [];

  constructor(spool: Spool, rules: Rules) {
    this.#spool = spool;
    this.#rules = rules;
  }

  /** Instants may have changed: a row was given one. They are read again when they are asked for. */
  lookAgain(): void {
    this.#isDueKnown = false;
  }

  /** Somebody committed: there may be rows whose instant is none. Found when instants are read next. */
  noticeNews(): void {
    this.#hasNews = true;
  }

  /** Seconds (Unix) of the next instant a row waits for, its own deadline included; null = none. */
  get nextDueAt(): number | null {
    this.#learnInstants();
    if (this.#hasStrays) return 0;
    const instants = [this.#nextDueAt, this.#nextExpiryAt].filter((at) => at !== null);
    return instants.length === 0 ? null : Math.min(...instants);
  }

  /** When waiting rows are looked through again (monotonic ms). */
  get expiryAtMs(): number {
    return this.#expiryAtMs;
  }

  /** Attempts that a crash left open become uncertain: nobody knows whether the request left. */
  rescue(work: Work): number {
    const rows = this.#spool.due.sending(BATCH);
    const ended = rows.map((row) => {
      const claim = { id: row.id, number: row.lastAttempt, price: row.price };
      const settlement = interrupted(
        {
          number: row.lastAttempt,
          attempts: row.attempts,
          throttles: row.throttles,
          onUncertain: row.cancelAsked === null ? row.onUncertain : 'hold',
        },
        this.#rules.settle,
        work.now,
      );
      return { claim, settlement, end: openEnd(work.now), parts: [] };
    });
    if (ended.length > 0) this.#spool.settlements.write(ended);
    for (const row of rows)
      work.entries.push(this.#moved(row, 'uncertain', 'interrupted', work.now));
    return rows.length;
  }

  /** Rows whose instant has come. `offer` receives those that are ready now. */
  due(work: Work, offer: (row: DueRow) => void): void {
    this.#learnInstants();
    if (this.#hasStrays) this.#release(offer);
    if (this.#nextDueAt === null || this.#nextDueAt > work.now) return;
    const rows = this.#spool.due.due(work.now, BATCH);
    const moves: Move[] = [];
    const waits: { id: number; dueAt: number | null }[] = [];
    for (const row of rows) {
      const next = this.#dueMove(row, work.now);
      if (next === null || !('to' in next)) waits.push({ id: row.id, dueAt: next?.dueAt ?? null });
      else moves.push(next);
      if (next === null) offer(row);
      else if ('to' in next) {
        work.entries.push(this.#moved(row, next.to, next.reason, work.now));
        if (next.to === 'retry') offer(row);
      }
    }
    if (moves.length > 0) this.#spool.moves.write(moves, work.now);
    if (waits.length > 0) this.#spool.moves.setDue(waits);
    this.lookAgain();
  }

  /** Moves waiting rows past their deadline to `expired`; `sources` names where rows wait. */
  expire(work: Work, sources: () => SourceKey[]): void {
    this.#learnInstants();
    const isOwn = this.#nextExpiryAt !== null && this.#nextExpiryAt <= work.now;
    if (isOwn) this.#expireRows(this.#spool.due.expiring(work.now, BATCH), work);
    if (work.nowMs < this.#expiryAtMs) return;
    if (this.#sources.length === 0) this.#sources = sources();
    const oldest = this.#sources
      .splice(0, SOURCES_PER_STEP)
      .flatMap((source) => [...this.#spool.due.oldest(source, OLDEST_PER_SOURCE)]);
    const misdated = oldest.filter((row) => dateOf(row.createdAt, work.now) !== row.createdAt);
    if (misdated.length > 0) {
      this.#spool.moves.redate(
        misdated.map((row) => row.id),
        work.now,
      );
    }
    const late = oldest.filter((row) => this.#deadlineOf(row, work.now) <= work.now);
    this.#expireRows(late, work);
    const isBusy = this.#sources.length > 0 || late.length >= OLDEST_PER_SOURCE;
    this.#expiryAtMs = work.nowMs + (isBusy ? 0 : EXPIRY_EVERY_MS);
  }

  #expireRows(rows: readonly DueRow[], work: Work): void {
    const moves = rows.flatMap((row) => {
      const move = this.#expiryOf(row, work.now);
      if (move !== null) work.entries.push(this.#moved(row, move.to, move.reason, work.now));
      return move ?? [];
    });
    if (moves.length > 0) this.#spool.moves.write(moves, work.now);
    this.lookAgain();
  }

  #learnInstants(): void {
    if (this.#isDueKnown) return;
    this.#nextDueAt = this.#spool.due.nextDueAt();
    this.#nextExpiryAt = this.#spool.due.nextExpiryAt();
    this.#isDueKnown = true;
    if (!this.#hasNews) return;
    this.#hasNews = false;
    this.#hasStrays = this.#spool.due.beyond(1).length > 0;
  }

  #moved(row: DueRow, to: Move['to'], reason: string, at: number): Entry {
    const account = row.account ?? this.#rules.defaultAccount;
    const attempt = row.lastAttempt === 0 ? null : row.lastAttempt;
    return messageMoved({ ...row, account }, { from: row.state, to, reason, at, attempt });
  }

  /* Queued rows whose instant is none become ready: the claimer says what is wrong with them. */
  #release(offer: (row: DueRow) => void): void {
    const rows = this.#spool.due.beyond(BATCH);
    this.#hasStrays = rows.length === BATCH;
    if (rows.length > 0) this.#spool.moves.setDue(rows.map(({ id }) => ({ id, dueAt: null })));
    for (const row of rows) offer(row);
  }

  #deadlineOf(row: DueRow, now: number): number {
    return deadlineOf(row, this.#rules.validityMs, dateOf(row.createdAt, now));
  }

  #expiryOf(row: DueRow, now: number): Move | null {
    if (row.state !== 'queued' && row.state !== 'retry') return null;
    const rest = { id: row.id, from: row.state, reason: 'validity-passed', nextAttemptAt: null };
    if (!this.#spool.due.isUnanswered(row)) return { ...rest, to: 'expired', dueAt: null };
    return { ...rest, to: 'uncertain', dueAt: heldDueAt(this.#rules.settle, now) };
  }

  /* Null = ready now; `dueAt` alone = look again then. */
  #dueMove(row: DueRow, now: number): Move | { readonly dueAt: number } | null {
    const base = { id: row.id, dueAt: null, nextAttemptAt: null };
    if (row.state === 'uncertain') return this.#lapse(row, now);
    if (row.state === 'await-receipt') {
      const reason = this.#rules.settle.receipts.expect
        ? 'no-final-receipt'
        : 'receipts-not-expected';
      return { ...base, from: row.state, to: 'unconfirmed', reason };
    }
    return null;
  }

  #lapse(row: DueRow, now: number): Move | { readonly dueAt: number } {
    const next = lapse({
      onUncertain: row.onUncertain,
      isCancelAsked: row.cancelAsked !== null,
      isAnswered: this.#spool.due.isLastAnswered(row.id),
      attempts: row.attempts,
      deadline: this.#deadlineOf(row, now),
      since: row.updatedAt,
      now,
      policy: this.#rules.settle,
    });
    if (next.to === null) return { dueAt: next.dueAt };
    const base = { id: row.id, from: 'uncertain', dueAt: null, nextAttemptAt: null } as const;
    return next.to === 'retry'
      ? { ...base, to: 'retry', reason: 'resend', nextAttemptAt: now }
      : { ...base, to: 'unconfirmed', reason: 'unanswered' };
  }
}

function openEnd(now: number): AttemptEnd {
  const unknown = { httpStatus: null, status: null, errorText: null, traceId: null };
  return { ...unknown, endedAt: now, route: 'uncertain', scope: 'message' };
}
