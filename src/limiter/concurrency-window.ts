/**
 * Learns how many requests of an account may be open (AIMD). A refusal halves the number, use lets it grow by steps.
 *
 * Always holds: 1 ≤ size ≤ most; requests that left before a cut cause no second one. The window grows only while it
 * is used, and stays just below a size that was refused, longer each time.
 */

/** An answer proves that the size is right if this share of it was open. */
const USED = 0.75;
/** One step, as a share of the configured size. */
const STEP = 0.1;
/** The shortest time from a change to the next step. */
const STEP_MS = 1_000;
/** The same before the step to a size that was refused: at first, and at most. */
const PLATEAU_MS = [5_000, 300_000] as const;

export class ConcurrencyWindow {
  #most: number;
  #size: number;
  /** The latest cut (monotonic ms); null = none was. */
  #cutAtMs: number | null = null;
  /** The size that was refused last; null = none was. */
  #refusedSize: number | null = null;
  #plateauMs: number = PLATEAU_MS[0];
  /** Monotonic ms; null = never. */
  #changedAtMs: number | null = null;
  /** Answers since the last change that came while the slots were used. */
  #proofs = 0;

  /** `most` ≥ 1 is what is configured. */
  constructor(most: number) {
    this.#most = most;
    this.#size = most;
  }

  get size(): number {
    return this.#size;
  }

  get most(): number {
    return this.#most;
  }

  /** Sets the configured size. The window has it at once unless it was cut. */
  setMost(most: number): void {
    const wasOpen = this.#size >= this.#most;
    this.#most = most;
    this.#size = wasOpen ? most : Math.min(this.#size, most);
  }

  /** A request that left at `sentAtMs` was one too many. False = it left before the latest cut. */
  refused(sentAtMs: number, nowMs: number): boolean {
    if (this.#cutAtMs !== null && sentAtMs < this.#cutAtMs) return false;
    this.#cutAtMs = nowMs;
    const [least, most] = PLATEAU_MS;
    const before = this.#refusedSize;
    const isSame = before !== null && Math.abs(this.#size - before) <= this.#step;
    this.#plateauMs = isSame ? Math.min(this.#plateauMs * 2, most) : least;
    this.#refusedSize = this.#size;
    this.#change(Math.max(1, Math.floor(this.#size / 2)), nowMs);
    return true;
  }

  /** A request was answered while `open` were open, itself included. */
  accepted(open: number, nowMs: number): void {
    if (this.#size >= this.#most || open < USED * this.#size) return;
    this.#proofs += 1;
    const below = this.#refusedSize === null ? null : this.#refusedSize - 1;
    const freeAtMs =
      (this.#changedAtMs ?? nowMs) + (this.#size === below ? this.#plateauMs : STEP_MS);
    if (this.#proofs < this.#size || nowMs < freeAtMs) return;
    const limit = below !== null && this.#size < below ? Math.min(this.#most, below) : this.#most;
    this.#change(Math.min(this.#size + this.#step, limit), nowMs);
  }

  get #step(): number {
    return Math.ceil(this.#most * STEP);
  }

  #change(size: number, nowMs: number): void {
    this.#size = size;
    this.#changedAtMs = nowMs;
    this.#proofs = 0;
  }
}
