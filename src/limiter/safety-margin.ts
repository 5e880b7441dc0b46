/**
 * Adapts the share of a limit that is aimed at to the way the gateway counts. The share begins at a guard that is safe
 * for every way of counting. It grows while the whole limit is used without a refusal, and shrinks after one. So fixed
 * windows are used nearly whole, and a gateway that counts any second keeps its guard. Of numbers only.
 *
 * Always holds: guard ≤ share ≤ the nearest that is allowed; the share grows only while the limit is used.
 */

/** The share grows after this time, and this number of requests, without a refusal. */
const CALM_MS = 25_000;
const CALM_REQUESTS = 750;
/** Growth per second. */
const STEP = 0.001;
/** What a refusal takes back, and one that follows before it was calm again. */
const BACK = 0.004;
const FAR_BACK = 0.012;

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

  /** For `forMs` the whole limit was used by `count` requests and nothing was refused. The share grows to `nearest`. */
  used({ forMs, count, nearest }: Readonly<Record<'forMs' | 'count' | 'nearest', number>>): void {
    this.#calmMs += forMs;
    this.#calmCount += count;
    if (!this.#isCalm || this.#share >= nearest) return;
    this.#share = Math.min(nearest, this.#share + (STEP * forMs) / 1000);
  }

  refused(): void {
    this.#back(this.#share - (this.#isCalm ? BACK : FAR_BACK));
  }

  /** The limit is another from now on. */
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
