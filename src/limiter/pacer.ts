/**
 * Grants the permits of an account at a rate. Senders and groups use a meter alone.
 *
 * A job of Bottleneck grants `k` permits every k intervals: it passes about 440 jobs a second at most, and each wakes
 * the process. The meter spreads the permits over their slots.
 *
 * Always holds: over any stretch, permits spent ≤ rate × time + burst. No timer runs when the stock is full.
 */
import Bottleneck from 'bottleneck';
import { Meter, type WindowSchedule } from './meter.ts';

/** Jobs of Bottleneck per second, at most: above this rate a job grants several permits. */
const JOBS_PER_SECOND = 10;
/** Jobs that wait in Bottleneck: enough to hide its timers, few enough to change the rate at once. */
const JOBS_AHEAD = 3;
/** With a schedule the meter alone is exact; Bottleneck, whose timers come late, grants this much more. */
const SCHEDULE_SLACK = 1.2;

/** A rate that is raised by more than this factor is not waited for. */
const MUCH_FASTER = 2;
/** An overdue grant comes within about this time. */
const GRANT_MS = 1;
/** The wall clock was set back if it loses this much at once. */
const CLOCK_STEP_MS = 250;

export interface PacerOptions {
  readonly rate: number;
  /** Permits that may be used at once after a wait; default by rate, see `burstOf` of the meter. */
  readonly burst?: number;
  readonly monotonicMs: () => number;
  /** Called when a permit arrives at an empty stock. */
  readonly onGrant: () => void;
}

export class Pacer extends Meter {
  #limiter: Bottleneck;
  readonly #onGrant: () => void;
  #grant = 1;
  #stock = 0;
  #asked = 0;
  #stopped = false;
  /** The wall clock, which Bottleneck goes by, less the monotonic one. */
  #aheadMs: number;
  /** The instant for which the clocks were compared (monotonic ms): of a step, only its beginning. */
  #comparedAtMs: number | null = null;
  /** Limiters that were given up. */
  #leaving: Promise<unknown> = Promise.resolve();

  constructor(options: PacerOptions) {
    const { rate, burst = null, monotonicMs, onGrant } = options;
    super({ rate, burst, nowMs: monotonicMs() });
    this.#limiter = new Bottleneck({ maxConcurrent: null });
    this.#aheadMs = Date.now() - monotonicMs();
    this.#onGrant = onGrant;
    this.#adopt();
    this.#ask();
  }

  override available(nowMs: number): number {
    this.#heedClock(nowMs);
    return Math.max(0, Math.min(this.#stock, super.available(nowMs)));
  }

  /** Spends permits that `available` has just shown, or more: missing ones are owed. */
  override spend(count: number, nowMs: number): void {
    super.spend(count, nowMs);
    this.#stock -= count;
    this.#ask();
  }

  /** Monotonic ms; null = a grant is on its way and will call `onGrant`. */
  override nextAt(nowMs: number): number | null {
    return this.#stock > 0 ? Math.max(super.expectedAt(nowMs), nowMs) : null;
  }

  /** About when a permit may be used, also where its grant is still on its way. */
  override expectedAt(nowMs: number): number {
    const slotAt = super.expectedAt(nowMs);
    return this.#stock > 0 ? slotAt : Math.max(slotAt, nowMs + GRANT_MS);
  }

  /** Sets permits per second, in the windows of a schedule or evenly (null). */
  override set(rate: number, schedule: WindowSchedule | null, nowMs: number): void {
    if (this.#stopped || (rate === this.rate && schedule === this.schedule)) return;
    const intervalMs = this.intervalMs;
    super.set(rate, schedule, nowMs);
    if (this.intervalMs === intervalMs) return;
    /* Jobs that wait already go by the old interval, which may be hours. */
    if (intervalMs > MUCH_FASTER * this.intervalMs) this.#giveUpLimiter();
    this.#adopt();
    this.#stock = Math.min(this.#stock, this.#grant * JOBS_AHEAD);
    this.#ask();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([this.#leaving, this.#limiter.stop({ dropWaitingJobs: true })]);
  }

  /* Bottleneck would wait until the wall clock is where it was before it was set back: another takes over. */
  #heedClock(nowMs: number): void {
    if (nowMs === this.#comparedAtMs) return;
    this.#comparedAtMs = nowMs;
    const aheadMs = Date.now() - nowMs;
    const isBack = aheadMs < this.#aheadMs - CLOCK_STEP_MS;
    this.#aheadMs = aheadMs;
    if (!isBack || this.#stopped) return;
    this.#giveUpLimiter();
    this.#adopt();
    this.#ask();
  }

  /* What is granted at once by another one may be used only when the meter says so. */
  #giveUpLimiter(): void {
    const given = this.#limiter;
    this.#limiter = new Bottleneck({ maxConcurrent: null });
    this.#leaving = Promise.all([this.#leaving, given.stop({ dropWaitingJobs: true })]);
    this.#asked = 0;
  }

  #adopt(): void {
    const intervalMs = this.intervalMs / (this.schedule === null ? 1 : SCHEDULE_SLACK);
    this.#grant = Math.ceil(1000 / intervalMs / JOBS_PER_SECOND);
    this.#limiter.updateSettings({ minTime: this.#grant * intervalMs });
  }

  #ask(): void {
    while (!this.#stopped && this.#asked < JOBS_AHEAD && this.#wanted() > 0) {
      this.#asked += 1;
      const limiter = this.#limiter;
      limiter
        .schedule(() => this.#receive(limiter))
        .catch((error: unknown) => {
          if (!this.#stopped && limiter === this.#limiter) throw error;
        });
    }
  }

  #wanted(): number {
    return JOBS_AHEAD * this.#grant - this.#stock - this.#asked * this.#grant;
  }

  #receive(from: Bottleneck): Promise<void> {
    if (from !== this.#limiter) return Promise.resolve();
    const wasEmpty = this.#stock <= 0;
    this.#asked -= 1;
    this.#stock += this.#grant;
    if (wasEmpty && this.#stock > 0) this.#onGrant();
    this.#ask();
    return Promise.resolve();
  }
}
