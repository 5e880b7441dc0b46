/**
 * Half-open: after a wait one message goes, and its answer, whatever it is but another throttle, opens the
 * lane again. A probe that is not answered holds the lane up for a while only: nothing is ever stuck.
 */

/** So long a probe is waited for before another may go. */
const PATIENCE_MS = 2_000;

export class Probation {
  #isOn = false;
  /** When the probe left (monotonic ms); null = none is out. */
  #probeAtMs: number | null = null;

  /** A wait begins: whatever was out is no probe of it. */
  begin(): void {
    this.#isOn = true;
    this.#probeAtMs = null;
  }

  /** Whether the lane is not open yet. */
  get isOn(): boolean {
    return this.#isOn;
  }

  /** How many may go now: Infinity when the lane is open. */
  allows(nowMs: number): number {
    if (!this.#isOn) return Infinity;
    return nowMs >= this.opensAt ? 1 : 0;
  }

  /** When a probe may go (monotonic ms), as far as this is concerned; -Infinity = at once. */
  get opensAt(): number {
    return this.#isOn && this.#probeAtMs !== null ? this.#probeAtMs + PATIENCE_MS : -Infinity;
  }

  /** One or more went at this instant. */
  spent(nowMs: number): void {
    if (this.#isOn && nowMs >= this.opensAt) this.#probeAtMs = nowMs;
  }

  /** A message that left then was answered, and not throttled; true = the lane has just opened. */
  answered(sentAtMs: number): boolean {
    if (this.#probeAtMs === null || sentAtMs < this.#probeAtMs) return false;
    this.#isOn = false;
    this.#probeAtMs = null;
    return true;
  }
}
