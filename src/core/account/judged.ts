/**
 * What an account's health is told of a message, and what it says of it: the verdict that holds for the
 * message, and the circuits that changed.
 */
import type { LaneReason } from './stop-reasons.ts';
import type { CircuitState } from './circuit.ts';
import type { RunEnd } from './refusal-run.ts';
import type { Verdict } from '../answer/verdict.ts';

export interface CircuitClaim {
  readonly id: number;
  readonly recipient: string;
  readonly sender: string;
  /** Unix seconds. */
  readonly claimedAt: number;
}

/** A change to write down: `event` null = the row changes without a line of its own. */
export interface CircuitChange {
  /** Null = the account itself. */
  readonly sender: string | null;
  readonly state: CircuitState;
  readonly event: 'suspended' | 'resumed' | 'paused' | null;
  readonly reason: LaneReason | null;
  /** What an operator is told beside the remedy, such as how an unreadable answer begins; null = nothing. */
  readonly detail: string | null;
}

/** A refused message waits until its run is judged. */
export interface SetAside {
  /** Null = the run is the account's. */
  readonly sender: string | null;
  /** The message that began the run. */
  readonly run: number;
}

export interface Judged {
  readonly verdict: Verdict;
  readonly changes: readonly CircuitChange[];
  /** Null = what the verdict says follows at once. */
  readonly setAside: SetAside | null;
  /** Runs that this answer ended. */
  readonly ended: readonly RunEnd[];
}
