/** Counts how long something took, as a histogram in Prometheus' sense: counts up to each bound, a sum, a total. */

/** Upper bounds in seconds, for what takes from milliseconds to a minute. */
export const SHORT_S = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
] as const;
/** For what takes from milliseconds to days: the wait in the queue, the way of a receipt. */
export const LONG_S = [
  0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200, 28_800, 86_400, 259_200,
] as const;

/** What a histogram holds: `counts` by bound, each without the ones before, and last what is above all. */
export interface HistogramCounts {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sumSeconds: number;
  readonly total: number;
}

export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sumMs = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  note(durationMs: number): void {
    const seconds = Math.max(0, durationMs) / 1000;
    const bounds = this.#bounds;
    let index = 0;
    while (index < bounds.length && seconds > (bounds[index] ?? Infinity)) index += 1;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sumMs += Math.max(0, durationMs);
  }

  counts(): HistogramCounts {
    const counts = [...this.#counts];
    const total = counts.reduce((sum, count) => sum + count, 0);
    return { bounds: this.#bounds, counts, sumSeconds: this.#sumMs / 1000, total };
  }
}
