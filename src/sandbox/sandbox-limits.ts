/**
 * Models the two limits of the API: requests per second of an account (a fixed window of the wall clock, a sliding one,
 * or a token bucket), and the distance between two messages of one sender.
 *
 * Time is an argument (Unix ms). A refused request does not count, unless told to. It is not documented which model the
 * real account limit follows; its texts speak of windows.
 */

/** The facts of a refusal, in the terms of the API's text. */
export interface Exceeded {
  readonly rate: number;
  readonly count: number;
  /** Unix ms at which the current second began. */
  readonly startedAt: number;
  readonly sinceMs: number;
}

export interface RequestLimit {
  /** Counts one request; null = admitted. */
  take(now: number): Exceeded | null;
}

function exceeded(rate: number, count: number, now: number): Exceeded {
  const startedAt = Math.floor(now / 1000) * 1000;
  return { rate, count, startedAt, sinceMs: Math.floor(now - startedAt) };
}

/** At most `rate` requests in each second of the wall clock. */
export class WindowLimit implements RequestLimit {
  readonly #rate: number;
  #second = Number.NEGATIVE_INFINITY;
  #count = 0;

  constructor(rate: number) {
    this.#rate = rate;
  }

  take(now: number): Exceeded | null {
    const second = Math.floor(now / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#count = 0;
    }
    if (this.#count >= this.#rate) return exceeded(this.#rate, this.#count, now);
    this.#count += 1;
    return null;
  }
}

/** At most `rate` requests in any second; with `countRefused`, refused ones are among them. */
export class SlidingLimit implements RequestLimit {
  readonly #rate: number;
  readonly #countRefused: boolean;
  /** Times of the latest counted requests, the oldest first; at most `rate` of them. */
  readonly #counted: number[] = [];

  constructor(rate: number, countRefused: boolean) {
    this.#rate = rate;
    this.#countRefused = countRefused;
  }

  take(now: number): Exceeded | null {
    const counted = this.#counted;
    const oldest = counted.length < this.#rate ? -Infinity : (counted[0] ?? -Infinity);
    const isFree = now - oldest >= 1000;
    if (isFree || this.#countRefused) {
      counted.push(now);
      if (counted.length > this.#rate) counted.shift();
    }
    return isFree ? null : exceeded(this.#rate, this.#rate, now);
  }
}

/** A bucket of `depth` tokens, full at first, refilled evenly at `rate` a second. */
export class BucketLimit implements RequestLimit {
  readonly #rate: number;
  readonly #depth: number;
  readonly #countRefused: boolean;
  #tokens: number;
  #filledAt: number | null = null;

  constructor(rate: number, depth: number, countRefused: boolean) {
    this.#rate = rate;
    this.#depth = depth;
    this.#countRefused = countRefused;
    this.#tokens = depth;
  }

  take(now: number): Exceeded | null {
    const elapsedMs = Math.max(0, now - (this.#filledAt ?? now));
    this.#filledAt = now;
    this.#tokens = Math.min(this.#depth, this.#tokens + (elapsedMs * this.#rate) / 1000);
    // Sums of a third, and instants with fractions of a millisecond, are exact to about 1e-5 of a token. What
    // is admitted too early is missing afterwards.
    if (this.#tokens >= 1 - 1e-4) {
      this.#tokens -= 1;
      return null;
    }
    if (this.#countRefused) this.#tokens = Math.max(-this.#depth, this.#tokens - 1);
    return exceeded(this.#rate, this.#rate, now);
  }
}

/** The distance between accepted messages of one sender; exactly `1000 / rate` ms is still too close. */
export class SenderLimit {
  readonly #spacingMs: number;
  #acceptedAt: number | null = null;

  constructor(rate: number) {
    this.#spacingMs = 1000 / rate;
  }

  /** Whole milliseconds until the sender may send again; null = now. */
  waitMs(now: number): number | null {
    if (this.#acceptedAt === null) return null;
    const elapsedMs = Math.max(0, now - this.#acceptedAt);
    return elapsedMs > this.#spacingMs ? null : Math.floor(this.#spacingMs - elapsedMs) + 1;
  }

  accept(now: number): void {
    this.#acceptedAt = now;
  }
}
