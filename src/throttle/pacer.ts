/**
 * Permits at a rate: one pacer per account, and one per sender with a limit of its own.
 *
 * Bottleneck owns the rate: a job of it grants `k` permits every k intervals, because it passes about 440
 * jobs a second however it is set. The pacer spreads them: a permit may be used when the schedule
 * `due += interval` has come, so that requests leave evenly, and what was not used dies but for `burst`
 * permits, so that a late timer or an idle second never fires a window's quota at once.
 *
 * Invariant: over any stretch, permits spent ≤ rate × time + burst. A waiting pacer costs nothing: no timer
 * runs when the stock is full.
 */
import Bottleneck from 'bottleneck';

/** Above this rate one Bottleneck job grants several permits. */
const SINGLE_GRANTS_UP_TO = 200;
/** A job that grants several comes this often. */
const GRANTS_PER_SECOND = 50;
/** Jobs that may wait in Bottleneck: enough to hide its timers, few enough to change the rate at once. */
const JOBS_AHEAD = 3;
/** Of an interval: differences of instants are not exact, and a permit that is due must not be missed. */
const ROUNDING = 1e-6;

export interface PacerOptions {
  /** Permits per second, > 0. */
  readonly rate: number;
  /** Permits that may be used at once after a wait; default by rate, see burstOf. */
  readonly burst?: number;
  readonly monotonicMs: () => number;
  /** Called when a permit arrives at an empty stock. */
  readonly onGrant: () => void;
}

/** What may be caught up after a late timer: 1 at a few per second, 2 at 30/s, 8 ms' worth at 1000/s and more. */
export function burstOf(rate: number): number {
  return rate < 10 ? 1 : Math.max(2, Math.round(rate / 125));
}

export class Pacer {
  readonly #limiter: Bottleneck;
  readonly #onGrant: () => void;
  readonly #fixedBurst: number | null;
  #rate: number;
  #intervalMs = 0;
  #grant = 1;
  #burst = 1;
  #stock = 0;
  #asked = 0;
  #dueAt: number;
  #stopped = false;

  constructor(options: PacerOptions) {
    this.#limiter = new Bottleneck({ maxConcurrent: null });
    this.#onGrant = options.onGrant;
    this.#fixedBurst = options.burst ?? null;
    this.#dueAt = options.monotonicMs();
    this.#rate = options.rate;
    this.#adopt(options.rate);
    this.#ask();
  }

  get rate(): number {
    return this.#rate;
  }

  /** Milliseconds between two permits. */
  get intervalMs(): number {
    return this.#intervalMs;
  }

  /** Permits that may be spent at this instant. */
  available(nowMs: number): number {
    const due = this.#nextDue(nowMs);
    if (nowMs < due) return 0;
    const late = (nowMs - due) / this.#intervalMs + ROUNDING;
    return Math.min(this.#stock, Math.floor(late) + 1);
  }

  /** Spends permits that `available` has just shown. */
  spend(count: number, nowMs: number): void {
    this.#dueAt = this.#nextDue(nowMs) + count * this.#intervalMs;
    this.#stock -= count;
    this.#ask();
  }

  /** When the next permit may be used (monotonic ms); null = a grant is on its way and will call onGrant. */
  nextAt(nowMs: number): number | null {
    return this.#stock > 0 ? Math.max(this.#nextDue(nowMs), nowMs) : null;
  }

  setRate(rate: number): void {
    if (rate === this.#rate || this.#stopped) return;
    this.#rate = rate;
    this.#adopt(rate);
    this.#stock = Math.min(this.#stock, this.#grant * JOBS_AHEAD);
    this.#ask();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#limiter.stop({ dropWaitingJobs: true });
  }

  #adopt(rate: number): void {
    this.#intervalMs = 1000 / rate;
    this.#grant = rate <= SINGLE_GRANTS_UP_TO ? 1 : Math.ceil(rate / GRANTS_PER_SECOND);
    this.#burst = this.#fixedBurst ?? burstOf(rate);
    this.#limiter.updateSettings({ minTime: this.#grant * this.#intervalMs });
  }

  /* What would be due before now but for the burst is dead. */
  #nextDue(nowMs: number): number {
    return Math.max(this.#dueAt, nowMs - this.#unusable());
  }

  #unusable(): number {
    return (this.#burst - 1) * this.#intervalMs;
  }

  #ask(): void {
    while (!this.#stopped && this.#asked < JOBS_AHEAD && this.#wanted() > 0) {
      this.#asked += 1;
      this.#limiter.schedule(this.#receive).catch((error: unknown) => {
        if (!this.#stopped) throw error;
      });
    }
  }

  #wanted(): number {
    return JOBS_AHEAD * this.#grant - this.#stock - this.#asked * this.#grant;
  }

  readonly #receive = (): Promise<void> => {
    const wasEmpty = this.#stock === 0;
    this.#asked -= 1;
    this.#stock += this.#grant;
    if (wasEmpty) this.#onGrant();
    return Promise.resolve();
  };
}
