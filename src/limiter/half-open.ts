/**
 * Holds the half-open state after a wait: one message (the probe) goes, and any answer but another throttle ends the
 * state. A probe without an answer holds the others up for a limited time.
 */

/** After this time without an answer another probe may go. */
const PATIENCE_MS = 2_000;

export class HalfOpen {
  #isOn = false;
  /** When the probe left (monotonic ms); null = none is out. */
  #probeAtMs: number | null = null;

  /** A wait begins: a request that is out already is not its probe. */
  begin(): void {
    this.#isOn = true;
    this.#probeAtMs = null;
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  /** When the next probe may go (monotonic ms); null = now, or nothing is being tried. */
  get probeAtMs(): number | null {
    return this.#probeAtMs === null ? null : this.#probeAtMs + PATIENCE_MS;
  }

  mayProbe(nowMs: number): boolean {
    return this.#probeAtMs === null || nowMs >= this.#probeAtMs + PATIENCE_MS;
  }

  left(nowMs: number): void {
    if (this.#isOn && this.mayProbe(nowMs)) this.#probeAtMs = nowMs;
  }

  /** A message was answered and not throttled. Returns true if this ended the state. */
  answered(sentAtMs: number): boolean {
    if (this.#probeAtMs === null || sentAtMs < this.#probeAtMs) return false;
    this.#isOn = false;
    this.#probeAtMs = null;
    return true;
  }
}
