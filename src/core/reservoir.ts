/**
 * A window longer than a second as what waits flows through it: what it has left, and when what went is free
 * again. Time is in seconds from the moment that is asked about.
 *
 * Always holds: of a window of a minute or an hour no more than `count` is out at once, and each piece of it
 * comes back a window later, as a Cap has it. One that was gone through so often that it no longer matters where
 * in it one is, or that has cost enough work, lets through its average.
 */
import { LENGTH_S, PIECES, type CapState } from './cap.ts';
import type { LongWindow } from './rate-rules.ts';
import type { Zone } from './zone.ts';

/** What is used of a window at that moment. */
export interface WindowUse {
  readonly window: LongWindow;
  readonly used: number;
  /** Of minutes and hours: in how many seconds how much of that frees, the earliest first. */
  readonly frees: readonly (readonly [inS: number, count: number])[];
  /** Of days: in how many seconds the midnight comes that is next after so many. */
  readonly midnightAfter: (inS: number) => number;
}

/** A cap that was saved at that very moment (`now` in Unix seconds). */
export function windowUseOf(
  window: LongWindow,
  { zone, used, state }: { readonly zone: Zone; readonly used: number; readonly state: CapState },
  now: number,
): WindowUse {
  const { span } = window;
  const frees =
    span === 'day'
      ? []
      : state.used.map(([endsAt, count]) => [endsAt + LENGTH_S[span] - now, count] as const);
  const midnightAfter = (inS: number): number => zone.dayAround(now + inS).to - now;
  return { window, used, frees, midnightAfter };
}

export interface Reservoir {
  readonly use: WindowUse;
  /** Permits per second that it lets through now; Infinity = as many as come, 0 = none. */
  readonly limit: number;
  /** Seconds until that changes while so many a second go through. */
  changesIn: (rate: number) => number;
  /** So many a second went through for so many seconds, within which nothing changed. */
  advance: (rate: number, seconds: number) => void;
  /** From now on it lets through its average. */
  settle: () => void;
}

export function reservoirOf(use: WindowUse): Reservoir {
  const { span } = use.window;
  return span === 'day' ? new DailyReservoir(use) : new SlidingReservoir(use, LENGTH_S[span]);
}

/** A window whose count has gone through so often is within a hundredth of its average. */
const TIMES_MAX = 100;
/** Permits, or seconds, that are none. */
const NOTHING = 1e-6;

/** Permits that come back evenly over a stretch of time. */
interface Return {
  readonly fromS: number;
  toS: number;
  rate: number;
}

class SlidingReservoir implements Reservoir {
  readonly use: WindowUse;
  readonly #pieceS: number;
  /** From a permit's use until it is free again. */
  readonly #cycleS: number;
  #atS = 0;
  #left: number;
  #passed = 0;
  #returns: Return[];
  #isSettled = false;

  constructor(use: WindowUse, lengthS: number) {
    this.use = use;
    this.#pieceS = lengthS / PIECES;
    this.#cycleS = lengthS + this.#pieceS;
    this.#left = use.window.count - use.used;
    this.#returns = use.frees.map(([inS, freed]) => ({
      ...{ fromS: inS, toS: inS + this.#pieceS, rate: freed / this.#pieceS },
    }));
  }

  get limit(): number {
    if (this.#isSettled) return this.use.window.count / this.#cycleS;
    if (this.#left > NOTHING) return Infinity;
    return this.#left < -NOTHING ? 0 : this.#returning;
  }

  changesIn(rate: number): number {
    if (this.#isSettled) return Infinity;
    let seconds = Infinity;
    for (const { fromS, toS } of this.#returns) {
      const hasBegun = fromS <= this.#atS + NOTHING;
      seconds = Math.min(seconds, (hasBegun ? toS : fromS) - this.#atS);
      if (!hasBegun) break;
    }
    const gain = this.#returning - rate;
    if (this.#left < -NOTHING && gain > 0) return Math.min(seconds, -this.#left / gain);
    return gain < -NOTHING ? Math.min(seconds, Math.max(0, this.#left) / -gain) : seconds;
  }

  advance(rate: number, seconds: number): void {
    if (this.#isSettled) return;
    this.#left += (this.#returning - rate) * seconds;
    if (Math.abs(this.#left) < NOTHING) this.#left = 0;
    if (rate > 0) this.#note(rate, seconds);
    this.#atS += seconds;
    while ((this.#returns[0]?.toS ?? Infinity) <= this.#atS + NOTHING) this.#returns.shift();
    this.#passed += rate * seconds;
    if (this.#passed > this.use.window.count * TIMES_MAX) this.settle();
  }

  settle(): void {
    this.#isSettled = true;
    this.#returns = [];
  }

  get #returning(): number {
    let rate = 0;
    for (const one of this.#returns) {
      if (one.fromS > this.#atS + NOTHING) break;
      rate += one.rate;
    }
    return rate;
  }

  /* Stretches that are shorter than a piece, or as fast as the last one, are one with it. */
  #note(rate: number, seconds: number): void {
    const fromS = this.#atS + this.#cycleS;
    const toS = fromS + seconds;
    const last = this.#returns.at(-1);
    const isNext = last !== undefined && Math.abs(last.toS - fromS) < NOTHING;
    const isShort = isNext && (seconds < this.#pieceS || last.toS - last.fromS < this.#pieceS);
    if (!isNext || !(isShort || Math.abs(last.rate - rate) < NOTHING)) {
      this.#returns.push({ fromS, toS, rate });
      return;
    }
    const whole = last.rate * (last.toS - last.fromS) + rate * seconds;
    last.toS = toS;
    last.rate = whole / (toS - last.fromS);
  }
}

class DailyReservoir implements Reservoir {
  readonly use: WindowUse;
  #atS = 0;
  #left: number;
  #endsS: number;
  #isSettled = false;

  constructor(use: WindowUse) {
    this.use = use;
    this.#left = use.window.count - use.used;
    this.#endsS = use.midnightAfter(0);
  }

  get limit(): number {
    if (this.#isSettled) return this.use.window.count / LENGTH_S.day;
    return this.#left > NOTHING ? Infinity : 0;
  }

  changesIn(rate: number): number {
    if (this.#isSettled) return Infinity;
    const endsIn = this.#endsS - this.#atS;
    return rate > 0 ? Math.min(endsIn, Math.max(0, this.#left) / rate) : endsIn;
  }

  advance(rate: number, seconds: number): void {
    if (this.#isSettled) return;
    this.#left -= rate * seconds;
    this.#atS += seconds;
    if (this.#atS < this.#endsS - NOTHING) return;
    this.#left = this.use.window.count;
    this.#endsS = this.use.midnightAfter(this.#endsS + 1);
  }

  settle(): void {
    this.#isSettled = true;
  }
}
