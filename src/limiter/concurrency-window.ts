/**
 * The concurrency window of an account (AIMD): the number of requests that may be open, below what is configured. It
 * is halved when the gateway says that they are too many, or leaves them without an answer, and grows back a step at
 * a time. Of numbers only.
 *
 * Always holds: 1 ≤ size ≤ most; one cut per cohort; the window grows only while it is used, and waits just below a
 * size that was refused, longer each time.
 */
import { Cohort } from './cohort.ts';

/** Of the open requests that are allowed, so many must be open for an answer to prove that they may be. */
const USED = 0.75;
/** Of what is configured: one step. */
const STEP = 0.1;
/** A step comes no sooner after a change. */
const STEP_MS = 1_000;
/** The step to a size that was refused: the first time, and at most. */
const PLATEAU_MS = [5_000, 300_000] as const;

export class ConcurrencyWindow {
  #most: number;
  #step: number;
  readonly #cohort = new Cohort();
  #size: number;
  /** The size that was refused last. */
  #level = Infinity;
  #plateauMs: number = PLATEAU_MS[0];
  #changedAtMs = -Infinity;
  /** Answers since the last change that came while the slots were used. */
  #proofs = 0;

  /** `most` ≥ 1 is what is configured. */
  constructor(most: number) {
    this.#most = most;
    this.#size = most;
    this.#step = Math.ceil(most * STEP);
  }

  get size(): number {
    return this.#size;
  }

  get most(): number {
    return this.#most;
  }

  /** So many are allowed from now on; where nothing had been refused, they are at once. */
  setMost(most: number): void {
    const wasOpen = this.#size >= this.#most;
    this.#most = most;
    this.#step = Math.ceil(most * STEP);
    this.#size = wasOpen ? most : Math.min(this.#size, most);
  }

  /** A request that left at `sentAtMs` was one too many. False = its cohort has been dealt with. */
  refused(sentAtMs: number, nowMs: number): boolean {
    if (this.#cohort.hasPaid(sentAtMs)) return false;
    this.#cohort.cut(nowMs);
    const [least, most] = PLATEAU_MS;
    const isSame = Math.abs(this.#size - this.#level) <= this.#step;
    this.#plateauMs = isSame ? Math.min(this.#plateauMs * 2, most) : least;
    this.#level = this.#size;
    this.#change(Math.max(1, Math.floor(this.#size / 2)), nowMs);
    return true;
  }

  /** A request went through while so many were open, itself among them. */
  accepted(open: number, nowMs: number): void {
    if (this.#size >= this.#most || open < USED * this.#size) return;
    this.#proofs += 1;
    const isBelow = this.#size === this.#level - 1;
    const waitMs = isBelow ? this.#plateauMs : STEP_MS;
    if (this.#proofs < this.#size || nowMs - this.#changedAtMs < waitMs) return;
    const next = this.#size + this.#step;
    const isFar = this.#size < this.#level - 1;
    this.#change(Math.min(next, this.#most, isFar ? this.#level - 1 : Infinity), nowMs);
  }

  #change(size: number, nowMs: number): void {
    this.#size = size;
    this.#changedAtMs = nowMs;
    this.#proofs = 0;
  }
}
