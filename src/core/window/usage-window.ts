/**
 * Counts the use of a window longer than a second. Pure: instants come in as arguments, on both clocks; days are by the
 * wall clock, minutes and hours by the monotonic one, so that no step of a clock frees them.
 *
 * Always holds: an open claim (its answer not there) counts in every window that may see it arrive, and from its answer
 * on for a whole window more; so never more than `count` arrive in one, however long they travel. Only a message that is
 * larger than `count` goes beyond, alone, when the window is empty.
 */
import type { LongWindow } from './rate-limits.ts';
import type { Zone } from '../time/zone.ts';

/** One instant. */
export interface Instant {
  /** Unix seconds. */
  readonly now: number;
  /** Monotonic milliseconds. */
  readonly nowMs: number;
}

/** A window on disk. Minutes and hours: `used` by the Unix seconds from which a window more is to pass;
 *  days: `used` and `open` by local day. */
export interface UsageState {
  /** When it was written (Unix seconds). */
  readonly at: number;
  readonly used: readonly (readonly [number, number])[];
  readonly open: readonly (readonly [number, number])[];
  /** The boot of the machine in which it was written, and how long that had lasted (ms). */
  readonly boot?: BootInstant | null;
}

/** An instant that processes of one boot of the machine can compare, however the wall clock is set. */
export interface BootInstant {
  readonly id: string;
  readonly ms: number;
}

/** By how much the wall clock was set since something was saved (seconds); 0 where that is not known. */
export function setSince(state: UsageState, boot: BootInstant | null, now: number): number {
  const saved = state.boot ?? null;
  if (boot === null || saved?.id !== boot.id || boot.ms < saved.ms) return 0;
  return now - state.at - (boot.ms - saved.ms) / 1000;
}

export interface UsageWindow {
  readonly window: LongWindow;
  /** How much is used and open; more than `count` where answers named more than was predicted. */
  used: (at: Instant) => number;
  /** When the given units fit (monotonic ms), in the past or now when it does; null = an answer will say. */
  freesAt: (cost: number, at: Instant) => number | null;
  /** Counts a claim of this cost. Returns its instant (Unix seconds), which `close` needs. */
  open: (cost: number, at: Instant) => number;
  /** An open claim ended; `actual` is what was really sent. */
  close: (claim: OpenClaim, actual: number, at: Instant) => void;
  save: (at: Instant) => UsageState;
  /** Takes up what was saved, once, before anything else. What was open then may have left. `setS`: by how
   *  much the wall clock was set meanwhile (seconds), as far as is known. */
  restore: (state: UsageState, at: Instant, setS?: number) => void;
}

/** An open claim: its cost, and when it was opened (Unix seconds). */
export interface OpenClaim {
  readonly cost: number;
  readonly key: number;
}

export function usageWindowOf(window: LongWindow, zone: Zone): UsageWindow {
  if (window.span === 'day') return new DailyWindow(window, zone);
  return new SlidingWindow(window, LENGTH_S[window.span] * 1000);
}

/** Whether the given units fit now. */
export function fits(window: UsageWindow, cost: number, at: Instant): boolean {
  return window.used(at) + needOf(window.window, cost) <= window.window.count;
}

/* What is larger than the window goes when nothing else is in it. */
function needOf({ count }: LongWindow, cost: number): number {
  return Math.min(cost, count);
}

/** Seconds that they last; a day, as a rule. */
export const LENGTH_S = { min: 60, h: 3_600, day: 86_400 } as const;
/** A window of minutes or hours has this number of pieces; one that has begun counts whole. */
export const PIECES = 120;
/** A request has ended this long after its claim (seconds): its longest time-out and a bit. */
const TRAVEL_MAX_S = 660;
/** What was on the wire when the daemon died may arrive this number of seconds after its next start. */
const ARRIVE_MAX_S = 5;
/** Days kept: a clock that is set back finds what was used. */
const DAYS_KEPT = 8;

interface Piece {
  /** Monotonic ms: nothing in it is younger. */
  readonly endsAt: number;
  count: number;
}

/** Any stretch of a minute or an hour. */
class SlidingWindow implements UsageWindow {
  readonly window: LongWindow;
  readonly #lengthMs: number;
  readonly #pieceMs: number;
  /** The earliest first. */
  #pieces: Piece[] = [];
  #total = 0;
  #open = 0;

  constructor(window: LongWindow, lengthMs: number) {
    this.window = window;
    this.#lengthMs = lengthMs;
    this.#pieceMs = lengthMs / PIECES;
  }

  used({ nowMs }: Instant): number {
    for (let first = this.#pieces[0]; first !== undefined; first = this.#pieces[0]) {
      if (first.endsAt + this.#lengthMs > nowMs) break;
      this.#total -= first.count;
      this.#pieces.shift();
    }
    return this.#total + this.#open;
  }

  freesAt(cost: number, at: Instant): number | null {
    let excess = this.used(at) + needOf(this.window, cost) - this.window.count;
    if (excess <= 0) return at.nowMs;
    for (const piece of this.#pieces) {
      excess -= piece.count;
      if (excess <= 0) return piece.endsAt + this.#lengthMs;
    }
    return null;
  }

  open(cost: number, { now }: Instant): number {
    this.#open += cost;
    return now;
  }

  close({ cost }: OpenClaim, actual: number, { nowMs }: Instant): void {
    this.#open -= cost;
    if (actual > 0) this.#add(actual, (Math.floor(nowMs / this.#pieceMs) + 1) * this.#pieceMs);
  }

  save(at: Instant): UsageState {
    this.used(at);
    const used = this.#pieces.map(
      ({ endsAt, count }) => [at.now + (endsAt - at.nowMs) / 1000, count] as const,
    );
    return { at: at.now, used, open: this.#open > 0 ? [[0, this.#open]] : [] };
  }

  /* Instants that are still to come are of a clock that was set back since. */
  restore(state: UsageState, { now, nowMs }: Instant, setS = 0): void {
    const savedAt = state.at + setS;
    const leftAt = savedAt > now ? now : Math.min(now, savedAt + TRAVEL_MAX_S);
    const latestMs = nowMs + this.#pieceMs;
    for (const [endsAt, count] of state.used.toSorted(([a], [b]) => a - b)) {
      this.#add(count, Math.min(nowMs + (endsAt + setS - now) * 1000, latestMs));
    }
    for (const [, count] of state.open) {
      this.#add(count, nowMs + (leftAt + ARRIVE_MAX_S - now) * 1000);
    }
  }

  #add(count: number, endsAt: number): void {
    this.#total += count;
    const last = this.#pieces.at(-1);
    if (last !== undefined && last.endsAt >= endsAt) last.count += count;
    else this.#pieces.push({ endsAt, count });
  }
}

/** From midnight to midnight. */
class DailyWindow implements UsageWindow {
  readonly window: LongWindow;
  readonly #zone: Zone;
  /** By local day, what is open included. */
  readonly #days = new Map<number, number>();
  readonly #open = new Map<number, number>();

  constructor(window: LongWindow, zone: Zone) {
    this.window = window;
    this.#zone = zone;
  }

  /* What is open since another day may arrive in this one. */
  used({ now }: Instant): number {
    const day = this.#dayAt(now);
    let used = this.#days.get(day) ?? 0;
    for (const [opened, cost] of this.#open) if (opened !== day) used += cost;
    return used;
  }

  freesAt(cost: number, at: Instant): number | null {
    if (fits(this, cost, at)) return at.nowMs;
    return at.nowMs + (this.#zone.dayAround(at.now).to - at.now) * 1000;
  }

  open(cost: number, { now }: Instant): number {
    const day = this.#dayAt(now);
    this.#use(day, cost);
    this.#open.set(day, (this.#open.get(day) ?? 0) + cost);
    return now;
  }

  close({ cost, key }: OpenClaim, actual: number, { now }: Instant): void {
    const opened = this.#dayAt(key);
    const left = (this.#open.get(opened) ?? 0) - cost;
    if (left > 0) this.#open.set(opened, left);
    else this.#open.delete(opened);
    this.#use(opened, actual - cost);
    const day = this.#dayAt(now);
    if (day !== opened) this.#use(day, actual);
  }

  save({ now }: Instant): UsageState {
    return { at: now, used: [...this.#days], open: [...this.#open] };
  }

  restore(state: UsageState, { now }: Instant, setS = 0): void {
    const savedAt = state.at + setS;
    for (const [day, count] of state.used) this.#use(day, count);
    const today = this.#dayAt(now);
    const { from } = this.#zone.dayAround(now);
    const travelledS = today === this.#zone.dayAt(savedAt) ? 0 : from - savedAt;
    if (travelledS < 0 || travelledS > TRAVEL_MAX_S) return;
    const days = new Set([today, this.#zone.dayAt(now + ARRIVE_MAX_S)]);
    for (const [opened, count] of state.open) {
      for (const day of days) if (day !== opened) this.#use(day, count);
    }
  }

  #use(day: number, count: number): void {
    this.#days.set(day, (this.#days.get(day) ?? 0) + count);
    const [oldest] = this.#days.keys();
    if (this.#days.size > DAYS_KEPT && oldest !== undefined && oldest !== day) {
      this.#days.delete(oldest);
    }
  }

  #dayAt(now: number): number {
    return this.#zone.dayAround(now).number;
  }
}
