/**
 * Permits at a rate: one pacer per account. Senders and groups go by a meter alone.
 *
 * Bottleneck owns the rate: a job of it grants `k` permits every k intervals, because it passes about 440
 * jobs a second however it is set, and each wakes the process. The meter spreads them: a permit may be used
 * when its slot has come, so that requests leave evenly (or within the gateway's own windows), and what was
 * not used dies but for a few.
 *
 * Invariant: over any stretch, permits spent ≤ rate × time + burst. A waiting pacer costs nothing: no timer
 * runs when the stock is full.
 */
import Bottleneck from 'bottleneck';
import { Meter, type WindowSchedule } from './meter.ts';

/** Above this rate one Bottleneck job grants several permits, so that no more jobs than this come in a second. */
const JOBS_PER_SECOND = 10;
/** Jobs that may wait in Bottleneck: enough to hide its timers, few enough to change the rate at once. */
const JOBS_AHEAD = 3;
/** With a schedule the meter alone is exact; Bottleneck, whose timers come late, stays out of its way. */
const SCHEDULE_SLACK = 1.2;

/** A rate that is raised by more than this is not waited for. */
const MUCH_FASTER = 2;
/** A grant that should have come comes within about this. */
const GRANT_MS = 1;
/** The wall clock was set back when it has lost so much at once. */
const CLOCK_STEP_MS = 250;

export interface PacerOptions {
  /** Permits per second, > 0. */
  readonly rate: number;
  /** Permits that may be used at once after a wait; default by rate, see `burstOf` of the meter. */
  readonly burst?: number;
  readonly monotonicMs: () => number;
  /** Called when a permit arrives at an empty stock. */
  readonly onGrant: () => void;
}

export class Pacer {
  #limiter: Bottleneck;
  readonly #onGrant: () => void;
  readonly #meter: Meter;
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
    this.#limiter = new Bottleneck({ maxConcurrent: null });
    this.#aheadMs = Date.now() - options.monotonicMs();
    this.#onGrant = options.onGrant;
    const { rate, burst = null } = options;
    this.#meter = new Meter({ rate, burst, nowMs: options.monotonicMs() });
    this.#adopt();
    this.#ask();
  }

  get rate(): number {
    return this.#meter.rate;
  }

  /** Milliseconds between two permits, the least. */
  get intervalMs(): number {
    return this.#meter.intervalMs;
  }

  /** The gateway's windows that permits are aimed at; null = they are even. */
  get schedule(): WindowSchedule | null {
    return this.#meter.schedule;
  }

  /** Permits that may be spent at this instant. */
  available(nowMs: number): number {
    this.#heedClock(nowMs);
    return Math.max(0, Math.min(this.#stock, this.#meter.available(nowMs)));
  }

  /** Spends permits that `available` has just shown, or more: what is missing is owed, and comes first. */
  spend(count: number, nowMs: number): void {
    this.#meter.spend(count, nowMs);
    this.#stock -= count;
    this.#ask();
  }

  /** When the next permit may be used (monotonic ms); null = a grant is on its way and will call onGrant. */
  nextAt(nowMs: number): number | null {
    return this.#stock > 0 ? Math.max(this.#meter.nextAt(nowMs), nowMs) : null;
  }

  /** When a permit may be used, about: also where its grant is still on its way. */
  expectedAt(nowMs: number): number {
    const slotAt = this.#meter.nextAt(nowMs);
    return this.#stock > 0 ? slotAt : Math.max(slotAt, nowMs + GRANT_MS);
  }

  /** From now on so many permits per second, in the gateway's windows where they are known. */
  set(rate: number, schedule: WindowSchedule | null, nowMs: number): void {
    if (this.#stopped || (rate === this.rate && schedule === this.schedule)) return;
    const intervalMs = this.intervalMs;
    this.#meter.set(rate, schedule, nowMs);
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
