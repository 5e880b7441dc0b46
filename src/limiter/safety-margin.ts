/**
 * The adaptive safety margin: the share of a limit that is aimed at while nobody has told how the gateway counts. It
 * begins at a guard that is safe for every way of counting, grows while the whole limit is used without a refusal,
 * and shrinks after one. So a gateway with fixed windows is used nearly whole, and one that counts any second, which
 * refuses single requests that jitter has pushed over, keeps its guard. Of numbers only.
 *
 * Always holds: guard ≤ share ≤ what is asked for; the share never grows while less is sent than is allowed.
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

export class SafetyMargin {
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
