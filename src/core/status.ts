/**
 * Describes the status of a daemon: the document that `GET /status` gives and `top` shows. Names are as
 * in other JSON of the command line; instants are Unix seconds, rates are per second.
 *
 * Always holds: it is made from numbers that are kept anyway, and no longer than lanes have names.
 */
import type { MessageFailure } from './counters.ts';
import type { State } from './message.ts';
import type { Stop } from './stops.ts';

/** Ages that are told apart (seconds), as columns of `top`. */
export const AGE_BOUNDS_S: readonly number[] = [60, 300, 1_200, 3_600, 14_400, 43_200, 86_400];

export interface AccountStatus {
  readonly account: string;
  readonly state: 'active' | 'suspended' | 'paused';
  readonly reason: string | null;
  readonly next_probe_at: number | null;
  /** Requests per second: what is configured or named, what is available of it, what was used just now. */
  readonly limit: number | null;
  readonly available: number | null;
  readonly used: number;
  readonly in_flight: number;
  readonly concurrency: number;
  /** How long the gateway asked to wait from now on (seconds). */
  readonly blocked_seconds: number;
  /** How long the oldest message waits that could go, to about ten seconds; null = none does. */
  readonly oldest_due_seconds: number | null;
}

export interface LaneStatus {
  readonly account: string;
  /** `other` = all senders of the account that have no name of their own here. */
  readonly sender: string;
  readonly state: 'active' | 'suspended' | 'paused';
  /** Messages per second of a sender with a limit of its own; null = the account's alone. */
  readonly available: number | null;
  readonly blocked_seconds: number;
  readonly states: Readonly<Record<State, number>>;
  /** Of those that wait to be sent: not yet due; then by age up to each bound; then older. */
  readonly ages: readonly number[];
  readonly oldest_due_seconds: number | null;
}

/** A failure, its recipient masked as in the status log. */
export type FailureStatus = MessageFailure;

export interface Status {
  readonly at: number;
  readonly version: string;
  readonly pid: number;
  /** Path of the spool. */
  readonly spool: string;
  readonly started_at: number;
  /** Null = it works; else why it does not. */
  readonly unready: string | null;
  /** What is stopped and why, the worst first. */
  readonly stops: readonly Stop[];
  /** Whether every message is counted; until then numbers are too small. */
  readonly is_counted: boolean;
  readonly states: Readonly<Record<State, number>>;
  readonly age_bounds_seconds: readonly number[];
  readonly accounts: readonly AccountStatus[];
  readonly lanes: readonly LaneStatus[];
  /** Requests that ended in each of the last 300 seconds, the oldest first, and those accepted. */
  readonly answered: readonly number[];
  readonly accepted: readonly number[];
  /** The newest first. */
  readonly failures: readonly FailureStatus[];
}
