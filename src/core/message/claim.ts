/**
 * Describes a message with an open attempt: what the spool gives to the dispatcher once the attempt is on disk, and all
 * that settle, the gateway and the log need.
 */
import type { State, UncertainPolicy } from './message.ts';
import type { Content } from './parts.ts';
import type { SourceKey, SortKey } from './sort-key.ts';

export interface Claim extends Content {
  readonly id: number;
  /** The attempt's number: only grows, never used again. */
  readonly number: number;
  readonly clientRef: string;
  /** As it was read: it is offered again when it must wait for its lane. */
  readonly row: SourceKey & SortKey;
  /** The lane's names: NULL in the row stands for the default and is filled in. */
  readonly account: string;
  readonly sender: string;
  readonly recipient: string;
  readonly messageClass: number | null;
  readonly entityId: string | null;
  readonly contentId: string | null;
  readonly accountRef: string | null;
  readonly reference: string | null;
  readonly onUncertain: UncertainPolicy | null;
  /** The state it was claimed from. */
  readonly from: Extract<State, 'queued' | 'retry'>;
  readonly createdAt: number;
  /** When it could first go: the later of createdAt and send_at (Unix seconds). */
  readonly eligibleAt: number;
  /** Since when it waited: then, or since its next attempt was due (Unix seconds). */
  readonly waitedSinceAt: number;
  readonly claimedAt: number;
  /** Unix seconds; after it the message expires. */
  readonly deadline: number;
  /** Attempts that count, this one included. */
  readonly attempts: number;
  readonly throttles: number;
  readonly price: number | null;
  /** The earlier attempt that this one may double; null = none. */
  readonly follows: number | null;
  /** An earlier attempt, since the last requeue, was never answered: it may still prove accepted. */
  readonly hasUnanswered: boolean;
  /** How long the lane waited for its permit (ms). */
  readonly limiterMs: number;
}
