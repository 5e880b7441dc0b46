/**
 * What throttled answers do to one sender: it waits alone, and its spacing is learned. The gateway says how long is
 * left to wait; that and what has passed since the last accepted message is the spacing.
 *
 * Always holds: a sender goes no faster than configured, or than its account; what one learns is no other's.
 */
import { Learner } from '../../limiter/rate-learner.ts';
import { SENDER_GUARD, senderPaceOf } from '../../limiter/pace.ts';
import type { Policy } from '../../core/account/policy.ts';
import type { Pending } from '../work.ts';
import { lowest, type LimitTree } from '../limit/limit-tree.ts';
import type { Limit } from '../limit/limit.ts';
import { startWait, ThrottleResponse, WAIT_MARGIN_MS, type Answer } from './throttle-response.ts';

/** A wait that nobody named. */
const WAIT_MS = 1_000;
/** A spacing that is believed when a throttled answer tells it. */
const SPACING_MIN_MS = 20;
const SPACING_MAX_MS = 2_000;
/** Each probe of a sender of one a second costs it a second: it is tried rarely. */
const PLATEAU_MS = [60_000, 1_800_000] as const;

export interface SenderThrottleParts {
  readonly account: string;
  readonly limits: LimitTree;
  readonly pending: Pending;
  readonly policy: () => Policy;
  /** The account's limit (requests per second): no sender of it has more. */
  readonly ceiling: () => number;
}

export class SenderThrottle {
  readonly #parts: SenderThrottleParts;
  /** Of senders whose spacing a throttled answer told. */
  readonly #responses = new Map<Limit, ThrottleResponse>();

  constructor(parts: SenderThrottleParts) {
    this.#parts = parts;
  }

  /** The gateway throttled the sender, and asked for this wait; null = it named none. */
  refused(answer: Answer, waitMs: number | null): void {
    const { account, limits, pending, policy } = this.#parts;
    const { claim, sentAtMs, nowMs } = answer;
    const limit = limits.pathOf(claim.sender).sender;
    const asked = waitMs ?? WAIT_MS;
    const { accepted } = limit;
    const rate = accepted === null ? null : spacedRate(asked + sentAtMs - accepted.atMs);
    if (accepted !== null && rate !== null) {
      const response = this.#responses.get(limit) ?? this.#meet(limit);
      response.learner.refused({ sentAtMs, nowMs, hint: rate * accepted.cost });
      response.follow(null, answer);
    }
    const backOffMs = this.#responses.get(limit)?.learner.backOffMs ?? 0;
    const wait = Math.min(Math.max(asked + WAIT_MARGIN_MS, backOffMs), policy().waitMaxMs);
    startWait({ account, limit, pending }, { waitMs: wait, reason: 'throttled' }, answer);
    limit.tryFirst();
  }

  /** Other rates are configured: they are the most that is learned from now on. */
  configure(nowMs: number): void {
    const { limits, ceiling } = this.#parts;
    for (const { sender: limit } of limits.paths) {
      const known = limits.ratesOf(limit.name);
      const response = this.#responses.get(limit);
      if (response !== undefined) {
        response.configuredRate = known.configured;
        response.learner.setCeiling(Math.min(known.configured ?? Infinity, ceiling()));
      }
      const rate = lowest(
        response === undefined ? known : { ...known, learned: learnedOf(response) },
      );
      if (rate === null) limit.clearRate();
      else limit.setRate({ rate, pace: senderPaceOf(rate) }, null, nowMs);
    }
  }

  /** A message of the sender went through. */
  passed(answer: Answer): void {
    const { claim, sentAtMs, nowMs, isAccepted } = answer;
    const { limits } = this.#parts;
    const limit = limits.pathOf(claim.sender).sender;
    limit.passed(sentAtMs);
    if (!isAccepted) return;
    const cost = limit.costOf(limits.partsOf(claim));
    limit.noteAccepted(sentAtMs, cost);
    const response = this.#responses.get(limit);
    if (response === undefined) return;
    response.learner.accepted(sentAtMs, nowMs, cost);
    response.follow(null, answer);
  }

  #meet(limit: Limit): ThrottleResponse {
    const { account, limits, pending, ceiling } = this.#parts;
    const { configured: configuredRate, learned } = limits.ratesOf(limit.name);
    const most = Math.min(configuredRate ?? Infinity, ceiling());
    const rate = learned ?? most;
    const learner = new Learner({
      ...{ ceiling: most, rate, guard: SENDER_GUARD },
      plateauMs: PLATEAU_MS,
    });
    const parts = { account, limit, pending, learner, said: rate, configuredRate };
    const response = new ThrottleResponse(parts);
    this.#responses.set(limit, response);
    return response;
  }
}

/* Null = all that the sender may have is available. */
function learnedOf({ learner }: ThrottleResponse): number | null {
  return learner.rate < learner.ceiling ? learner.rate : null;
}

/** Messages per second at this spacing; null = it says nothing that can be believed. */
function spacedRate(spacingMs: number): number | null {
  if (!(spacingMs >= SPACING_MIN_MS && spacingMs <= SPACING_MAX_MS)) return null;
  return 1000 / spacingMs;
}
