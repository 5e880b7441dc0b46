/**
 * Describes what an answer means: a route (a state, or "it never left"), a scope, and what it asks of a lane.
 *
 * A verdict knows nothing of attempts, age or time: settle and the retry policy decide when to try again and when to give
 * up, and the account's circuit decides what a lane does about an act.
 */
import type { MessageReason } from '../codes/reasons.ts';

export type Route = 'await-receipt' | 'retry' | 'permanent-failure' | 'uncertain';
export type Scope = 'message' | 'sender' | 'account';

/** How long a lane waits after a throttled answer. */
export interface ThrottleHint {
  readonly scope: 'sender' | 'account';
  /** From the answer on; null = the text names no time. */
  readonly waitMs: number | null;
  /** The account's real limit in requests per second; null = the text does not name it. */
  readonly limit: number | null;
  /** How long the window is in which the limit is counted; null = the text does not name it. */
  readonly intervalMs: number | null;
}

/** What an answer asks of the lane it came through. */
export type LaneAct =
  | ({ readonly kind: 'wait' } & ThrottleHint)
  /** Fewer requests open at a time (status 10, HTTP 429, no answer in time). */
  | { readonly kind: 'narrow' }
  /** Every message would fail the same way: stop the account and keep its messages. */
  | { readonly kind: 'suspend'; readonly reason: MessageReason }
  /** The request was never answered, or could not even leave. */
  | { readonly kind: 'unanswered'; readonly left: boolean };

/** A refusal that, from `limit` recipients in a row with no 0 between, is the lane's trouble, not the
 *  message's. */
export interface Streak {
  /** `run`: judged by probes (refusal-run.ts). `outage`: the account waits, as for a gateway that is down.
   *  `unreadable`: answers came and could not be read. */
  readonly kind: 'run' | 'outage' | 'unreadable';
  readonly scope: 'sender' | 'account';
  readonly limit: number;
}

export interface Verdict {
  readonly route: Route;
  readonly scope: Scope;
  /** Kebab-case name of the cause: the code's name, or a word for the transport's failure. */
  readonly reason: MessageReason;
  /** The worst part's gateway code; null when no part was read. */
  readonly status: number | null;
  readonly errorText: string | null;
  readonly acts: readonly LaneAct[];
  /** Counts towards a streak of the same refusal; null when it never does. */
  readonly streak: Streak | null;
  /** A tighter bound on attempts than the configured one (unknown codes, odd 4xx); null = none. */
  readonly maxAttempts: number | null;
  /** The gateway may have taken the message although it did not say so (5, 13, unanswered): a later attempt
   *  may double this one. */
  readonly mayDouble: boolean;
}
