/**
 * What an account's health is told of a message, and what it says of it: the verdict that holds for the
 * message, and the gates that changed.
 */
import type { GateState } from './gate.ts';
import type { Verdict } from './verdict.ts';

export interface HealthClaim {
  readonly id: number;
  readonly recipient: string;
  readonly sender: string;
  /** Unix seconds. */
  readonly claimedAt: number;
}

/** A change to write down: `event` null = the row changes without a line of its own. */
export interface GateChange {
  /** Null = the account itself. */
  readonly sender: string | null;
  readonly gate: GateState;
  readonly event: 'suspended' | 'resumed' | 'paused' | null;
  readonly reason: string | null;
}

export interface Judged {
  readonly verdict: Verdict;
  readonly changes: readonly GateChange[];
}
