/**
 * How many claimed rows are kept beyond the free slots: what ends within a few steps, so that slots do not
 * run dry while a step is written, and no more than that.
 */
const RESERVE_MAX = 128;
const STEPS_AHEAD = 4;

export class Reserve {
  #endedPerStep = 0;

  /** Rows to hold in hand beside those that are out. */
  get size(): number {
    return Math.min(RESERVE_MAX, Math.floor(this.#endedPerStep * STEPS_AHEAD));
  }

  /** A step begins, and so many attempts ended since the last one. */
  note(ended: number): void {
    this.#endedPerStep += (ended - this.#endedPerStep) / 4;
  }

  /** Whether a hand of so many is about to run dry. */
  isLow(inHand: number): boolean {
    return inHand * 4 <= this.size;
  }
}
