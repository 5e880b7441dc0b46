/**
 * The half-open state after a wait: one message goes, and its answer, whatever it is but another throttle, ends
 * the state. A probe without an answer holds the others up for a limited time only.
 */

/** After so long without an answer to the probe another one may go. */
const PATIENCE_MS = 2_000;

export class HalfOpen {
  #isOn = false;
  /** When the probe left (monotonic ms); null = none is out. */
  #probeAtMs: number | null = null;

  /** A wait begins: a request that is out already is no probe of it. */
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

  /** Whether a probe may go now. */
  mayProbe(nowMs: number): boolean {
    return this.#probeAtMs === null || nowMs >= this.#probeAtMs + PATIENCE_MS;
  }

  /** One or more messages left now. */
  left(nowMs: number): void {
    if (this.#isOn && this.mayProbe(nowMs)) this.#probeAtMs = nowMs;
  }

  /** A message that left then was answered, and not throttled. Returns true if this ended the state. */
  answered(sentAtMs: number): boolean {
    if (this.#probeAtMs === null || sentAtMs < this.#probeAtMs) return false;
    this.#isOn = false;
    this.#probeAtMs = null;
    return true;
  }
}
