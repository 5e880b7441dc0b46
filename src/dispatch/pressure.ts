/**
 * What throttled answers do to an account and its senders: how long to wait, how fast to go on, and what is
 * written down of it (how many requests to have open is `crowding`'s). Owns what is remembered between
 * answers; the numbers are decided by the learners, the meter and the tide of `throttle/`.
 *
 * Always holds: a wait is a deadline, after which one message goes first; a sender's trouble is no other's;
 * no rate exceeds what is configured, or named by the gateway.
 */
import type { Claim } from '../core/claim.ts';
import type { LaneAct } from '../core/verdict.ts';
import { limitLearned, throttled } from '../events.ts';
import { Learner } from '../throttle/learner.ts';
import { ACCOUNT_GUARD, nearestOf } from '../throttle/pace.ts';
import { Tide } from '../throttle/tide.ts';
import { Crowding } from './crowding.ts';
import type { Desk } from './desk.ts';
import { Drift } from './drift.ts';
import { SenderPressure } from './sender-pressure.ts';
import type { Pending } from './work.ts';

/** After a throttled answer that names no wait and asks for no drain: so that what is out comes back. */
const WAIT_MIN_MS = 50;
/** Added to what the gateway asks: waiting exactly that long is still throttled. */
const WAIT_MARGIN_MS = 20;
/** The account's windows, as the gateway documents them; its text may name others. */
const WINDOW_MS = 1_000;
/** Levels that were refused are left alone this long at first, and at most. */
const PLATEAU_MS = [5_000, 20_000] as const;
/** Between the permit and the request: more is no commit but a slot that was waited for. */
const LAG_MAX_MS = 60;
/** A limit that the gateway named is doubted after so long. */
const NAMED_FOR_MS = 3_600_000;
/** Of a window that is said to be full, at least this much was ours. */
const OURS = 0.7;
/** Where aiming at the windows does not help: this many refused, that share of the last so many, and then
 *  it is not done for so long. */
const MISSED_MIN = 4;
const MISSED_SHARE = 0.01;
const MISSED_OF = 2_000;
const DISTRUST_MS = 600_000;

export interface AccountLimits {
  /** Requests per second; null = not configured. */
  readonly configuredRate: number | null;
  readonly concurrency: number;
  /** What was known at the start: configured, or the account's own word; left out = the pacer's. */
  readonly ceiling?: number;
}

export interface PressureParts {
  readonly desk: Desk;
  readonly limits: AccountLimits | null;
  readonly pending: Pending;
  /** The longest wait a throttled answer may ask for. */
  readonly waitMaxMs: number;
}

/** An answer as far as it is about limits. */
export interface Answer {
  readonly claim: Claim;
  readonly acts: readonly LaneAct[];
  /** Whether the gateway answered at all. */
  readonly isAnswered: boolean;
  /** Whether it said something of the message, so that its limits had let the request pass or not. */
  readonly isJudged: boolean;
  readonly isAccepted: boolean;
  /** Monotonic. */
  readonly sentAtMs: number;
  /** Unix seconds. */
  readonly now: number;
  readonly nowMs: number;
}

type WaitAct = Extract<LaneAct, { readonly kind: 'wait' }>;

export class Pressure {
  readonly #parts: PressureParts;
  readonly #desk: Desk;
  readonly #learner: Learner;
  readonly #tide = new Tide();
  readonly #senders: SenderPressure;
  readonly #crowding: Crowding;
  readonly #drift: Drift;
  #limits: AccountLimits | null;
  /** The limit the gateway's text named, and when (monotonic ms). */
  #named: { readonly limit: number; readonly atMs: number } | null = null;
  /** While the windows are aimed at: how many were answered and refused, of late. */
  #aimed = { answered: 0, refused: 0 };
  #distrustUntil = -Infinity;

  constructor(parts: PressureParts) {
    const { desk, limits, pending } = parts;
    this.#parts = parts;
    this.#desk = desk;
    this.#limits = limits;
    const rate = desk.availableRate;
    const ceiling = Math.max(limits?.ceiling ?? limits?.configuredRate ?? rate, rate);
    this.#learner = new Learner({
      ...{ ceiling, rate, guard: ACCOUNT_GUARD, nearestOf },
      plateauMs: PLATEAU_MS,
    });
    this.#drift = new Drift({ said: ceiling });
    const concurrency = limits?.concurrency ?? desk.slots.concurrency;
    this.#crowding = new Crowding({ desk, pending, concurrency });
    this.#senders = new SenderPressure({
      desk,
      pending,
      get waitMaxMs() {
        return parts.waitMaxMs;
      },
      ceiling: () => this.#learner.ceiling,
    });
  }

  /** What is available to this account (requests per second), as far as is known. */
  get rate(): number {
    return this.#learner.rate;
  }

  /**
   * Other limits from now on. What was learned below the ceiling stays; where nothing had been cut, the rate
   * is the new ceiling at once. Requests that the gateway made fewer grow back to the new number.
   */
  configure(limits: AccountLimits, nowMs: number): void {
    this.#limits = limits;
    const said = limits.ceiling ?? limits.configuredRate ?? this.#learner.ceiling;
    this.#learner.setCeiling(Math.min(said, this.#named?.limit ?? Infinity));
    this.#drift.tell(this.#learner.rate, nowMs);
    this.#crowding.configure(limits.concurrency);
    this.#desk.availableRate = this.rate;
    this.#desk.pacer.setRate(this.#learner.pace);
    this.#senders.configure(nowMs);
  }

  /** A request came to its end. */
  heard(answer: Answer): void {
    const waits = answer.acts.filter((act) => act.kind === 'wait');
    const account = waits.find((act) => act.scope === 'account');
    const sender = waits.find((act) => act.scope === 'sender');
    this.#crowding.heard(answer);
    if (account !== undefined) this.#refused(answer, account);
    if (sender !== undefined) this.#senders.refused(answer, sender.waitMs);
    if (!answer.isAnswered) return;
    if (account === undefined) this.#passed(answer);
    if (waits.length === 0) this.#senders.passed(answer);
    this.#adopt(answer);
  }

  /* It was not the account's limit that stopped it. */
  #passed({ claim, sentAtMs, nowMs, isJudged, acts }: Answer): void {
    if (this.#desk.pacer.beat !== null) this.#hit();
    this.#tide.travelled(nowMs - sentAtMs);
    this.#desk.probation.answered(sentAtMs);
    const isNarrow = acts.some((act) => act.kind === 'narrow');
    const { account = 1 } = this.#desk.nest?.costsOf(claim, claim.sender) ?? {};
    if (isJudged && !isNarrow) this.#learner.accepted(sentAtMs, nowMs, account);
    const { configuredRate = null } = this.#limits ?? {};
    if (this.#named === null || configuredRate === null) return;
    if (nowMs - this.#named.atMs < NAMED_FOR_MS) return;
    this.#named = null;
    this.#tide.forget();
    this.#learner.doubt(configuredRate);
  }

  #refused(answer: Answer, act: WaitAct): void {
    const { sentAtMs, now, nowMs } = answer;
    if (act.limit !== null && act.limit > 0) this.#name(act.limit, answer);
    if (act.limit !== null && act.waitMs !== null) this.#see(answer, act.limit, act);
    if (this.#desk.pacer.beat !== null) this.#miss(nowMs);
    const drainMs = this.#learner.refused({ sentAtMs, nowMs, hint: null });
    if (act.waitMs === null && drainMs === null) return;
    const asked = act.waitMs === null ? 0 : act.waitMs + WAIT_MARGIN_MS;
    const wait = Math.min(Math.max(asked, drainMs ?? 0, WAIT_MIN_MS), this.#parts.waitMaxMs);
    this.#block(wait, { now, nowMs });
  }

  #block(wait: number, at: { readonly now: number; readonly nowMs: number }): void {
    const desk = this.#desk;
    const isNews = desk.blockedUntil <= at.nowMs;
    this.#wait(wait, at);
    desk.probation.begin();
    if (!isNews) return;
    const facts = { at: at.now, waitMs: wait, reason: 'throttled' } as const;
    this.#parts.pending.entries.push(throttled(desk.name, null, facts));
  }

  #wait(waitMs: number, { now, nowMs }: { readonly now: number; readonly nowMs: number }): void {
    const desk = this.#desk;
    if (desk.blockedUntil >= nowMs + waitMs) return;
    desk.blockedUntil = nowMs + waitMs;
    const until = now + waitMs / 1000;
    this.#parts.pending.blocks.push({ account: desk.name, sender: null, until, now });
  }

  /* The gateway named the account's real limit: the configured rate stays the ceiling. */
  #name(limit: number, { now, nowMs }: Answer): void {
    const isNews = limit !== this.#named?.limit;
    this.#named = { limit, atMs: nowMs };
    if (!isNews) return;
    const configured = this.#limits?.configuredRate ?? null;
    this.#learner.setCeiling(Math.min(configured ?? Infinity, limit));
    this.#drift.tell(this.#learner.rate, nowMs);
    this.#write(now, limit);
    this.#parts.pending.entries.push(limitLearned(this.#desk.name, { at: now, configured, limit }));
  }

  /* A window that others filled, or that is none at all, is nothing to aim at. */
  #see({ claim, sentAtMs, now, nowMs }: Answer, limit: number, act: WaitAct): void {
    const { waitMs: leftMs, intervalMs } = { ...act, intervalMs: act.intervalMs ?? WINDOW_MS };
    /* What went through longer ago is not remembered. */
    if (leftMs === null || intervalMs > WINDOW_MS) return;
    const passed = this.#learner.passedBefore(sentAtMs, intervalMs - leftMs);
    if (passed < (OURS * limit * intervalMs) / 1000) return;
    const lagMs = sentAtMs - nowMs + (now - claim.claimedAt) * 1000;
    const permitAtMs = sentAtMs - (lagMs > 0 && lagMs <= LAG_MAX_MS ? lagMs : 0);
    this.#tide.saw({ permitAtMs, rttMs: nowMs - sentAtMs, leftMs, intervalMs });
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
  #adopt({ now, nowMs }: Answer): void {
    const { rate, pace, ceiling } = this.#learner;
    const { pacer } = this.#desk;
    this.#desk.availableRate = rate;
    const isWhole = this.#named !== null && rate >= ceiling && this.#named.limit === ceiling;
    const count = (ceiling * (this.#tide.intervalMs ?? WINDOW_MS)) / 1000;
    const mayAim = isWhole && Number.isInteger(count) && nowMs >= this.#distrustUntil;
    const beat = mayAim ? this.#tide.beat(count) : null;
    if (beat === null || pacer.beat?.startsAt !== beat.startsAt) pacer.setRate(pace, beat);
    this.#say(now, nowMs);
  }

  #say(now: number, nowMs: number): void {
    const { rate, ceiling } = this.#learner;
    if (this.#drift.isWorthKeeping(rate, nowMs)) {
      this.#write(now, rate >= ceiling ? (this.#named?.limit ?? null) : rounded(rate));
    }
    const since = this.#drift.isWorthSaying(rate, nowMs);
    if (since === null) return;
    const configured = this.#limits?.configuredRate ?? ceiling;
    const sinceAt = now - (nowMs - since) / 1000;
    const facts = { at: now, configured, limit: rounded(rate), sinceAt };
    this.#parts.pending.entries.push(limitLearned(this.#desk.name, facts));
  }

  #write(now: number, learnedRate: number | null): void {
    const configuredRate = this.#limits?.configuredRate ?? null;
    const { rates } = this.#parts.pending;
    rates.push({ account: this.#desk.name, sender: null, configuredRate, learnedRate, now });
  }
}

/** Requests per second as people read them. */
export function rounded(rate: number): number {
  return Number(rate.toPrecision(3));
}
