/**
 * How near to a limit to go, as a share of it, where nobody has told how it is counted: from a guard that every
 * way of counting allows, nearer while all of it is used and nothing is refused, and back when something is.
 * A gateway that counts in fixed windows, or lets a few be caught up, is so used nearly whole; one that counts
 * any second refuses single requests that jitter has pushed over, and keeps its guard. Of numbers only.
 *
 * Always holds: guard ≤ share, and no nearer than is asked for; nothing comes nearer while less is sent than is
 * allowed.
 */

/** The share grows when nothing was refused for so long, and of so many requests. */
const CALM_MS = 25_000;
const CALM_REQUESTS = 750;
/** By so much a second. */
const STEP = 0.001;
/** A refusal takes back so much, and one that follows before it was calm again so much. */
const BACK = 0.004;
const FAR_BACK = 0.012;

export interface Used {
  readonly forMs: number;
  /** Requests. */
  readonly count: number;
  /** The share that may be come to. */
  readonly nearest: number;
}

export class Nearness {
  readonly #guard: number;
  #share: number;
  #calmMs = 0;
  #calmCount = 0;

  /** `guard` as a share of the limit, up to 1. */
  constructor(guard: number) {
    this.#guard = guard;
    this.#share = guard;
  }

  get share(): number {
    return this.#share;
  }

  /** For so long the whole limit was used, by so many requests, and nothing was refused. */
  used({ forMs, count, nearest }: Used): void {
    this.#calmMs += forMs;
    this.#calmCount += count;
    if (!this.#isCalm || this.#share >= nearest) return;
    this.#share = Math.min(nearest, this.#share + (STEP * forMs) / 1000);
  }

  /** A request was refused. */
  refused(): void {
    this.#back(this.#share - (this.#isCalm ? BACK : FAR_BACK));
  }

  /** It is about another limit from now on: nothing is known of that. */
  forget(): void {
    this.#back(this.#guard);
  }

  #back(share: number): void {
    this.#share = Math.max(this.#guard, share);
    this.#calmMs = 0;
    this.#calmCount = 0;
  }

  get #isCalm(): boolean {
    return this.#calmMs >= CALM_MS && this.#calmCount >= CALM_REQUESTS;
  }
}
