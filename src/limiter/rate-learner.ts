/**
 * How much a limit really allows, below a ceiling that was configured or named: learned from what is refused.
 * Cuts at once, and grows back along a cubic: slowly around the level that was refused, faster the longer
 * nothing is. Of numbers only; the pace is a guard below what this says.
 *
 * Always holds: rate ≤ ceiling; answers to requests sent before the last cut do not cut again; nothing grows
 * while less is sent than would be allowed.
 */
import { Cohort } from './cohort.ts';
import { SafetyMargin } from './safety-margin.ts';
import { Tally } from './tally.ts';

/** Requests per second below which nothing is cut: a lane that sends nothing learns nothing. */
const RATE_MIN = 0.1;
/** After a cut: so much of what went through before the refusal. */
const CUT = 0.97;
/** The level falls by so much more with each cut that follows before the rate is back, but by no more. */
const STREAK_CUT = 0.02;
const STREAK_MOST = 0.88;
/** A level that is refused again once it was reached is kept so much longer. */
const LONGER = 1.25;
/** How fast it goes on beyond the level: by so much in the first plateau's length after it. */
const PROBE = 0.06;
/** No cut goes deeper than this at once, but where the text names the limit. */
const CUT_MOST = 0.4;
/** Of the rate: when less went through, the lane was idle, or had only begun, and nothing is proved. */
const PASSED_MIN = 0.3;
/** So much of the pace went through: jitter, and not the pace, has pushed a request over the limit. */
const NEARLY = 0.9;
const NEARLY_COUNT = 1.5;
/** At the ceiling one such refusal is forgiven this often. */
const FORGIVE_EVERY_MS = 4_000;
/** Two limits that differ by less than this are the same: it is probed less often. */
const SAME = 0.08;
/** Of the pace that must have been used for the rate to grow. */
const USED = 0.75;
const TICK_MS = 500;
const TICK_REQUESTS = 5;
/** What nobody had to say no to within this much of a window makes room for the next request. */
const WINDOW_MS = 1_000;
const BACK_OFF_MAX_MS = 60_000;

export interface LearnerOptions {
  /** The pace as a share of the rate. */
  readonly guard: number;
  /** How near to a limit it may come where nothing is refused; left out = no nearer. */
  readonly nearestOf?: (limit: number) => number;
  /** Requests per second; never exceeded. */
  readonly ceiling: number;
  /** Where to begin: what an earlier run had learned. */
  readonly rate: number;
  /** How long the rate stays around a level that was refused before it goes beyond: the first time, and at
   *  most, where it is refused there again and again. */
  readonly plateauMs: readonly [number, number];
}

export interface Refusal {
  /** When the refused request left, and when its answer came (monotonic ms). */
  readonly sentAtMs: number;
  readonly nowMs: number;
  /** What the refusal itself tells of the limit (per second); null = nothing. */
  readonly hint: number | null;
}

export class Learner {
  readonly #plateaus: readonly [number, number];
  readonly #guard: number;
  readonly #margin: SafetyMargin;
  readonly #nearestOf: (limit: number) => number;
  readonly #tally = new Tally(WINDOW_MS);
  readonly #cohort = new Cohort();
  #ceiling: number;
  #rate: number;
  /** The level around which it is grown slowly. */
  #level: number;
  #plateauMs: number;
  /** Time without a cut in which all that was allowed was used. */
  #calmMs: number;
  #forgivenAtMs = -Infinity;
  /** When the latest refused request left. */
  #refusedAtMs = -Infinity;
  /** Cohorts refused with nothing accepted between. */
  #run = 0;
  #tickAtMs = -Infinity;
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

  /** How fast to go (requests per second): a little below that. */
  get pace(): number {
    return this.#rate * this.#margin.share;
  }

  get ceiling(): number {
    return this.#ceiling;
  }

  /** Another limit was named: no more than this, and where nothing had been cut, no less. */
  setCeiling(ceiling: number): void {
    const wasOpen = this.#rate >= this.#ceiling;
    if (ceiling !== this.#ceiling) this.#margin.forget();
    this.#ceiling = ceiling;
    if (wasOpen || this.#rate > ceiling) this.#rate = ceiling;
  }

  /** The ceiling is not what it was said to be: this is, and from here it is felt for. */
  doubt(ceiling: number): void {
    if (ceiling <= this.#ceiling) return;
    this.#ceiling = ceiling;
    this.#margin.forget();
    this.#level = this.#rate;
    this.#calmMs = this.#plateauMs;
  }

  /** How long to wait where cohort after cohort is refused (ms); 0 after one. */
  get backOffMs(): number {
    if (this.#run < 2) return 0;
    return Math.min(WINDOW_MS * 2 ** Math.min(this.#run - 2, 16), BACK_OFF_MAX_MS);
  }

  /** How many requests went through that left within so long (up to a second) before the instant. */
  passedBefore(atMs: number, spanMs: number): number {
    return this.#tally.countBefore(atMs, Math.min(spanMs, WINDOW_MS));
  }

  /** A request that left then was not throttled. `count`: what it is counted for, its parts perhaps. */
  accepted(sentAtMs: number, nowMs: number, count = 1): void {
    this.#tally.add(sentAtMs, count);
    if (!this.#cohort.hasPaid(sentAtMs)) this.#run = 0;
    this.#ticked += count;
    const tickMs = Math.max(TICK_MS, (TICK_REQUESTS * 1000) / this.#rate);
    const passedMs = nowMs - this.#tickAtMs;
    if (passedMs < tickMs) return;
    const isUsed = this.#ticked >= (USED * this.#guard * this.#rate * passedMs) / 1000;
    const ticked = this.#ticked;
    this.#tickAtMs = nowMs;
    this.#ticked = 0;
    if (!isUsed) return;
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
   * A request was throttled. Returns how long to send nothing (ms from now), so that what was sent leaves
   * the gateway's window; null = it belongs to a cohort that has been dealt with, or is forgiven.
   */
  refused({ sentAtMs, nowMs, hint }: Refusal): number | null {
    if (this.#cohort.hasPaid(sentAtMs)) {
      this.#refusedAtMs = Math.max(this.#refusedAtMs, sentAtMs);
      return null;
    }
    this.#margin.refused();
    const limit = this.#evident(sentAtMs, hint);
    this.#refusedAtMs = sentAtMs;
    this.#cohort.cut(nowMs);
    this.#run += 1;
    if (limit === null && this.#isForgiven(nowMs)) return null;
    const before = this.#rate;
    this.#streak = this.#calmMs >= this.#plateauMs ? 0 : this.#streak + 1;
    const less = Math.max(1 - STREAK_CUT * this.#streak, STREAK_MOST);
    this.#cutTo(Math.min(limit ?? Infinity, before * less));
    const drainMs = WINDOW_MS * (1 - this.#rate / before);
    return Math.max(drainMs, this.backOffMs);
  }

  /* The limit, where the refusal proves it: far less went through than was tried. What was refused just
   * before may count for the gateway too, and of a few nothing can be told. */
  #evident(sentAtMs: number, hint: number | null): number | null {
    const passed = this.#tally.countBefore(sentAtMs);
    if (hint !== null) return Math.max(hint, passed);
    if (sentAtMs < this.#refusedAtMs + WINDOW_MS || passed < PASSED_MIN * this.#rate) {
      return null;
    }
    return passed >= this.#nearly ? null : Math.max(passed, this.#rate * CUT_MOST);
  }

  get #nearly(): number {
    return NEARLY * this.#guard * this.#rate - NEARLY_COUNT;
  }

  #isForgiven(nowMs: number): boolean {
    if (this.#run > 1 || this.#rate < this.#ceiling) return false;
    if (nowMs - this.#forgivenAtMs < FORGIVE_EVERY_MS) return false;
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

/** The rate so long after a cut: `CUT` of the level at first, the level after a plateau, then ever faster. */
export function regrown(level: number, calmMs: number, plateauMs: number): number {
  const beyond = calmMs / plateauMs - 1;
  return level * (1 + (beyond < 0 ? 1 - CUT : PROBE) * beyond ** 3);
}
