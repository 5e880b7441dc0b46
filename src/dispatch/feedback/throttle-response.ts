/**
 * Reacts to the throttling of one limit, an account's or a sender's. The limit waits, goes on at the learned rate, and
 * both are written down.
 *
 * Always holds: no rate exceeds what is configured or named by the gateway.
 */
import type { LaneAct } from '../../core/answer/verdict.ts';
import type { Claim } from '../../core/message/claim.ts';
import type { Instant } from '../../core/window/usage-window.ts';
import type { WindowSchedule } from '../../limiter/meter.ts';
import { Learner, type LearnerOptions } from '../../limiter/rate-learner.ts';
import { throttled } from '../../log/event-lines.ts';
import type { Limit } from '../limit/limit.ts';
import type { Pending } from '../work.ts';
import { RateReporter } from './rate-reporter.ts';

/** When a rate is worth a row, and when it is worth a log line. */
const WRITTEN = { share: 0.02, afterMs: 0, everyMs: 5_000 };
const SAID = { share: 0.1, afterMs: 5_000, everyMs: 60_000 };

/** An answer as far as it is about limits. */
export interface LaneAnswer extends Instant {
  readonly claim: Claim;
  readonly acts: readonly LaneAct[];
  /** Whether the gateway answered at all. */
  readonly isAnswered: boolean;
  /** Whether it said something of the message, so that its limits had let the request pass or not. */
  readonly isJudged: boolean;
  readonly isAccepted: boolean;
  /** Monotonic. */
  readonly sentAtMs: number;
}

export interface WaitParts {
  readonly account: string;
  readonly limit: Limit;
  readonly pending: Pending;
}

/** Lets the limit wait for `waitMs`, unless it waits longer already. A log line says so if it did not wait. */
export function startWait(
  { account, limit, pending }: WaitParts,
  { waitMs, reason }: Pick<Parameters<typeof throttled>[2], 'waitMs' | 'reason'>,
  { now, nowMs }: Instant,
): void {
  const isNews = !limit.isBlockedAt(nowMs);
  if (limit.block(waitMs, nowMs)) {
    const until = now + waitMs / 1000;
    pending.blocks.push({ account, sender: limit.name, until, now });
  }
  if (isNews) pending.entries.push(throttled(account, limit.name, { at: now, waitMs, reason }));
}

export interface ThrottleResponseParts extends WaitParts {
  readonly learner: LearnerOptions;
  /** The rate that is taken for granted. */
  readonly said: number;
  readonly configuredRate: number | null;
}

export class ThrottleResponse {
  readonly learner: Learner;
  configuredRate: number | null;
  readonly #parts: ThrottleResponseParts;
  readonly #written: RateReporter;
  readonly #said: RateReporter;

  constructor(parts: ThrottleResponseParts) {
    this.#parts = parts;
    this.learner = new Learner(parts.learner);
    this.configuredRate = parts.configuredRate;
    this.#written = new RateReporter(WRITTEN, parts.said);
    this.#said = new RateReporter(SAID, parts.said);
  }

  /** The learned rate; null = all of the ceiling is available. */
  get learnedRate(): number | null {
    const { rate, ceiling } = this.learner;
    return rate < ceiling ? rate : null;
  }

  /** The limit goes as fast as the learner says. `full`: the rate that is written if all of the ceiling is available. */
  follow(
    schedule: WindowSchedule | null,
    { now, nowMs }: Instant,
    full: number | null = null,
  ): void {
    const { learner, learnedRate } = this;
    const { limit } = this.#parts;
    /* The schedule of windows that are known stays: a new one would begin with the next window. */
    if (schedule === null || limit.schedule?.startsAt !== schedule.startsAt) {
      limit.setRate(learner, schedule, nowMs);
    }
    if (this.#written.newsSince(learner.rate, nowMs) === null) return;
    this.write(learnedRate === null ? full : rounded(learnedRate), now);
  }

  /** Since when (monotonic ms) the rate has differed, if that is to be said now; null = it is not. */
  newsSince(nowMs: number): number | null {
    return this.#said.newsSince(this.learner.rate, nowMs);
  }

  /** The rate was written and said, for another reason. */
  tell(nowMs: number): void {
    this.#written.tell(this.learner.rate, nowMs);
    this.#said.tell(this.learner.rate, nowMs);
  }

  /** Null = all that is configured is available. */
  write(learnedRate: number | null, now: number): void {
    const { account, limit, pending } = this.#parts;
    const { configuredRate } = this;
    pending.rates.push({ account, sender: limit.name, configuredRate, learnedRate, now });
  }
}

/** Requests per second as people read them. */
export function rounded(rate: number): number {
  return Number(rate.toPrecision(3));
}
