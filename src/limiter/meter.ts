/**
 * Spreads permits evenly: one slot every `1000 / rate` ms. With a window schedule the slots lie in the open middle of
 * the gateway's own fixed windows, so that a request near an edge is not counted in the neighbour. Of numbers only.
 *
 * Always holds: over any stretch, permits spent ≤ rate × time + burst; with a schedule no window holds more than
 * `count` slots. Unused permits are lost except for `burst` of them, and all of them when their window ends.
 */

/** The gateway's fixed windows. */
export interface WindowSchedule {
  /** Any instant (monotonic ms) at which a permit would be used just as a window begins. */
  readonly startsAt: number;
  readonly intervalMs: number;
  /** Nothing is sent for this long at either end of a window. */
  readonly marginMs: number;
  /** Permits in each window. */
  readonly count: number;
}

/** In slots: differences of instants are not exact, and a permit that is due must not be missed. */
const ROUNDING = 1e-6;

/** Permits that may be caught up after a late timer: 1 at a few per second, 2 at 30/s, 8 ms' worth from 1000/s on. */
export function burstOf(rate: number): number {
  return rate < 10 ? 1 : Math.max(2, Math.round(rate / 125));
}

export class Meter {
  readonly #fixedBurst: number | null;
  #rate: number;
  #schedule: WindowSchedule | null = null;
  /** The slot that is spent next, counted from the clock's zero or from the schedule's start. */
  #due: number;

  /** `rate` in permits per second, > 0; `burst` null = by rate. */
  constructor(options: {
    readonly rate: number;
    readonly burst: number | null;
    readonly nowMs: number;
  }) {
    this.#rate = options.rate;
    this.#fixedBurst = options.burst;
    this.#due = this.#slotAt(options.nowMs);
  }

  get rate(): number {
    return this.#rate;
  }

  get schedule(): WindowSchedule | null {
    return this.#schedule;
  }

  /** The shortest time between two slots (ms). */
  get intervalMs(): number {
    const schedule = this.#schedule;
    return schedule === null ? 1000 / this.#rate : openMs(schedule) / schedule.count;
  }

  /** Slots that have come and may be spent now. */
  available(nowMs: number): number {
    const now = this.#slotAt(nowMs);
    const due = this.#nextDue(now);
    return now < due - ROUNDING ? 0 : Math.floor(now - due + ROUNDING) + 1;
  }

  /** Spends slots that `available` has just shown, or slots still to come. */
  spend(count: number, nowMs: number): void {
    this.#due = this.#nextDue(this.#slotAt(nowMs)) + count;
  }

  /** When the next permit may be used (monotonic ms), in the past if one may be now; null = `Pacer` decides. */
  nextAt(nowMs: number): number | null {
    return this.expectedAt(nowMs);
  }

  /** The same, about where it is not known. */
  expectedAt(nowMs: number): number {
    return this.#msOf(this.#nextDue(this.#slotAt(nowMs)));
  }

  /** Sets permits per second, in the windows of a schedule or evenly (null). */
  set(rate: number, schedule: WindowSchedule | null, nowMs: number): void {
    const before = Math.max(this.#msOf(this.#due), nowMs - this.#burst * this.intervalMs);
    /* An even slot of a much lower rate may be hours ahead; the number of owed slots stays. */
    const ahead = Math.max(0, this.#due - this.#slotAt(nowMs));
    const latest = this.#schedule === null ? nowMs + (ahead * 1000) / rate : Infinity;
    const dueAt = Math.min(before, latest);
    const isFirst = schedule !== null && this.#schedule === null;
    this.#rate = rate;
    this.#schedule = schedule;
    /* What this window holds already is not known to the schedule: it begins with the next one. */
    this.#due = isFirst
      ? (Math.floor(this.#slotAt(nowMs) / schedule.count) + 1) * schedule.count + 0.5
      : this.#slotAt(dueAt);
  }

  get #burst(): number {
    return this.#fixedBurst ?? burstOf(this.#rate);
  }

  /* Slots before now are lost except for the burst; those of an earlier window all are. */
  #nextDue(now: number): number {
    const due = Math.max(this.#due, now - (this.#burst - 1));
    const schedule = this.#schedule;
    if (schedule === null) return due;
    const window = Math.floor(Math.max(now, due) / schedule.count) * schedule.count;
    return Math.max(due, window + 0.5);
  }

  #slotAt(ms: number): number {
    const schedule = this.#schedule;
    if (schedule === null) return (ms * this.#rate) / 1000;
    const windows = Math.floor((ms - schedule.startsAt) / schedule.intervalMs);
    const into = ms - schedule.startsAt - windows * schedule.intervalMs - schedule.marginMs;
    return (windows + Math.min(Math.max(into / openMs(schedule), 0), 1)) * schedule.count;
  }

  #msOf(slot: number): number {
    const schedule = this.#schedule;
    if (schedule === null) return (slot * 1000) / this.#rate;
    const windows = Math.floor(slot / schedule.count);
    const into = ((slot - windows * schedule.count) * openMs(schedule)) / schedule.count;
    return schedule.startsAt + windows * schedule.intervalMs + schedule.marginMs + into;
  }
}

function openMs(schedule: WindowSchedule): number {
  return schedule.intervalMs - 2 * schedule.marginMs;
}
