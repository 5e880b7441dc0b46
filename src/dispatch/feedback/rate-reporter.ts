/** Decides when a rate that keeps moving is worth a report. Of numbers only. */
interface ReportRule {
  /** The least difference from what was reported, as a share of it, and how long it must last. */
  readonly share: number;
  readonly afterMs: number;
  readonly everyMs: number;
}

export class RateReporter {
  readonly #rule: ReportRule;
  #reported: number;
  #reportedAtMs: number | null = null;
  /** Since when the rate has differed (monotonic ms); null = it does not. */
  #awaySinceMs: number | null = null;

  /** `reported`: the rate that is taken for granted. */
  constructor(rule: ReportRule, reported: number) {
    this.#rule = rule;
    this.#reported = reported;
  }

  /** The rate was reported for another reason. */
  tell(rate: number, nowMs: number): void {
    this.#reported = rate;
    this.#reportedAtMs = nowMs;
    this.#awaySinceMs = null;
  }

  /** Since when (monotonic ms) the rate has differed, if it is to be reported now; it then counts as reported. */
  newsSince(rate: number, nowMs: number): number | null {
    const { share, afterMs, everyMs } = this.#rule;
    if (Math.abs(rate - this.#reported) <= share * this.#reported) {
      this.#awaySinceMs = null;
      return null;
    }
    const since = (this.#awaySinceMs ??= nowMs);
    const isEarly = this.#reportedAtMs !== null && nowMs - this.#reportedAtMs < everyMs;
    if (isEarly || nowMs - since < afterMs) return null;
    this.tell(rate, nowMs);
    return since;
  }
}
