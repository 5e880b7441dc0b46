/**
 * Decides what follows from the end of a request: observation → verdict → judged by the account's circuit → settlement.
 * The throttle answers what the verdict asks of account and sender. Nothing is written here: what is decided waits in
 * `Pending` for the next commit.
 */
import type { Policy } from '../../core/account/policy.ts';
import type { Claim } from '../../core/message/claim.ts';
import { classify } from '../../core/answer/classify.ts';
import type { CircuitChange, SetAside } from '../../core/account/account-circuit.ts';
import type { AnswerPart, Observation } from '../../core/answer/observation.ts';
import { interrupted, settle, unsent, type Settlement } from '../../core/answer/settle.ts';
import type { Verdict } from '../../core/answer/verdict.ts';
import type { Clock } from '../../clock.ts';
import { circuitMoved, messageSettled } from '../../log/event-lines.ts';
import type { Capabilities } from '../../gateway/gateway.ts';
import { circuitRowOf } from '../../spool/write/circuit-rows.ts';
import type { AttemptEnd } from '../../spool/write/settlements.ts';
import type { AccountQueue } from '../schedule/account-queue.ts';
import { AccountThrottle, type AccountLimits } from '../feedback/account-throttle.ts';
import type { Pending } from '../work.ts';

export interface OutcomesParts {
  readonly policy: () => Policy;
  readonly clock: Clock;
  readonly random: () => number;
  readonly pending: Pending;
  readonly limits: ReadonlyMap<string, AccountLimits>;
  readonly isCancelAsked: (messageId: number) => boolean;
  /** An answer said what is left in the account (EUR). */
  readonly onBalance: (account: string, euros: number) => void;
}

export class Outcomes {
  readonly #parts: OutcomesParts;
  readonly #throttles = new WeakMap<AccountQueue, AccountThrottle>();
  readonly #prices = new Map<string, number>();

  constructor(parts: OutcomesParts) {
    this.#parts = parts;
  }

  /** EUR per part, from the account's latest answer that named one; null = none yet. */
  lastPrice(account: string): number | null {
    return this.#prices.get(account) ?? null;
  }

  /** A request came to its end. `sentAtMs` is when it was handed to the gateway (monotonic). */
  observed(queue: AccountQueue, claim: Claim, observation: Observation, sentAtMs: number): void {
    const { policy, clock } = this.#parts;
    const at = { now: clock.now(), nowMs: clock.monotonicMs() };
    const { now, nowMs } = at;
    queue.limits.settle(claim.id, partsLeft(observation, queue.gateway.capabilities), at);
    const first = classify(observation, policy().overrides);
    const { verdict, changes, setAside, ended } = queue.circuit.judge(claim, first, now);
    this.#throttleOf(queue).heard({
      ...{ claim, acts: first.acts, sentAtMs, now, nowMs },
      isAnswered: observation.kind === 'answered' || observation.kind === 'http',
      isJudged: observation.kind === 'answered',
      isAccepted: verdict.route === 'await-receipt',
    });
    this.changed(queue, changes, now);
    for (const run of ended) this.#parts.pending.runs.push({ ...run, account: queue.name });
    const settlement = settle({
      claim,
      verdict,
      policy: policy().settle,
      isSetAside: setAside !== null,
      isCancelAsked: this.#parts.isCancelAsked(claim.id),
      now,
      random: this.#parts.random(),
    });
    const parts = observation.kind === 'answered' ? observation.parts : [];
    const price = parts[0]?.price ?? null;
    if (price !== null) this.#prices.set(queue.name, price);
    const balance = parts.at(-1)?.balance ?? null;
    if (balance !== null) this.#parts.onBalance(queue.name, balance);
    const end = endOf(observation, verdict, now);
    this.#push(claim, { settlement, end, parts, setAside, gatewayMs: nowMs - sentAtMs });
  }

  /** A claimed request never left: only the attempt's row says that there was one. */
  returned(queue: AccountQueue, claim: Claim): void {
    const { clock } = this.#parts;
    const now = clock.now();
    queue.circuit.returned(claim);
    queue.limits.settle(claim.id, 0, { now, nowMs: clock.monotonicMs() });
    const isCancelAsked = this.#parts.isCancelAsked(claim.id);
    const settlement = unsent({ claim, policy: this.#parts.policy().settle, isCancelAsked, now });
    this.#push(claim, { settlement, end: endWithout('not-sent', now), gatewayMs: null });
  }

  /** A request was still open when the daemon left: nobody knows whether it arrived. */
  abandoned(claim: Claim, sentAtMs: number): void {
    const { policy, clock } = this.#parts;
    const now = clock.now();
    const settlement = interrupted(claim, policy().settle, now);
    const gatewayMs = clock.monotonicMs() - sentAtMs;
    this.#push(claim, { settlement, end: endWithout('uncertain', now), gatewayMs });
  }

  /** Other limits are configured for the account queue; what was learned under them stays learned. */
  configure(queue: AccountQueue, limits: AccountLimits): void {
    this.#throttleOf(queue).configure(limits, this.#parts.clock.monotonicMs());
  }

  /** Circuits changed: their rows, and a line where there is news. */
  changed(queue: AccountQueue, changes: readonly CircuitChange[], now: number): void {
    const { pending } = this.#parts;
    for (const change of changes) {
      pending.circuits.push(circuitRowOf(queue.name, change, now));
      pending.entries.push(...circuitMoved(queue.name, change, now));
    }
  }

  #push(
    claim: Claim,
    how: {
      readonly settlement: Settlement;
      readonly end: AttemptEnd;
      readonly parts?: readonly AnswerPart[];
      readonly setAside?: SetAside | null;
      readonly gatewayMs: number | null;
    },
  ): void {
    const { settlement, end, parts = [], setAside = null, gatewayMs } = how;
    this.#parts.pending.ended.push({ claim, settlement, end, parts, setAside });
    this.#parts.pending.entries.push(
      messageSettled(claim, settlement, {
        at: end.endedAt,
        status: end.status,
        parts: settlement.to === 'await-receipt' ? parts.length : 0,
        gatewayMs,
      }),
    );
  }

  #throttleOf(queue: AccountQueue): AccountThrottle {
    const known = this.#throttles.get(queue);
    if (known !== undefined) return known;
    const { pending, limits, policy } = this.#parts;
    const own = limits.get(queue.name) ?? null;
    const throttle = new AccountThrottle({ queue, limits: own, pending, policy });
    this.#throttles.set(queue, throttle);
    return throttle;
  }
}

/** The parts that left, for the usage windows; null = not known, so the estimate holds. */
export function partsLeft(observation: Observation, capabilities: Capabilities): number | null {
  if (observation.kind === 'never-left') return 0;
  if (!capabilities.partsInAnswer || observation.kind !== 'answered') return null;
  return observation.parts.length > 0 ? observation.parts.length : null;
}

/* Of a request without an observation. */
function endWithout(route: AttemptEnd['route'], endedAt: number): AttemptEnd {
  const unknown = { httpStatus: null, status: null, errorText: null, traceId: null };
  return { ...unknown, endedAt, route, scope: 'message' };
}

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
