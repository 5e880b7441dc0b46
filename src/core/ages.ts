/**
 * Counts how many messages wait since when, coarsely: instants near the present in slots of ten seconds, others in
 * slots of ten minutes. A million rows that were dropped in an hour are a few hundred numbers.
 *
 * Always holds: the total is exact; an instant is right to the width of its slot. No clock: instants are Unix
 * seconds and come in as arguments.
 */

/** Width of a slot near the present, and of the others, in seconds. */
export const FINE_S = 10;
const COARSE_S = 600;
/** What is near: slots older than this become coarse. */
const NEAR_S = 1_200;

export class Ages {
  readonly #fine = new Map<number, number>();
  readonly #coarse = new Map<number, number>();
  #total = 0;

  get total(): number {
    return this.#total;
  }

  /** `count` more wait since `since` (later than now: they wait for it). */
  add(since: number, count: number, now: number): void {
    this.#total += count;
    const isNear = Math.abs(now - since) < NEAR_S;
    if (isNear) put(this.#fine, slotOf(since, FINE_S), count);
    else put(this.#coarse, slotOf(since, COARSE_S), count);
  }

  /** One that waited since `since` waits no more. Where nothing is known of that instant, the latest goes. */
  remove(since: number): void {
    if (this.#total === 0) return;
    this.#total -= 1;
    if (take(this.#fine, slotOf(since, FINE_S))) return;
    if (take(this.#coarse, slotOf(since, COARSE_S))) return;
    const slots = this.#fine.size > 0 ? this.#fine : this.#coarse;
    take(slots, Math.max(...slots.keys()));
  }

  /** Since when the oldest waits that has not to wait for its instant; null = none does. */
  oldest(now: number): number | null {
    let oldest = Infinity;
    for (const slot of this.#fine.keys()) oldest = Math.min(oldest, slot);
    for (const slot of this.#coarse.keys()) oldest = Math.min(oldest, slot);
    return oldest <= now ? oldest : null;
  }

  /**
   * How many wait for less than each bound (seconds, growing), longer than the last, and, first, for an
   * instant that is still to come.
   */
  histogram(now: number, bounds: readonly number[]): readonly number[] {
    this.#fold(now);
    const counts = new Array<number>(bounds.length + 2).fill(0);
    for (const [slots, width] of [
      [this.#fine, FINE_S],
      [this.#coarse, COARSE_S],
    ] as const) {
      for (const [slot, count] of slots) {
        const index = indexOf(slot, { now, width, bounds });
        counts[index] = (counts[index] ?? 0) + count;
      }
    }
    return counts;
  }

  #fold(now: number): void {
    for (const [slot, count] of this.#fine) {
      if (slot > now - NEAR_S) continue;
      this.#fine.delete(slot);
      put(this.#coarse, slotOf(slot, COARSE_S), count);
    }
  }
}

/* Of a slot that has begun and not ended, all have begun: what is scheduled is so to the minute, or later. */
function indexOf(
  slot: number,
  {
    now,
    width,
    bounds,
  }: { readonly now: number; readonly width: number; readonly bounds: readonly number[] },
): number {
  if (slot > now) return 0;
  const age = now - Math.min(slot + width / 2, now);
  const index = bounds.findIndex((bound) => age < bound);
  return 1 + (index < 0 ? bounds.length : index);
}

function slotOf(instant: number, width: number): number {
  return Math.floor(instant / width) * width;
}

function put(slots: Map<number, number>, slot: number, count: number): void {
  slots.set(slot, (slots.get(slot) ?? 0) + count);
}

function take(slots: Map<number, number>, slot: number): boolean {
  const count = slots.get(slot);
  if (count === undefined) return false;
  if (count === 1) slots.delete(slot);
  else slots.set(slot, count - 1);
  return true;
}
