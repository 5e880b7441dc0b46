/**
 * What an account and its lanes may send at this instant, and when they may next: the pacers, what is left of
 * a wait, the health of the account and the rules that nest, all of which must allow. Whose turn it is, is
 * not decided here.
 *
 * Always holds: asking spends nothing; what is admitted is counted by the nest at once, and paid to the pacers
 * by the caller.
 */
import type { AccountHealth } from '../core/health.ts';
import type { ReadyRow } from '../spool/claims.ts';
import type { Pacer } from '../throttle/pacer.ts';
import type { Probation } from '../throttle/probation.ts';
import type { Lane } from './lane.ts';
import { ONE_EACH, type Costs, type Nest } from './nest.ts';

export interface PermitsParts {
  readonly pacer: Pacer;
  readonly probation: Probation;
  readonly health: AccountHealth;
  /** Null = nothing but pacers limits the account. */
  readonly nest: Nest | null;
}

export class Permits {
  readonly #parts: PermitsParts;

  constructor(parts: PermitsParts) {
    this.#parts = parts;
  }

  /** Of the account. */
  ofAccount(nowMs: number): number {
    const { pacer, probation, nest } = this.#parts;
    const permits = Math.min(pacer.available(nowMs), probation.allows(nowMs));
    return permits > 0 && nest?.isAccountOpen(nowMs) === false ? 0 : permits;
  }

  /** Of a lane, whatever the account has. */
  of(lane: Lane, nowMs: number): number {
    if (nowMs < lane.blockedUntil) return 0;
    const gate = this.#parts.health.mayPass(lane.sender);
    if (gate === 'none' || !this.areRulesOpen(lane, nowMs)) return 0;
    const paced = lane.pacer === null ? Infinity : lane.pacer.available(nowMs);
    const permits = Math.min(paced, lane.probation.allows(nowMs));
    return gate === 'one' ? Math.min(1, permits) : permits;
  }

  /** Whether the rules of a lane's group and sender allow; others of the group may have gone just now. */
  areRulesOpen(lane: Lane, nowMs: number): boolean {
    return this.#parts.nest?.isLaneOpen(lane.sender, nowMs) ?? true;
  }

  /** What the row takes, counted by all rules; null = one of them has no room for it. */
  admit(row: ReadyRow, lane: Lane, nowMs: number): Costs | null {
    const { nest } = this.#parts;
    return nest === null ? ONE_EACH : nest.admit(row, lane.sender, nowMs);
  }

  /** When the account may have a permit (monotonic ms); null = a grant or an answer will say. */
  accountAt(nowMs: number): number | null {
    const { pacer, probation, nest } = this.#parts;
    const pacedAt = pacer.nextAt(nowMs);
    const opensAt = nest === null ? nowMs : nest.accountOpensAt(nowMs);
    if (pacedAt === null || opensAt === null) return null;
    return Math.max(pacedAt, opensAt, probation.opensAt);
  }

  /** The same of a lane. */
  laneAt(lane: Lane, nowMs: number): number | null {
    const { health, nest } = this.#parts;
    if (health.mayPass(lane.sender) === 'none') return null;
    const pacedAt = lane.pacer === null ? nowMs : lane.pacer.nextAt(nowMs);
    const opensAt = nest === null ? nowMs : nest.laneOpensAt(lane.sender, nowMs);
    if (opensAt === null) return null;
    return Math.max(pacedAt, opensAt, lane.blockedUntil, lane.probation.opensAt);
  }
}
