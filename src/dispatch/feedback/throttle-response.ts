/**
 * What throttled answers do to one limit, an account's or a sender's: how long it waits, how fast it goes on, and
 * what is written of both. The numbers are decided by the learner of `limiter/`.
 *
 * Always holds: a wait is a deadline, after which one message goes first; no rate exceeds what is configured, or
 * named by the gateway.
 */
import type { Instant } from '../../core/window/usage-window.ts';
import type { Claim } from '../../core/message/claim.ts';
import type { LaneAct } from '../../core/answer/verdict.ts';
import { throttled } from '../../log/event-lines.ts';
import type { Learner } from '../../limiter/rate-learner.ts';
import type { WindowSchedule } from '../../limiter/meter.ts';
import type { Pending } from '../work.ts';
import type { Limit } from '../limit/limit.ts';
import { RateReporter } from './rate-reporter.ts';

/** Added to what the gateway asks: waiting exactly that long is still throttled. */
export const WAIT_MARGIN_MS = 20;

/** An answer as far as it is about limits. */
export interface Answer extends Instant {
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

/** The limit waits so long, or as long as it does already. A line says so where it begins. */
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
  readonly learner: Learner;
  /** The rate that everybody takes for granted. */
  readonly said: number;
  /** Null = nothing is configured. */
  readonly configuredRate: number | null;
}

export class ThrottleResponse {
  readonly learner: Learner;
  readonly reporter: RateReporter;
  /** Null = nothing is configured. */
  configuredRate: number | null;
  readonly #parts: ThrottleResponseParts;

  constructor(parts: ThrottleResponseParts) {
    this.#parts = parts;
    this.learner = parts.learner;
    this.configuredRate = parts.configuredRate;
    this.reporter = new RateReporter(parts.said);
  }

  /** Nothing goes for so long, then one message first. */
  wait(waitMs: number, at: Instant): void {
    startWait(this.#parts, { waitMs, reason: 'throttled' }, at);
    this.#parts.limit.tryFirst();
  }

  /** The limit goes as fast as the learner says. `full`: what is written where all of the ceiling is available. */
  follow(
    schedule: WindowSchedule | null,
    { now, nowMs }: Instant,
    full: number | null = null,
  ): void {
    const { learner, reporter } = this;
    const { limit } = this.#parts;
    /* The schedule of windows that are known stays: a new one would begin with the next window. */
    if (schedule === null || limit.schedule?.startsAt !== schedule.startsAt) {
      limit.setRate(learner, schedule, nowMs);
    }
    if (!reporter.isWorthKeeping(learner.rate, nowMs)) return;
    this.write(learner.rate >= learner.ceiling ? full : rounded(learner.rate), now);
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
