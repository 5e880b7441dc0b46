/**
 * One cut per cohort: what was sent before a cut was sent under what has been given up, so that its refusals
 * prove nothing about what holds now. Used by whatever shrinks when the gateway says no.
 */
export class Cohort {
  #cutAtMs = -Infinity;

  /** A request that left then (monotonic ms) left before the last cut: its refusal has been answered for. */
  hasPaid(sentAtMs: number): boolean {
    return sentAtMs < this.#cutAtMs;
  }

  /** All that has left by now is one cohort. */
  cut(nowMs: number): void {
    this.#cutAtMs = nowMs;
  }
}
