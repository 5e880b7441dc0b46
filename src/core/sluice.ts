/**
 * What a rule allows (an account's, a group's, a sender's), and the rule as what waits flows through it: so
 * many permits a second, none before it opens, and no more than each of its windows lets through.
 */
import type { Per } from './rate-rules.ts';
import { reservoirOf, type Reservoir, type WindowUse } from './reservoir.ts';

/** What an account, a group of senders or a lane allows. */
export interface Allowance {
  /** Permits per second; 0 = nothing goes until somebody says so; Infinity = it has no limit of a second. */
  readonly rate: number;
  /** Seconds until it goes on; 0 = it is open. */
  readonly opensInS: number;
  /** What a permit is for. */
  readonly per: Per;
  /** Longer windows. */
  readonly windows: readonly WindowUse[];
}

/** Permits that a message of so many parts takes. */
export function costOf({ per }: Pick<Allowance, 'per'>, parts: number): number {
  return per === 'part' ? parts : 1;
}

/** Seconds that are none. */
const NOTHING = 1e-9;

export class Sluice {
  readonly allowance: Allowance;
  readonly reservoirs: readonly Reservoir[];
  /** Permits per second that go through at this moment. */
  flow = 0;

  constructor(allowance: Allowance) {
    this.allowance = allowance;
    this.reservoirs = allowance.windows.map(reservoirOf);
  }

  /** Permits per second that may go through at a moment. */
  room(atS: number): number {
    const { rate, opensInS } = this.allowance;
    if (opensInS - atS > NOTHING) return 0;
    return this.reservoirs.reduce((least, { limit }) => Math.min(least, limit), rate);
  }

  /** Seconds until what may go through changes, if as much goes through as does now. */
  changesIn(atS: number): number {
    const opensIn = this.allowance.opensInS - atS;
    const first = opensIn > NOTHING ? opensIn : Infinity;
    return Math.min(first, this.windowsChangeIn());
  }

  /** The same of its windows alone. */
  windowsChangeIn(): number {
    return this.reservoirs.reduce(
      (least, reservoir) => Math.min(least, reservoir.changesIn(this.flow)),
      Infinity,
    );
  }

  advance(seconds: number): void {
    for (const reservoir of this.reservoirs) reservoir.advance(this.flow, seconds);
  }
}
