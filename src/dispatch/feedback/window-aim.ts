/**
 * Aims the permits of an account at the gateway's fixed windows, once its texts have named the limit and told when a
 * window ends.
 *
 * Always holds: windows are aimed at only while the whole named limit is available, most of a window was ours, and few
 * permits miss it.
 */
import type { LaneAct } from '../../core/answer/verdict.ts';
import type { WindowSchedule } from '../../limiter/meter.ts';
import type { Learner } from '../../limiter/rate-learner.ts';
import { WindowPhase } from '../../limiter/window-phase.ts';
import type { LaneAnswer } from './throttle-response.ts';

/** The account's windows, as the gateway documents them; its text may name others. */
const WINDOW_MS = 1_000;
/** From the permit to the request: more is no commit but a slot that was waited for. */
const LAG_MAX_MS = 60;
/** A limit that the gateway named is believed for this time. */
const NAMED_FOR_MS = 3_600_000;
/** At least this share of a window that is said to be full was ours. */
const OURS = 0.7;
/** Permits are even for `EVEN_MS` once `MISSED_MIN` of the last `MISSED_OF` answers to aimed permits, and `MISSED_SHARE`
 *  of them, were throttled. */
const MISSED_MIN = 4;
const MISSED_SHARE = 0.01;
const MISSED_OF = 2_000;
const EVEN_MS = 600_000;

export type ThrottleAct = Extract<LaneAct, { readonly kind: 'wait' }>;

export class WindowAim {
  readonly #learner: Learner;
  readonly #phase = new WindowPhase();
  /** The limit that a text named, and when (monotonic ms). */
  #named: { readonly limit: number; readonly atMs: number } | null = null;
  /** Answers to aimed permits, and throttled ones among them. Older ones count less. */
  #aimed = { answered: 0, refused: 0 };
  /** Until when permits are even (monotonic ms); null = they may be aimed. */
  #evenUntilMs: number | null = null;

  constructor(learner: Learner) {
    this.#learner = learner;
  }

  /** Requests per second; null = no text named a limit that is believed. */
  get namedLimit(): number | null {
    return this.#named?.limit ?? null;
  }

  /** A throttled answer came. Returns true if its text names another limit than before. */
  refused(
    answer: LaneAnswer,
    { limit, waitMs, intervalMs }: ThrottleAct,
    isAimed: boolean,
  ): boolean {
    if (isAimed) this.#miss(answer.nowMs);
    if (limit === null) return false;
    if (waitMs !== null)
      this.#see(answer, { limit, leftMs: waitMs, intervalMs: intervalMs ?? WINDOW_MS });
    const isNews = limit > 0 && limit !== this.namedLimit;
    if (limit > 0) this.#named = { limit, atMs: answer.nowMs };
    return isNews;
  }

  /** An answer came that was not throttled. */
  passed({ sentAtMs, nowMs }: LaneAnswer, isAimed: boolean): void {
    this.#phase.travelled(nowMs - sentAtMs);
    if (!isAimed) return;
    this.#aimed.answered += 1;
    if (this.#aimed.answered < MISSED_OF) return;
    this.#aimed = { answered: MISSED_OF / 2, refused: this.#aimed.refused / 2 };
  }

  /** Forgets the named limit when it is no longer believed. Returns true if it was forgotten now. */
  expire(nowMs: number): boolean {
    if (this.#named === null || nowMs - this.#named.atMs < NAMED_FOR_MS) return false;
    this.#named = null;
    this.#phase.forget();
    return true;
  }

  /** Null = permits are even. */
  schedule(nowMs: number): WindowSchedule | null {
    const { rate, ceiling } = this.#learner;
    if (this.namedLimit !== ceiling || rate < ceiling) return null;
    if (this.#evenUntilMs !== null && nowMs < this.#evenUntilMs) return null;
    const count = (ceiling * (this.#phase.intervalMs ?? WINDOW_MS)) / 1000;
    return Number.isInteger(count) ? this.#phase.schedule(count) : null;
  }

  /* A window that others filled, or that is none at all, is nothing to aim at. */
  #see(
    { claim, sentAtMs, now, nowMs }: LaneAnswer,
    { limit, leftMs, intervalMs }: Readonly<Record<'limit' | 'leftMs' | 'intervalMs', number>>,
  ): void {
    /* What went through longer ago is not remembered. */
    if (intervalMs > WINDOW_MS) return;
    const passed = this.#learner.passedBefore(sentAtMs, intervalMs - leftMs);
    if (passed < (OURS * limit * intervalMs) / 1000) return;
    const lagMs = sentAtMs - nowMs + (now - claim.claimedAt) * 1000;
    const permitAtMs = sentAtMs - (lagMs > 0 && lagMs <= LAG_MAX_MS ? lagMs : 0);
    this.#phase.saw({ permitAtMs, rttMs: nowMs - sentAtMs, leftMs, intervalMs });
  }

  #miss(nowMs: number): void {
    this.#aimed.refused += 1;
    const { answered, refused } = this.#aimed;
    if (refused < MISSED_MIN || refused < answered * MISSED_SHARE) return;
    this.#evenUntilMs = nowMs + EVEN_MS;
    this.#aimed = { answered: 0, refused: 0 };
  }
}
