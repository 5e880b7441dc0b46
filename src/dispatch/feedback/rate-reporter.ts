/** Decides when a rate that keeps moving is worth a row, and when it is worth a log line. Of numbers only. */

/** A rate differs from what was written by so much of it, and was written so long ago. */
const KEEP_SHARE = 0.02;
const KEEP_EVERY_MS = 5_000;
/** A rate differs from what was said by so much, for so long, and was said so long ago. */
const SAY_SHARE = 0.1;
const SAY_AFTER_MS = 5_000;
const SAY_EVERY_MS = 60_000;

export class RateReporter {
  #said: number;
  /** Null = never yet. */
  #saidAtMs: number | null = null;
  #kept: number;
  #keptAtMs: number | null = null;
  /** Since when it has been away from what was said (monotonic ms). */
  #awaySinceMs: number | null = null;

  /** `said`: what everybody takes for granted. */
  constructor(said: number) {
    this.#said = said;
    this.#kept = said;
  }

  /** The rate has been written and said, for another reason. */
  tell(rate: number, nowMs: number): void {
    this.#said = rate;
    this.#saidAtMs = nowMs;
    this.#kept = rate;
    this.#keptAtMs = nowMs;
    this.#awaySinceMs = null;
  }

  /** Whether the rate is to be written down now; it is taken as written. */
  isWorthKeeping(rate: number, nowMs: number): boolean {
    if (!differs(rate, this.#kept, KEEP_SHARE)) return false;
    if (this.#keptAtMs !== null && nowMs - this.#keptAtMs < KEEP_EVERY_MS) return false;
    this.#kept = rate;
    this.#keptAtMs = nowMs;
    return true;
  }

  /** Since when (monotonic ms) the rate has differed, when that is to be said now; null = it is not. */
  isWorthSaying(rate: number, nowMs: number): number | null {
    if (!differs(rate, this.#said, SAY_SHARE)) {
      this.#awaySinceMs = null;
      return null;
    }
    this.#awaySinceMs ??= nowMs;
    const since = this.#awaySinceMs;
    if (nowMs - since < SAY_AFTER_MS) return null;
    if (this.#saidAtMs !== null && nowMs - this.#saidAtMs < SAY_EVERY_MS) return null;
    this.#said = rate;
    this.#saidAtMs = nowMs;
    this.#awaySinceMs = null;
    return since;
  }
}

function differs(a: number, b: number, share: number): boolean {
  return Math.abs(a - b) > share * b;
}
