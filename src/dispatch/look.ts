/**
 * One look of a desk for rows that may go at this instant: what was taken, and which permits that took. They
 * are paid at its end, all at once.
 */
import type { ReadyRow } from '../spool/claims.ts';
import type { Lane } from './lane.ts';
import type { Costs } from './nest.ts';
import type { Reading } from './strand.ts';

/** A row taken for sending, and how long its lane waited for the permit. */
export interface Taken {
  readonly row: ReadyRow;
  readonly lane: Lane;
  readonly limiterMs: number;
}

export interface LookParts {
  readonly nowMs: number;
  readonly reading: Reading;
  /** Many rows are to go at once. */
  readonly isLarge: boolean;
  /** Permits that the account has. */
  readonly left: number;
}

export class Look {
  readonly nowMs: number;
  readonly reading: Reading;
  readonly isLarge: boolean;
  readonly taken: Taken[] = [];
  /** What each lane still allows; a lane is asked once. */
  readonly allowed = new Map<Lane, number>();
  /** Permits that were used, by lane and of the account. */
  readonly spent = new Map<Lane, number>();
  used = 0;
  /** What the account has left; below 1 = nothing more goes. */
  left: number;

  constructor({ nowMs, reading, isLarge, left }: LookParts) {
    this.nowMs = nowMs;
    this.reading = reading;
    this.isLarge = isLarge;
    this.left = left;
  }

  /** Takes a row of a lane that has been asked what it allows. */
  take(taken: Taken, costs: Costs): void {
    const { lane } = taken;
    this.taken.push(taken);
    this.allowed.set(lane, (this.allowed.get(lane) ?? 0) - costs.lane);
    this.spent.set(lane, (this.spent.get(lane) ?? 0) + costs.lane);
    this.used += costs.account;
    this.left -= costs.account;
  }
}
