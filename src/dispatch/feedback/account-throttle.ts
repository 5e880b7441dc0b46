/**
 * Tells the limits of an account and its senders what answers mean for them: how long to wait, how fast to go on, and
 * how many requests to have open.
 *
 * Always holds: throttling of one sender slows no other; a sender goes no faster than configured, or than its account.
 */
import type { Policy } from '../../core/account/policy.ts';
import { limitLearned } from '../../log/event-lines.ts';
import {
  ACCOUNT_GUARD,
  DEFAULT_LIMIT,
  nearestOf,
  SENDER_GUARD,
  senderPaceOf,
} from '../../limiter/pace.ts';
import type { AccountQueue } from '../schedule/account-queue.ts';
import type { Limit } from '../limit/limit.ts';
import { lowest } from '../limit/limit-tree.ts';
import type { Pending } from '../work.ts';
import { ConcurrencyFeedback } from './concurrency-feedback.ts';
import { rounded, startWait, ThrottleResponse, type LaneAnswer } from './throttle-response.ts';
import { WindowAim, type ThrottleAct } from './window-aim.ts';

/** Added to the wait that the gateway asks for: waiting exactly that long is still throttled. */
const WAIT_MARGIN_MS = 20;
/** After a throttled answer that names no wait and asks for no drain: so that what is out comes back. */
const WAIT_MIN_MS = 50;
const SENDER_WAIT_MS = 1_000;
/** How long a refused level is left alone, at first and at most. */
const PLATEAU_MS = [5_000, 20_000] as const;
/** Each probe of a sender of one a second costs it a second: it is tried rarely. */
const SENDER_PLATEAU_MS = [60_000, 1_800_000] as const;
/** The spacings of a sender that are believed when a throttled answer tells them. */
const SPACING_MIN_MS = 20;
const SPACING_MAX_MS = 2_000;

export interface AccountLimits {
  /** Requests per second; null = not configured. */
  readonly configuredRate: number | null;
  readonly concurrency: number;
  /** Requests per second at most: configured, or as the account API says; null = what it is paced at. */
  readonly ceiling: number | null;
}

export interface AccountThrottleParts {
  readonly queue: AccountQueue;
  readonly limits: AccountLimits | null;
  readonly pending: Pending;
  readonly policy: () => Policy;
}

export class AccountThrottle {
  readonly #parts: AccountThrottleParts;
  readonly #limit: Limit;
  readonly #response: ThrottleResponse;
  readonly #aim: WindowAim;
  readonly #concurrency: ConcurrencyFeedback;
  /** Of senders whose spacing a throttled answer told. */
  readonly #senders = new Map<Limit, ThrottleResponse>();

  constructor(parts: AccountThrottleParts) {
    const { queue, pending } = parts;
    const { account: limit } = queue.limits;
    const rate = limit.rate ?? DEFAULT_LIMIT;
    const { configuredRate, concurrency, ceiling } = parts.limits ?? {
      ...{ configuredRate: null, concurrency: queue.slots.concurrency, ceiling: null },
    };
    const most = Math.max(ceiling ?? configuredRate ?? rate, rate);
    this.#parts = parts;
    this.#limit = limit;
    this.#response = new ThrottleResponse({
      ...{ account: queue.name, limit, pending, said: most, configuredRate },
      learner: {
        ...{ ceiling: most, rate, guard: ACCOUNT_GUARD, nearestOf, plateauMs: PLATEAU_MS },
      },
    });
    this.#aim = new WindowAim(this.#response.learner);
    this.#concurrency = new ConcurrencyFeedback(queue, pending, concurrency);
  }

  /**
   * Sets other limits. What was learned below the ceiling stays; a rate that was not cut is the new ceiling at once.
   * A smaller concurrency window grows back to the new number.
   */
  configure({ ceiling, configuredRate, concurrency }: AccountLimits, nowMs: number): void {
    const { learner } = this.#response;
    this.#response.configuredRate = configuredRate;
    const said = ceiling ?? configuredRate ?? learner.ceiling;
    learner.setCeiling(Math.min(said, this.#aim.namedLimit ?? said));
    this.#response.tell(nowMs);
    this.#concurrency.configure(concurrency);
    this.#limit.setRate(learner, null, nowMs);
    for (const { sender } of this.#parts.queue.limits.paths) this.#configureSender(sender, nowMs);
  }

  heard(answer: LaneAnswer): void {
    const waits = answer.acts.filter((act) => act.kind === 'wait');
    const account = waits.find((act) => act.scope === 'account');
    const sender = waits.find((act) => act.scope === 'sender');
    this.#concurrency.heard(answer);
    if (account !== undefined) this.#refused(answer, account);
    if (sender !== undefined) this.#senderRefused(answer, sender.waitMs);
    if (!answer.isAnswered) return;
    if (account === undefined) this.#passed(answer);
    if (waits.length === 0) this.#senderPassed(answer);
    this.#response.follow(this.#aim.schedule(answer.nowMs), answer, this.#aim.namedLimit);
    this.#report(answer);
  }

  /* It was not the account's limit that stopped it. */
  #passed(answer: LaneAnswer): void {
    const { claim, sentAtMs, nowMs, isJudged, acts } = answer;
    const { learner, configuredRate } = this.#response;
    this.#aim.passed(answer, this.#limit.schedule !== null);
    this.#limit.passed(sentAtMs);
    if (isJudged && !acts.some((act) => act.kind === 'narrow')) {
      learner.accepted(sentAtMs, nowMs, this.#costOf(claim, this.#limit));
    }
    if (configuredRate !== null && this.#aim.expire(nowMs)) learner.doubt(configuredRate);
  }

  #refused(answer: LaneAnswer, act: ThrottleAct): void {
    const { sentAtMs, nowMs } = answer;
    const isNews = this.#aim.refused(answer, act, this.#limit.schedule !== null);
    if (isNews && act.limit !== null) this.#named(act.limit, answer);
    const drainMs = this.#response.learner.refused({ sentAtMs, nowMs, hint: null });
    if (act.waitMs === null && drainMs === null) return;
    const askedMs = act.waitMs === null ? 0 : act.waitMs + WAIT_MARGIN_MS;
    this.#wait(this.#limit, Math.max(askedMs, drainMs ?? 0, WAIT_MIN_MS), answer);
  }

  /* The gateway named the account's real limit: the configured rate stays the ceiling. */
  #named(limit: number, { now, nowMs }: LaneAnswer): void {
    const { learner, configuredRate: configured } = this.#response;
    learner.setCeiling(Math.min(configured ?? limit, limit));
    this.#response.tell(nowMs);
    this.#response.write(limit, now);
    this.#say({ at: now, configured, limit });
  }

  #report({ now, nowMs }: LaneAnswer): void {
    const since = this.#response.newsSince(nowMs);
    if (since === null) return;
    const { configuredRate, learner } = this.#response;
    const sinceAt = now - (nowMs - since) / 1000;
    const configured = configuredRate ?? learner.ceiling;
    this.#say({ at: now, configured, limit: rounded(learner.rate), sinceAt });
  }

  #say(facts: Parameters<typeof limitLearned>[1]): void {
    const { queue, pending } = this.#parts;
    pending.entries.push(limitLearned(queue.name, facts));
  }

  /* The rest of the wait and the time since the last accepted message are the sender's spacing. */
  #senderRefused(answer: LaneAnswer, waitMs: number | null): void {
    const { claim, sentAtMs, nowMs } = answer;
    const { sender: limit } = this.#parts.queue.limits.pathOf(claim.sender);
    const askedMs = waitMs ?? SENDER_WAIT_MS;
    const { accepted } = limit;
    const rate = accepted === null ? null : spacedRate(askedMs + sentAtMs - accepted.atMs);
    if (accepted !== null && rate !== null) {
      const response = this.#senders.get(limit) ?? this.#meet(limit);
      response.learner.refused({ sentAtMs, nowMs, hint: rate * accepted.cost });
      response.follow(null, answer);
    }
    const backOffMs = this.#senders.get(limit)?.learner.backOffMs ?? 0;
    this.#wait(limit, Math.max(askedMs + WAIT_MARGIN_MS, backOffMs), answer);
  }

  #senderPassed(answer: LaneAnswer): void {
    const { claim, sentAtMs, nowMs, isAccepted } = answer;
    const { sender: limit } = this.#parts.queue.limits.pathOf(claim.sender);
    limit.passed(sentAtMs);
    if (!isAccepted) return;
    const cost = this.#costOf(claim, limit);
    limit.noteAccepted(sentAtMs, cost);
    const response = this.#senders.get(limit);
    if (response === undefined) return;
    response.learner.accepted(sentAtMs, nowMs, cost);
    response.follow(null, answer);
  }

  /* Other rates are configured: they are the most that is learned from now on. */
  #configureSender(limit: Limit, nowMs: number): void {
    const known = this.#parts.queue.limits.ratesOf(limit.name);
    const response = this.#senders.get(limit);
    if (response !== undefined) {
      response.configuredRate = known.configured;
      response.learner.setCeiling(this.#senderCeiling(known.configured));
    }
    const learned = response === undefined ? known.learned : response.learnedRate;
    const rate = lowest({ ...known, learned });
    if (rate === null) limit.clearRate();
    else limit.setRate({ rate, pace: senderPaceOf(rate) }, null, nowMs);
  }

  #meet(limit: Limit): ThrottleResponse {
    const { queue, pending } = this.#parts;
    const { configured: configuredRate, learned } = queue.limits.ratesOf(limit.name);
    const ceiling = this.#senderCeiling(configuredRate);
    const rate = learned ?? ceiling;
    const response = new ThrottleResponse({
      ...{ account: queue.name, limit, pending, said: rate, configuredRate },
      learner: { ceiling, rate, guard: SENDER_GUARD, plateauMs: SENDER_PLATEAU_MS },
    });
    this.#senders.set(limit, response);
    return response;
  }

  /* No sender has more than its account. */
  #senderCeiling(configured: number | null): number {
    const { ceiling } = this.#response.learner;
    return configured === null ? ceiling : Math.min(configured, ceiling);
  }

  /* No longer than the policy allows. Then one message goes first. */
  #wait(limit: Limit, askedMs: number, at: LaneAnswer): void {
    const { queue, pending, policy } = this.#parts;
    const waitMs = Math.min(askedMs, policy().waitMaxMs);
    startWait({ account: queue.name, limit, pending }, { waitMs, reason: 'throttled' }, at);
    limit.tryFirst();
  }

  #costOf(claim: LaneAnswer['claim'], limit: Limit): number {
    return limit.costOf(this.#parts.queue.limits.partsOf(claim));
  }
}

function spacedRate(spacingMs: number): number | null {
  const isBelieved = spacingMs >= SPACING_MIN_MS && spacingMs <= SPACING_MAX_MS;
  return isBelieved ? 1000 / spacingMs : null;
}
