/** Counts how often something happened in each of the last seconds. Instants are monotonic milliseconds. */

/** Seconds that are remembered. */
export const SECONDS_KEPT = 300;
/** A present rate is the mean of this number of whole seconds. */
const PRESENT_S = 5;

export class PerSecond {
  readonly #counts = new Array<number>(SECONDS_KEPT + 1).fill(0);
  #second = 0;

  note(nowMs: number, count: number): void {
    this.#advance(nowMs);
    const index = this.#second % this.#counts.length;
    this.#counts[index] = (this.#counts[index] ?? 0) + count;
  }

  /** The last whole seconds, the oldest first. */
  seconds(nowMs: number): readonly number[] {
    this.#advance(nowMs);
    const { length } = this.#counts;
    return Array.from(
      { length: SECONDS_KEPT },
      (_, index) => this.#counts[(this.#second + 1 + index) % length] ?? 0,
    );
  }

  /** How often a second, at present. */
  rate(nowMs: number): number {
    return this.seconds(nowMs)
      .slice(-PRESENT_S)
      .reduce((sum, count) => sum + count / PRESENT_S, 0);
  }

  #advance(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    const from = Math.max(this.#second + 1, second - this.#counts.length + 1);
    for (let at = from; at <= second; at += 1) this.#counts[at % this.#counts.length] = 0;
    this.#second = Math.max(this.#second, second);
  }
}
