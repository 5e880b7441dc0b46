/**
 * Say what happened, then what it means, then what follows: Observation → verdict → judged by the account's
 * health → settlement, and what the answer asks of its lane. Nothing is written here; what is decided waits
 * in `Pending` for the next commit.
 */
import type { Claim } from '../core/claim.ts';
import { classify } from '../core/classify.ts';
import type { GateChange } from '../core/health.ts';
import type { AnswerPart, Observation } from '../core/observation.ts';
import { interrupted, settle, unsent, type Settlement } from '../core/settle.ts';
import { remedyOf } from '../core/status-codes.ts';
import type { LaneAct, Verdict } from '../core/verdict.ts';
import type { Clock } from '../clock.ts';
import { gateMoved, limitLearned, messageSettled, throttled } from '../events.ts';
import type { GateRow } from '../spool/gates.ts';
import type { AttemptEnd } from '../spool/settlements.ts';
import { paceOf } from '../throttle/pace.ts';
import type { Desk } from './desk.ts';
import type { Lane } from './lane.ts';
import type { Pending, Rules } from './work.ts';

/** First wait after a throttled answer that names none, and the longest. */
const BACK_OFF_MS = 1_000;
const BACK_OFF_MAX_MS = 60_000;
/** Added to what the gateway asks: waiting exactly that long is still throttled. */
const WAIT_MARGIN_MS = 20;
/** A sender's spacing that is believed when a throttled answer tells it. */
const SPACING_MIN_MS = 20;
const SPACING_MAX_MS = 2_000;
/** The concurrency grows back by one at most this often. */
const WIDEN_EVERY_MS = 5_000;

/** What is remembered of an account's throttling beside its gates. */
interface Pressure {
  /** Throttled answers in a row that named no wait. */
  run: number;
  /** Monotonic ms of the last cut, so that one cohort of answers cuts once. */
  cutAtMs: number;
  limit: number | null;
}

export interface AccountLimits {
  /** Requests per second; null = not configured. */
  readonly configuredRate: number | null;
  readonly concurrency: number;
}

export interface OutcomesParts {
  readonly rules: Rules;
  readonly clock: Clock;
  readonly random: () => number;
  readonly pending: Pending;
  readonly limits: ReadonlyMap<string, AccountLimits>;
  readonly isCancelAsked: (messageId: number) => boolean;
}

export class Outcomes {
  readonly #parts: OutcomesParts;
  readonly #pressures = new Map<string, Pressure>();
  readonly #prices = new Map<string, number>();

  constructor(parts: OutcomesParts) {
    this.#parts = parts;
  }

  /** EUR per part, from the account's latest answer that named one; null = none yet. */
  lastPrice(account: string): number | null {
    return this.#prices.get(account) ?? null;
  }

  /** A request came to its end. `sentAtMs` is when it was handed to the gateway (monotonic). */
  observed(desk: Desk, claim: Claim, observation: Observation, sentAtMs: number): void {
    const { rules, clock } = this.#parts;
    const now = clock.now();
    const nowMs = clock.monotonicMs();
    const first = classify(observation, rules.overrides);
    const { verdict, changes } = desk.health.judge(claim, first, now);
    if (first.acts.length > 0) this.#act(desk, claim, first.acts, { now, nowMs, sentAtMs });
    else this.#relax(desk, nowMs);
    this.changed(desk, changes, now);
    const settlement = settle({
      claim,
      verdict,
      policy: rules.settle,
      isCancelAsked: this.#parts.isCancelAsked(claim.id),
      now,
      random: this.#parts.random(),
    });
    if (verdict.route === 'await-receipt') desk.lane(claim.sender).acceptedAtMs = sentAtMs;
    const parts = observation.kind === 'answered' ? observation.parts : [];
    const price = parts[0]?.price ?? null;
    if (price !== null) this.#prices.set(desk.name, price);
    const end = endOf(observation, verdict, now);
    this.#push(claim, { settlement, end, parts, gatewayMs: nowMs - sentAtMs });
  }

  /** A claimed request that never left: as if nothing had happened, but for the attempt's row. */
  returned(desk: Desk, claim: Claim): void {
    const now = this.#parts.clock.now();
    desk.health.returned(claim);
    const isCancelAsked = this.#parts.isCancelAsked(claim.id);
    const settlement = unsent({ claim, policy: this.#parts.rules.settle, isCancelAsked, now });
    const end = { ...UNKNOWN, endedAt: now, route: 'not-sent', scope: 'message' } as const;
    this.#push(claim, { settlement, end, parts: [], gatewayMs: null });
  }

  /** A request that is still out when the daemon leaves: nobody knows. */
  abandoned(claim: Claim, sentAtMs: number): void {
    const { rules, clock } = this.#parts;
    const now = clock.now();
    const settlement = interrupted(claim, rules.settle, now);
    const end = { ...UNKNOWN, endedAt: now, route: 'uncertain', scope: 'message' } as const;
    const gatewayMs = clock.monotonicMs() - sentAtMs;
    this.#push(claim, { settlement, end, parts: [], gatewayMs });
  }

  /** Gates that changed: their rows, and a line where there is news. */
  changed(desk: Desk, changes: readonly GateChange[], now: number): void {
    const { pending } = this.#parts;
    for (const change of changes) {
      pending.gates.push(gateRowOf(desk.name, change, now));
      if (change.event === null) continue;
      const remedy = change.event === 'suspended' ? remedyOf(change.reason ?? '') : null;
      pending.entries.push(gateMoved(desk.name, change, { at: now, remedy }));
    }
  }

  #push(
    claim: Claim,
    how: {
      readonly settlement: Settlement;
      readonly end: AttemptEnd;
      readonly parts: readonly AnswerPart[];
      readonly gatewayMs: number | null;
    },
  ): void {
    const { settlement, end, parts, gatewayMs } = how;
    this.#parts.pending.ended.push({ claim, settlement, end, parts });
    this.#parts.pending.entries.push(
      messageSettled(claim, settlement, {
        at: end.endedAt,
        status: end.status,
        parts: settlement.to === 'await-receipt' ? parts.length : 0,
        gatewayMs,
      }),
    );
  }

  #act(
    desk: Desk,
    claim: Claim,
    acts: readonly LaneAct[],
    at: { readonly now: number; readonly nowMs: number; readonly sentAtMs: number },
  ): void {
    for (const act of acts) {
      if (act.kind === 'narrow') this.#narrow(desk, at.nowMs, at.sentAtMs);
      if (act.kind !== 'wait') continue;
      if (act.limit !== null) this.#learn(desk, act.limit, at.now);
      if (act.scope === 'sender') this.#blockSender(desk, claim, act.waitMs ?? BACK_OFF_MS, at);
      else this.#blockAccount(desk, act.waitMs, at);
    }
  }

  #blockSender(
    desk: Desk,
    claim: Claim,
    waitMs: number,
    at: { readonly now: number; readonly nowMs: number; readonly sentAtMs: number },
  ): void {
    const lane = desk.lane(claim.sender);
    this.#learnSender(desk, lane, waitMs, at);
    const wait = Math.min(waitMs + WAIT_MARGIN_MS, this.#parts.rules.waitMaxMs);
    const isNews = lane.blockedUntil <= at.nowMs;
    lane.blockedUntil = Math.max(lane.blockedUntil, at.nowMs + wait);
    if (!isNews) return;
    const facts = { at: at.now, waitMs: wait, reason: 'throttled' };
    this.#parts.pending.entries.push(throttled(desk.name, claim.sender, facts));
  }

  /* What is left to wait and what has passed since the last accepted one is the sender's spacing. */
  #learnSender(
    desk: Desk,
    lane: Lane,
    waitMs: number,
    at: { readonly now: number; readonly sentAtMs: number },
  ): void {
    if (lane.pacer !== null || lane.acceptedAtMs === null) return;
    const spacingMs = waitMs + at.sentAtMs - lane.acceptedAtMs;
    if (spacingMs < SPACING_MIN_MS || spacingMs > SPACING_MAX_MS) return;
    const limit = Math.round(100_000 / spacingMs) / 100;
    desk.limitLane(lane, limit);
    const rates = { configuredRate: null, learnedRate: limit, now: at.now };
    this.#parts.pending.rates.push({ account: desk.name, sender: lane.sender, ...rates });
  }

  #blockAccount(
    desk: Desk,
    waitMs: number | null,
    at: { readonly now: number; readonly nowMs: number; readonly sentAtMs: number },
  ): void {
    const pressure = this.#pressure(desk);
    const isNews = desk.blockedUntil <= at.nowMs;
    if (waitMs === null && at.sentAtMs >= pressure.cutAtMs) {
      pressure.run += 1;
      pressure.cutAtMs = at.nowMs;
    }
    const backOff = Math.min(BACK_OFF_MS * 2 ** Math.max(0, pressure.run - 1), BACK_OFF_MAX_MS);
    const wait = Math.min((waitMs ?? backOff) + WAIT_MARGIN_MS, this.#parts.rules.waitMaxMs);
    desk.blockedUntil = Math.max(desk.blockedUntil, at.nowMs + wait);
    if (!isNews) return;
    const facts = { at: at.now, waitMs: wait, reason: 'throttled' };
    this.#parts.pending.entries.push(throttled(desk.name, null, facts));
  }

  /* The gateway named the account's real limit: the configured rate stays the ceiling. */
  #learn(desk: Desk, limit: number, now: number): void {
    const pressure = this.#pressure(desk);
    if (limit <= 0 || limit === pressure.limit) return;
    pressure.limit = limit;
    const configured = this.#parts.limits.get(desk.name)?.configuredRate ?? null;
    desk.pacer.setRate(paceOf(Math.min(configured ?? Infinity, limit)));
    const { pending } = this.#parts;
    pending.rates.push({
      account: desk.name,
      sender: null,
      configuredRate: configured,
      learnedRate: limit,
      now,
    });
    pending.entries.push(limitLearned(desk.name, { at: now, configured, limit }));
  }

  /* Status 10: half as many requests at a time, once for all answers to requests sent before the cut. */
  #narrow(desk: Desk, nowMs: number, sentAtMs: number): void {
    const pressure = this.#pressure(desk);
    desk.blockedUntil = Math.max(desk.blockedUntil, nowMs + BACK_OFF_MS);
    if (sentAtMs < pressure.cutAtMs) return;
    pressure.cutAtMs = nowMs;
    desk.slots.concurrency = Math.max(1, Math.floor(desk.slots.concurrency / 2));
  }

  #relax(desk: Desk, nowMs: number): void {
    const pressure = this.#pressures.get(desk.name);
    if (pressure === undefined) return;
    pressure.run = 0;
    const most = this.#parts.limits.get(desk.name)?.concurrency ?? desk.slots.concurrency;
    if (desk.slots.concurrency >= most || nowMs - pressure.cutAtMs < WIDEN_EVERY_MS) return;
    pressure.cutAtMs = nowMs;
    desk.slots.concurrency += 1;
  }

  #pressure(desk: Desk): Pressure {
    const known = this.#pressures.get(desk.name);
    if (known !== undefined) return known;
    const pressure = { run: 0, cutAtMs: 0, limit: null };
    this.#pressures.set(desk.name, pressure);
    return pressure;
  }
}

const UNKNOWN = { httpStatus: null, status: null, errorText: null, traceId: null };

function endOf(observation: Observation, verdict: Verdict, now: number): AttemptEnd {
  const hasHttp = observation.kind !== 'never-left';
  const label = observation.kind === 'http' ? observation.errorText : null;
  return {
    endedAt: now,
    httpStatus: hasHttp ? observation.httpStatus : null,
    status: verdict.status,
    errorText: verdict.errorText ?? label,
    traceId: hasHttp ? observation.traceId : null,
    route: verdict.route,
    scope: verdict.scope,
  };
}

/** A gate as a row of `accounts` or `senders`. */
export function gateRowOf(account: string, change: GateChange, now: number): GateRow {
  const { gate, sender, reason } = change;
  return {
    account,
    sender,
    state: gate.kind,
    reason: gate.kind === 'active' ? null : reason,
    since: gate.kind === 'active' ? now : gate.since,
    nextProbeAt: gate.kind === 'suspended' ? gate.nextProbeAt : null,
  };
}
