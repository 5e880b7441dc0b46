/**
 * What answers do to an account and its senders: how long to wait, how fast to go on, how many requests to have open,
 * and what is written of it. Owns what the account's answers have told of its limit.
 *
 * Always holds: a sender's trouble is no other's; the windows of the gateway are aimed at only where all of a limit
 * that it named is there to be used.
 */
import type { Policy } from '../../core/account/policy.ts';
import type { LaneAct } from '../../core/answer/verdict.ts';
import { limitLearned } from '../../log/event-lines.ts';
import { Learner } from '../../limiter/rate-learner.ts';
import type { WindowSchedule } from '../../limiter/meter.ts';
import { ACCOUNT_GUARD, DEFAULT_LIMIT, nearestOf } from '../../limiter/pace.ts';
import { WindowPhase } from '../../limiter/window-phase.ts';
import type { AccountQueue } from '../schedule/account-queue.ts';
import type { Pending } from '../work.ts';
import { ConcurrencyFeedback } from './concurrency-feedback.ts';
import type { Limit } from '../limit/limit.ts';
import { SenderThrottle } from './sender-throttle.ts';
import { rounded, ThrottleResponse, WAIT_MARGIN_MS, type Answer } from './throttle-response.ts';

/** After a throttled answer that names no wait and asks for no drain: so that what is out comes back. */
const WAIT_MIN_MS = 50;
/** The account's windows, as the gateway documents them; its text may name others. */
const WINDOW_MS = 1_000;
/** Levels that were refused are left alone this long at first, and at most. */
const PLATEAU_MS = [5_000, 20_000] as const;
/** Between the permit and the request: more is no commit but a slot that was waited for. */
const LAG_MAX_MS = 60;
/** After this time a limit that the gateway named is no longer believed. */
const NAMED_FOR_MS = 3_600_000;
/** Of a window that is said to be full, at least this much was ours. */
const OURS = 0.7;
/** Permits follow the gateway's windows no longer once at least `MISSED_MIN` of the last `MISSED_OF` answers, and at least
 *  `MISSED_SHARE` of them, were throttled. They stay even for `DISTRUST_MS`. */
const MISSED_MIN = 4;
const MISSED_SHARE = 0.01;
const MISSED_OF = 2_000;
const DISTRUST_MS = 600_000;

export interface AccountLimits {
  /** Requests per second; null = not configured. */
  readonly configuredRate: number | null;
  readonly concurrency: number;
  /** Requests per second at most: configured, or the account's own word; null = what it is paced at. */
  readonly ceiling: number | null;
}

export interface AccountThrottleParts {
  readonly queue: AccountQueue;
  readonly limits: AccountLimits | null;
  readonly pending: Pending;
  readonly policy: () => Policy;
}

type WaitAct = Extract<LaneAct, { readonly kind: 'wait' }>;

export class AccountThrottle {
  readonly #parts: AccountThrottleParts;
  readonly #limit: Limit;
  readonly #response: ThrottleResponse;
  readonly #phase = new WindowPhase();
  readonly #senders: SenderThrottle;
  readonly #concurrency: ConcurrencyFeedback;
  /** The limit the gateway's text named, and when (monotonic ms). */
  #named: { readonly limit: number; readonly atMs: number } | null = null;
  /** Answers, and throttled ones among them, while permits follow the gateway's windows. Older ones count less. */
  #aimed = { answered: 0, refused: 0 };
  /** Until this instant permits are even (monotonic ms); null = they may follow the windows. */
  #distrustUntil: number | null = null;

  constructor(parts: AccountThrottleParts) {
    const { queue, limits: configured, pending, policy } = parts;
    const { name: account, limits } = queue;
    this.#parts = parts;
    this.#limit = limits.account;
    const rate = limits.account.rate ?? configured?.ceiling ?? DEFAULT_LIMIT;
    const configuredRate = configured?.configuredRate ?? null;
    const ceiling = Math.max(configured?.ceiling ?? configuredRate ?? rate, rate);
    this.#response = new ThrottleResponse({
      ...{ account, limit: limits.account, pending, said: ceiling, configuredRate },
      learner: new Learner({
        ...{ ceiling, rate, guard: ACCOUNT_GUARD, nearestOf },
        plateauMs: PLATEAU_MS,
      }),
    });
    const concurrency = configured?.concurrency ?? queue.slots.concurrency;
    this.#concurrency = new ConcurrencyFeedback({ queue, pending, concurrency });
    this.#senders = new SenderThrottle({
      ...{ account, limits, pending, policy },
      ceiling: () => this.#response.learner.ceiling,
    });
  }

  /** What is available to this account (requests per second), as far as is known. */
  get rate(): number {
    return this.#response.learner.rate;
  }

  /**
   * Other limits from now on. What was learned below the ceiling stays; where nothing had been cut, the rate
   * is the new ceiling at once. Requests that the gateway made fewer grow back to the new number.
   */
  configure({ ceiling, configuredRate, concurrency }: AccountLimits, nowMs: number): void {
    const { learner, reporter } = this.#response;
    this.#response.configuredRate = configuredRate;
    const said = ceiling ?? configuredRate ?? learner.ceiling;
    learner.setCeiling(Math.min(said, this.#named?.limit ?? said));
    reporter.tell(learner.rate, nowMs);
    this.#concurrency.configure(concurrency);
    this.#limit.setRate(learner, null, nowMs);
    this.#senders.configure(nowMs);
  }

  /** A request came to its end. */
  heard(answer: Answer): void {
    const waits = answer.acts.filter((act) => act.kind === 'wait');
    const account = waits.find((act) => act.scope === 'account');
    const sender = waits.find((act) => act.scope === 'sender');
    this.#concurrency.heard(answer);
    if (account !== undefined) this.#refused(answer, account);
    if (sender !== undefined) this.#senders.refused(answer, sender.waitMs);
    if (!answer.isAnswered) return;
    if (account === undefined) this.#passed(answer);
    if (waits.length === 0) this.#senders.passed(answer);
    this.#follow(answer);
  }

  /* It was not the account's limit that stopped it. */
  #passed({ claim, sentAtMs, nowMs, isJudged, acts }: Answer): void {
    const { learner, configuredRate } = this.#response;
    if (this.#limit.schedule !== null) this.#hit();
    this.#phase.travelled(nowMs - sentAtMs);
    this.#limit.passed(sentAtMs);
    const isNarrow = acts.some((act) => act.kind === 'narrow');
    if (isJudged && !isNarrow) {
      const parts = this.#parts.queue.limits.partsOf(claim);
      learner.accepted(sentAtMs, nowMs, this.#limit.costOf(parts));
    }
    if (this.#named === null || configuredRate === null) return;
    if (nowMs - this.#named.atMs < NAMED_FOR_MS) return;
    this.#named = null;
    this.#phase.forget();
    learner.doubt(configuredRate);
  }

  #refused(answer: Answer, act: WaitAct): void {
    const { sentAtMs, nowMs } = answer;
    if (act.limit !== null && act.limit > 0) this.#name(act.limit, answer);
    if (act.limit !== null && act.waitMs !== null) this.#see(answer, act.limit, act);
    if (this.#limit.schedule !== null) this.#miss(nowMs);
    const drainMs = this.#response.learner.refused({ sentAtMs, nowMs, hint: null });
    if (act.waitMs === null && drainMs === null) return;
    const asked = act.waitMs === null ? 0 : act.waitMs + WAIT_MARGIN_MS;
    const wait = Math.min(
      Math.max(asked, drainMs ?? 0, WAIT_MIN_MS),
      this.#parts.policy().waitMaxMs,
    );
    this.#response.wait(wait, answer);
  }

  /* The gateway named the account's real limit: the configured rate stays the ceiling. */
  #name(limit: number, { now, nowMs }: Answer): void {
    const isNews = limit !== this.#named?.limit;
    this.#named = { limit, atMs: nowMs };
    if (!isNews) return;
    const { learner, reporter, configuredRate: configured } = this.#response;
    learner.setCeiling(Math.min(configured ?? limit, limit));
    reporter.tell(learner.rate, nowMs);
    this.#response.write(limit, now);
    this.#say({ at: now, configured, limit });
  }

  /* A window that others filled, or that is none at all, is nothing to aim at. */
  #see({ claim, sentAtMs, now, nowMs }: Answer, limit: number, act: WaitAct): void {
    const { waitMs: leftMs, intervalMs } = { ...act, intervalMs: act.intervalMs ?? WINDOW_MS };
    /* What went through longer ago is not remembered. */
    if (leftMs === null || intervalMs > WINDOW_MS) return;
    const passed = this.#response.learner.passedBefore(sentAtMs, intervalMs - leftMs);
    if (passed < (OURS * limit * intervalMs) / 1000) return;
    const lagMs = sentAtMs - nowMs + (now - claim.claimedAt) * 1000;
    const permitAtMs = sentAtMs - (lagMs > 0 && lagMs <= LAG_MAX_MS ? lagMs : 0);
    this.#phase.saw({ permitAtMs, rttMs: nowMs - sentAtMs, leftMs, intervalMs });
  }

  /* Old hits and misses fade. */
  #hit(): void {
    this.#aimed.answered += 1;
    if (this.#aimed.answered < MISSED_OF) return;
    this.#aimed = { answered: MISSED_OF / 2, refused: this.#aimed.refused / 2 };
  }

  #miss(nowMs: number): void {
    this.#aimed.refused += 1;
    const { answered, refused } = this.#aimed;
    if (refused < MISSED_MIN || refused < answered * MISSED_SHARE) return;
    this.#distrustUntil = nowMs + DISTRUST_MS;
    this.#aimed = { answered: 0, refused: 0 };
  }

  /* The pace follows; the windows are aimed at where all of a named limit is there to be used. */
  #follow(answer: Answer): void {
    const { learner } = this.#response;
    this.#response.follow(this.#schedule(answer.nowMs), answer, this.#named?.limit ?? null);
    this.#report(learner, answer);
  }

  #schedule(nowMs: number): WindowSchedule | null {
    const { rate, ceiling } = this.#response.learner;
    if (this.#named?.limit !== ceiling || rate < ceiling) return null;
    if (this.#distrustUntil !== null && nowMs < this.#distrustUntil) return null;
    const count = (ceiling * (this.#phase.intervalMs ?? WINDOW_MS)) / 1000;
    return Number.isInteger(count) ? this.#phase.schedule(count) : null;
  }

  #report({ rate, ceiling }: Learner, { now, nowMs }: Answer): void {
    const { reporter, configuredRate } = this.#response;
    const since = reporter.isWorthSaying(rate, nowMs);
    if (since === null) return;
    const sinceAt = now - (nowMs - since) / 1000;
    this.#say({ at: now, configured: configuredRate ?? ceiling, limit: rounded(rate), sinceAt });
  }

  #say(facts: Parameters<typeof limitLearned>[1]): void {
    const { queue, pending } = this.#parts;
    pending.entries.push(limitLearned(queue.name, facts));
  }
}
