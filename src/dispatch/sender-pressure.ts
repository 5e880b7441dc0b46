/**
 * What throttled answers do to one sender: its lane waits alone, and its spacing is learned. The gateway
 * says how long is left to wait; that and what has passed since the last accepted message is the spacing.
 *
 * Always holds: a sender goes no faster than configured, or than its account; what one learns is no other's.
 */
import { throttled } from '../events.ts';
import { Learner } from '../throttle/learner.ts';
import { SENDER_GUARD, senderPaceOf } from '../throttle/pace.ts';
import type { Desk } from './desk.ts';
import { Drift } from './drift.ts';
import type { Lane } from './lane.ts';
import type { Answer } from './pressure.ts';
import type { Pending } from './work.ts';

/** A wait that nobody named. */
const WAIT_MS = 1_000;
const WAIT_MARGIN_MS = 20;
/** A spacing that is believed when a throttled answer tells it. */
const SPACING_MIN_MS = 20;
const SPACING_MAX_MS = 2_000;
/** Each probe of a sender of one a second costs it a second: it is tried rarely. */
const PLATEAU_MS = [60_000, 1_800_000] as const;

export interface SenderPressureParts {
  readonly desk: Desk;
  readonly pending: Pending;
  readonly waitMaxMs: number;
  /** The account's limit (requests per second): no sender of it has more. */
  readonly ceiling: () => number;
}

interface Known {
  readonly learner: Learner;
  readonly drift: Drift;
  configuredRate: number | null;
}

export class SenderPressure {
  readonly #parts: SenderPressureParts;
  /** Senders that were ever throttled. */
  readonly #known = new Map<Lane, Known>();

  constructor(parts: SenderPressureParts) {
    this.#parts = parts;
  }

  /** The gateway throttled the sender, and asked for this wait; null = it named none. */
  refused(answer: Answer, waitMs: number | null): void {
    const { desk, pending, waitMaxMs } = this.#parts;
    const { claim, sentAtMs, now, nowMs } = answer;
    const lane = desk.lane(claim.sender);
    const asked = waitMs ?? WAIT_MS;
    const hint = spacedRate(asked + sentAtMs - (lane.acceptedAtMs ?? -Infinity));
    if (hint !== null) this.#learn(lane, answer, hint * lane.acceptedCost);
    const backOffMs = this.#known.get(lane)?.learner.backOffMs ?? 0;
    const wait = Math.min(Math.max(asked + WAIT_MARGIN_MS, backOffMs), waitMaxMs);
    const isNews = lane.blockedUntil <= nowMs;
    if (lane.blockedUntil < nowMs + wait) {
      lane.blockedUntil = nowMs + wait;
      const until = now + wait / 1000;
      pending.blocks.push({ account: desk.name, sender: lane.sender, until, now });
    }
    lane.probation.begin();
    if (!isNews) return;
    const facts = { at: now, waitMs: wait, reason: 'throttled' } as const;
    pending.entries.push(throttled(desk.name, claim.sender, facts));
  }

  /** Other rates are configured: they are the most that is learned from now on. */
  configure(nowMs: number): void {
    const { desk, ceiling } = this.#parts;
    for (const lane of desk.lanes) {
      const configuredRate = desk.senderRate(lane.sender);
      const known = this.#known.get(lane);
      if (known !== undefined) {
        const { learner } = known;
        known.configuredRate = configuredRate;
        learner.setCeiling(Math.min(configuredRate ?? Infinity, ceiling()));
        lane.learnedRate = learner.rate < learner.ceiling ? learner.rate : null;
      }
      const rate = Math.min(configuredRate ?? Infinity, lane.learnedRate ?? Infinity);
      if (rate === Infinity) lane.pacer = null;
      else if (lane.pacer === null) desk.limitLane(lane, rate);
      else lane.pacer.set(senderPaceOf(rate), null, nowMs);
    }
  }

  /** A message of the sender went through. */
  passed({ claim, sentAtMs, now, nowMs, isAccepted }: Answer): void {
    const { desk } = this.#parts;
    const lane = desk.lane(claim.sender);
    lane.probation.answered(sentAtMs);
    if (!isAccepted) return;
    lane.acceptedAtMs = sentAtMs;
    lane.acceptedCost = desk.nest?.costsOf(claim, claim.sender).lane ?? 1;
    const known = this.#known.get(lane);
    if (known === undefined) return;
    known.learner.accepted(sentAtMs, nowMs, lane.acceptedCost);
    this.#adopt(lane, known, { now, nowMs });
  }

  #learn(lane: Lane, { sentAtMs, now, nowMs }: Answer, hint: number): void {
    const known = this.#known.get(lane) ?? this.#meet(lane);
    known.learner.refused({ sentAtMs, nowMs, hint });
    this.#adopt(lane, known, { now, nowMs });
  }

  #meet(lane: Lane): Known {
    const { desk, ceiling } = this.#parts;
    const configuredRate = desk.senderRate(lane.sender);
    const most = Math.min(configuredRate ?? Infinity, ceiling());
    const rate = lane.learnedRate ?? most;
    const learner = new Learner({
      ...{ ceiling: most, rate, guard: SENDER_GUARD },
      plateauMs: PLATEAU_MS,
    });
    const known = { learner, drift: new Drift({ said: rate }), configuredRate };
    this.#known.set(lane, known);
    return known;
  }

  #adopt(lane: Lane, known: Known, at: { readonly now: number; readonly nowMs: number }): void {
    const { desk, pending } = this.#parts;
    const { learner, drift, configuredRate } = known;
    if (lane.pacer === null) desk.limitLane(lane, learner.rate);
    else lane.pacer.set(senderPaceOf(learner.rate), null, at.nowMs);
    if (!drift.isWorthKeeping(learner.rate, at.nowMs)) return;
    const learnedRate =
      learner.rate >= learner.ceiling ? null : Math.round(learner.rate * 100) / 100;
    const lane_ = { account: desk.name, sender: lane.sender };
    pending.rates.push({ ...lane_, configuredRate, learnedRate, now: at.now });
  }
}

/** Messages per second at this spacing; null = it says nothing that can be believed. */
function spacedRate(spacingMs: number): number | null {
  if (!(spacingMs >= SPACING_MIN_MS && spacingMs <= SPACING_MAX_MS)) return null;
  return 1000 / spacingMs;
}
