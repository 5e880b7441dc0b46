/**
 * Learns from refusals how much a limit really allows, below a configured or named ceiling. A refusal cuts the rate at
 * once. It grows back along a cubic: slowly around the refused level, then faster. Of numbers only.
 *
 * Always holds: rate ≤ ceiling; requests that left before a cut cause no second one. The rate grows only while used.
 */
import { SafetyMargin } from './safety-margin.ts';
import { Tally } from './tally.ts';

/** The least rate a cut leads to (requests per second): a lane that sends nothing learns nothing. */
const RATE_MIN = 0.1;
/** The rate after a cut, as a share of the level. */
const CUT = 0.97;
/** Each further cut before the rate is back lowers the level by this share more, down to `STREAK_MOST`. */
const STREAK_CUT = 0.02;
const STREAK_MOST = 0.88;
/** The plateau of a level that is refused again once it was reached grows by this factor. */
const LONGER = 1.25;
/** Growth beyond the level in the first plateau's length after it. */
const PROBE = 0.06;
/** A cut leaves at least this share of the rate, unless the text names the limit. */
const CUT_MOST = 0.4;
/** If less than this share of the rate went through, the lane was idle or had only begun: nothing is proved. */
const PASSED_MIN = 0.3;
/** If this share of the pace went through, jitter has pushed a request over the limit, not the pace. */
const NEARLY = 0.9;
const NEARLY_COUNT = 1.5;
/** At the ceiling one such refusal is forgiven in this time. */
const FORGIVE_EVERY_MS = 4_000;
/** Limits that differ by less than this share are the same: they are probed less often. */
const SAME = 0.08;
/** The share of the pace that must be used for the rate to grow. */
const USED = 0.75;
const TICK_MS = 500;
const TICK_REQUESTS = 5;
const WINDOW_MS = 1_000;
const BACK_OFF_MAX_MS = 60_000;

export interface LearnerOptions {
  /** The pace as a share of the rate. */
  readonly guard: number;
  /** The share that it may grow to while nothing is refused; left out = it does not grow. */
  readonly nearestOf?: (limit: number) => number;
  /** Requests per second; never exceeded. */
  readonly ceiling: number;
  /** Where to begin: what an earlier run had learned. */
  readonly rate: number;
  /** How long the rate stays around a refused level before it goes beyond: at first, and at most. */
  readonly plateauMs: readonly [number, number];
}

export class Learner {
  readonly #plateaus: readonly [number, number];
  readonly #guard: number;
  readonly #margin: SafetyMargin;
  readonly #nearestOf: (limit: number) => number;
  readonly #tally = new Tally(WINDOW_MS);
  /** The latest cut (monotonic ms); null = none was. */
  #cutAtMs: number | null = null;
  #ceiling: number;
  #rate: number;
  /** The level around which the rate grows slowly. */
  #level: number;
  #plateauMs: number;
  /** Time without a cut in which all that was allowed was used. */
  #calmMs: number;
  #forgivenAtMs: number | null = null;
  /** When the latest refused request left. */
  #refusedAtMs: number | null = null;
  /** Cuts with nothing accepted between. */
  #run = 0;
  #tickAtMs: number | null = null;
  #ticked = 0;
  /** Cuts in a row before the rate had come back to its level: the limit is falling. */
  #streak = 0;

  constructor(options: LearnerOptions) {
    this.#plateaus = options.plateauMs;
    this.#plateauMs = options.plateauMs[0];
    this.#guard = options.guard;
    this.#margin = new SafetyMargin(options.guard);
    this.#nearestOf = options.nearestOf ?? (() => options.guard);
    this.#ceiling = options.ceiling;
    this.#rate = Math.min(options.rate, options.ceiling);
    this.#level = this.#rate;
    this.#calmMs = this.#plateauMs;
  }

  /** What is available (requests per second), as far as is known. */
  get rate(): number {
    return this.#rate;
  }

  /** Requests per second to aim at, a little below the rate. */
  get pace(): number {
    return this.#rate * this.#margin.share;
  }

  get ceiling(): number {
    return this.#ceiling;
  }

  /** Sets another ceiling. A rate that was not cut follows it. */
  setCeiling(ceiling: number): void {
    const wasOpen = this.#rate >= this.#ceiling;
    if (ceiling !== this.#ceiling) this.#margin.forget();
    this.#ceiling = ceiling;
    if (wasOpen || this.#rate > ceiling) this.#rate = ceiling;
  }

  /** Raises the ceiling; the rate grows towards it from where it is. */
  doubt(ceiling: number): void {
    if (ceiling <= this.#ceiling) return;
    this.#ceiling = ceiling;
    this.#margin.forget();
    this.#level = this.#rate;
    this.#calmMs = this.#plateauMs;
  }

  /** The wait after cuts in a row with nothing accepted between (ms); 0 after one. */
  get backOffMs(): number {
    if (this.#run < 2) return 0;
    return Math.min(WINDOW_MS * 2 ** Math.min(this.#run - 2, 16), BACK_OFF_MAX_MS);
  }

  /** Requests that went through and had left within `spanMs` (up to a second) before the instant. */
  passedBefore(atMs: number, spanMs: number): number {
    return this.#tally.countBefore(atMs, Math.min(spanMs, WINDOW_MS));
  }

  /** A request was not throttled. `count`: what it counts for (its parts, where parts are counted). */
  accepted(sentAtMs: number, nowMs: number, count = 1): void {
    this.#tally.add(sentAtMs, count);
    if (!this.#leftBeforeCut(sentAtMs)) this.#run = 0;
    this.#ticked += count;
    const tickMs = Math.max(TICK_MS, (TICK_REQUESTS * 1000) / this.#rate);
    const passedMs = this.#tickAtMs === null ? Infinity : nowMs - this.#tickAtMs;
    if (passedMs < tickMs) return;
    const ticked = this.#ticked;
    this.#tickAtMs = nowMs;
    this.#ticked = 0;
    if (ticked < (USED * this.#guard * this.#rate * passedMs) / 1000) return;
    if (this.#rate >= this.#ceiling) {
      const nearest = this.#nearestOf(this.#ceiling);
      this.#margin.used({ forMs: passedMs, count: ticked, nearest });
      return;
    }
    this.#calmMs += passedMs;
    this.#rate = Math.min(
      this.#ceiling,
      Math.max(this.#rate, regrown(this.#level, this.#calmMs, this.#plateauMs)),
    );
  }

  /**
   * A request was throttled; `hint`: the limit as the refusal tells it (per second), null = it does not. Returns how
   * long to send nothing (ms from now), so that what was sent leaves the gateway's window. Null = the request left
   * before the latest cut, or is forgiven.
   */
  refused({
    sentAtMs,
    nowMs,
    hint,
  }: {
    readonly sentAtMs: number;
    readonly nowMs: number;
    readonly hint: number | null;
  }): number | null {
    if (this.#leftBeforeCut(sentAtMs)) {
      this.#refusedAtMs = Math.max(this.#refusedAtMs ?? sentAtMs, sentAtMs);
      return null;
    }
    this.#margin.refused();
    const limit = this.#evident(sentAtMs, hint);
    this.#refusedAtMs = sentAtMs;
    this.#cutAtMs = nowMs;
    this.#run += 1;
    if (limit === null && this.#isForgiven(nowMs)) return null;
    const before = this.#rate;
    this.#streak = this.#calmMs >= this.#plateauMs ? 0 : this.#streak + 1;
    const less = Math.max(1 - STREAK_CUT * this.#streak, STREAK_MOST);
    this.#cutTo(Math.min(limit ?? before, before * less));
    const drainMs = WINDOW_MS * (1 - this.#rate / before);
    return Math.max(drainMs, this.backOffMs);
  }

  #leftBeforeCut(sentAtMs: number): boolean {
    return this.#cutAtMs !== null && sentAtMs < this.#cutAtMs;
  }

  /* The limit, where the refusal proves it: far less went through than was tried. What was refused just
   * before may count for the gateway too, and a few requests prove nothing. */
  #evident(sentAtMs: number, hint: number | null): number | null {
    const passed = this.#tally.countBefore(sentAtMs);
    if (hint !== null) return Math.max(hint, passed);
    const isAlone = this.#refusedAtMs === null || sentAtMs >= this.#refusedAtMs + WINDOW_MS;
    if (!isAlone || passed < PASSED_MIN * this.#rate) return null;
    const nearly = NEARLY * this.#guard * this.#rate - NEARLY_COUNT;
    return passed >= nearly ? null : Math.max(passed, this.#rate * CUT_MOST);
  }

  #isForgiven(nowMs: number): boolean {
    if (this.#run > 1 || this.#rate < this.#ceiling) return false;
    const forgivenAtMs = this.#forgivenAtMs;
    if (forgivenAtMs !== null && nowMs - forgivenAtMs < FORGIVE_EVERY_MS) return false;
    this.#forgivenAtMs = nowMs;
    return true;
  }

  #cutTo(limit: number): void {
    const [least, most] = this.#plateaus;
    const isSame = Math.abs(limit - this.#level) <= SAME * this.#level;
    if (!isSame) this.#plateauMs = least;
    else if (this.#calmMs >= this.#plateauMs)
      this.#plateauMs = Math.min(this.#plateauMs * LONGER, most);
    this.#margin.forget();
    this.#level = limit;
    this.#rate = Math.max(limit * CUT, Math.min(RATE_MIN, this.#ceiling));
    this.#calmMs = 0;
  }
}

/** The rate `calmMs` after a cut: `CUT` of the level at first, the level after a plateau, then growing faster. */
export function regrown(level: number, calmMs: number, plateauMs: number): number {
  const beyond = calmMs / plateauMs - 1;
  return level * (1 + (beyond < 0 ? 1 - CUT : PROBE) * beyond ** 3);
}
