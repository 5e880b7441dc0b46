/** Counts the requests that went through within a window before an instant, in a bounded number of slots. */
const SLOTS = 64;

export class Tally {
  readonly #windowMs: number;
  readonly #slotMs: number;
  /** Counts by slot, and which slot of all time each place holds. */
  readonly #counts = new Float64Array(SLOTS * 2);
  readonly #slots = new Float64Array(SLOTS * 2).fill(-1);

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
    this.#slotMs = windowMs / SLOTS;
  }

  /** A request that left at this instant (monotonic ms) went through; it counts for `count`. */
  add(atMs: number, count = 1): void {
    const slot = Math.floor(atMs / this.#slotMs);
    const place = placeOf(slot);
    const held = this.#slots[place] ?? -1;
    if (held > slot) return;
    if (held < slot) {
      this.#slots[place] = slot;
      this.#counts[place] = 0;
    }
    this.#counts[place] = (this.#counts[place] ?? 0) + count;
  }

  /** Requests that left within `spanMs` before the instant, exact to a 64th of the window. */
  countBefore(atMs: number, spanMs: number = this.#windowMs): number {
    const last = Math.floor(atMs / this.#slotMs);
    const first = Math.floor((atMs - spanMs) / this.#slotMs) + 1;
    let count = 0;
    for (let slot = first; slot <= last; slot += 1) {
      const place = placeOf(slot);
      if (this.#slots[place] === slot) count += this.#counts[place] ?? 0;
    }
    return count;
  }
}

function placeOf(slot: number): number {
  const places = SLOTS * 2;
  return ((slot % places) + places) % places;
}
