/**
 * The status log's vocabulary: one function per event, and the only file that says what a line holds. A line
 * about a message, an account or a sender is the image of a row in `events` and bears its `seq`; it is
 * written after the commit, never before.
 *
 * Never in a line: a text, a secret, or a recipient in full unless `[log] recipients = "full"`.
 */
import { sinceOf } from '../core/stats/message-counts.ts';
import type { Claim } from '../core/message/claim.ts';
import type { CircuitChange } from '../core/account/account-circuit.ts';
import {
  levelOf,
  type EventState,
  type ThrottleReason,
  type LaneScope,
  type LogLevel,
} from '../core/events/log-events.ts';
import type { State } from '../core/message/message.ts';
import type { Settlement } from '../core/answer/settle.ts';
import { rateReason, type MessageReason } from '../core/codes/reasons.ts';
import { remedyOfAccount, UNKNOWN_ACCOUNT } from '../core/account/stop-reasons.ts';
import { EVERYTHING } from '../core/account/stops.ts';
import type { EventRow, NewEvent } from '../spool/write/event-log.ts';

/** What a line holds beside the row's own columns; what is undefined is left out. Times in milliseconds. */
export interface Details {
  readonly reference?: string | undefined;
  /** In full here; masked when it is written. */
  readonly recipient?: string | undefined;
  readonly status?: number | undefined;
  readonly parts?: number | undefined;
  readonly nextAttemptAt?: string | undefined;
  readonly queuedMs?: number;
  readonly limiterMs?: number;
  readonly gatewayMs?: number | undefined;
  readonly waitMs?: number;
  readonly nextProbeAt?: string | undefined;
  /** Requests per second. */
  readonly configured?: number | undefined;
  readonly limit?: number | undefined;
  /** What an operator can do about it. */
  readonly remedy?: string | undefined;
  /** When it happened, where the line is written later than that. */
  readonly at?: string | undefined;
}

/** Facts for the counters alone; instants are Unix seconds. Never in a line. */
export interface Timing {
  /** Since when the message could go before, and can go now. */
  readonly wasSince: number;
  readonly since: number;
  /** When it came into the state that it leaves; undefined = not known. */
  readonly enteredAt: number | undefined;
}

/** A row of `events` and what its line says beside it. */
export interface Line {
  readonly row: EventRow;
  readonly level: LogLevel;
  readonly details: Details;
}

/** The row to append and the line to write once it is committed. */
export interface Entry extends Line {
  readonly row: NewEvent;
  /** Of a message that moved. */
  readonly timing?: Timing;
}

/** A message as far as a line about it goes. */
export interface Subject {
  readonly id: number;
  readonly account: string | null;
  readonly sender: string | null;
  readonly recipient: string;
  readonly reference: string | null;
  readonly createdAt: number;
  readonly sendAt: number | null;
  readonly nextAttemptAt: number | null;
  /** Left out where nobody asks how long it was in its state. */
  readonly updatedAt?: number;
}

/** References are the application's own and may be of any length; a line may not. */
export const REFERENCE_MAX = 200;

/** An attempt ended. Times in milliseconds: insert to claim, wait for the permit, request to answer. */
export function messageSettled(
  claim: Claim,
  settlement: Settlement,
  facts: {
    readonly at: number;
    readonly status: number | null;
    readonly parts: number;
    readonly gatewayMs: number | null;
  },
): Entry {
  return {
    row: {
      at: facts.at,
      messageId: claim.id,
      account: claim.account,
      sender: claim.sender,
      event: `message.${settlement.to}`,
      from: 'sending',
      to: settlement.to,
      reason: settlement.reason,
      attempt: claim.number,
    },
    level: levelOf(`message.${settlement.to}`),
    details: {
      reference: claim.reference?.slice(0, REFERENCE_MAX),
      recipient: claim.recipient,
      status: facts.status ?? undefined,
      parts: facts.parts > 0 ? facts.parts : undefined,
      nextAttemptAt: isoOf(settlement.nextAttemptAt),
      queuedMs: Math.round((claim.claimedAt - claim.eligibleAt) * 1000),
      limiterMs: Math.round(claim.limiterMs),
      gatewayMs: facts.gatewayMs === null ? undefined : Math.round(facts.gatewayMs),
    },
    timing: {
      wasSince: claim.eligibleAt,
      since: Math.max(claim.eligibleAt, settlement.nextAttemptAt ?? 0),
      enteredAt: claim.claimedAt,
    },
  };
}

/** A message moved without an attempt: expired, cancelled, refused before sending, requeued, lapsed. */
export function messageMoved(
  subject: Subject,
  move: {
    readonly from: State;
    readonly to: EventState;
    readonly reason: MessageReason;
    readonly at: number;
    readonly attempt?: number | null;
    readonly nextAttemptAt?: number | null;
  },
): Entry {
  return {
    row: {
      at: move.at,
      messageId: subject.id,
      account: subject.account,
      sender: subject.sender,
      event: `message.${move.to}`,
      from: move.from,
      to: move.to,
      reason: move.reason,
      attempt: move.attempt ?? null,
    },
    level: levelOf(`message.${move.to}`),
    details: {
      reference: subject.reference?.slice(0, REFERENCE_MAX),
      recipient: subject.recipient,
    },
    timing: {
      wasSince: sinceOf(subject),
      since: sinceOf({ ...subject, nextAttemptAt: move.nextAttemptAt ?? null }),
      enteredAt: subject.updatedAt,
    },
  };
}

/** A second attempt of a message turned out to be accepted: the recipient may have it twice. */
export function messageDoubled(
  subject: Subject,
  facts: { readonly state: State; readonly at: number },
): Entry {
  return {
    row: {
      at: facts.at,
      messageId: subject.id,
      account: subject.account,
      sender: subject.sender,
      event: 'message.duplicate',
      from: facts.state,
      to: facts.state,
      reason: 'accepted-twice',
      attempt: null,
    },
    level: 'warn',
    details: {
      reference: subject.reference?.slice(0, REFERENCE_MAX),
      recipient: subject.recipient,
    },
  };
}

/** An account or a sender was suspended, resumed or paused at `at`; nothing where the change has no line. */
export function gateMoved(account: string, change: CircuitChange, at: number): readonly Entry[] {
  const { sender, state, event, reason } = change;
  if (event === null) return [];
  const details = {
    remedy: event === 'suspended' ? remedyOfGate(account, change) : undefined,
    nextProbeAt: state.kind === 'suspended' ? isoOf(state.nextProbeAt) : undefined,
  };
  const what = { event: `${scopeOf(sender)}.${event}`, to: state.kind, reason } as const;
  return [laneEntry({ at, account, sender, ...what }, details)];
}

/** An operator paused everything, or ended that. */
export function everythingMoved(event: 'paused' | 'resumed', at: number): Entry {
  const to = event === 'paused' ? 'paused' : 'active';
  const what = { event: `account.${event}`, to, reason: 'operator' } as const;
  return laneEntry({ at, account: EVERYTHING, sender: null, ...what }, {});
}

function remedyOfGate(account: string, { sender, reason, detail }: CircuitChange): string {
  const subject = { account, sender, state: 'suspended', reason: reason ?? 'unknown' };
  const remedy = remedyOfAccount(subject);
  return detail === null ? remedy : `${remedy}; ${detail}`;
}

/** The gateway said: slow down. */
export function throttled(
  account: string,
  sender: string | null,
  facts: {
    readonly at: number;
    readonly waitMs: number;
    readonly reason: ThrottleReason;
  },
): Entry {
  const { at, reason, waitMs } = facts;
  const what = { event: `${scopeOf(sender)}.throttled`, to: null, reason } as const;
  return laneEntry({ at, account, sender, ...what }, { waitMs: Math.round(waitMs) });
}

/**
 * The account's real limit became known, or what is available to us differs from what was configured or
 * said before (requests per second). `sinceAt` (Unix seconds): it was learned from refusals, since then.
 */
export function limitLearned(
  account: string,
  facts: {
    readonly at: number;
    readonly configured: number | null;
    readonly limit: number;
    readonly sinceAt?: number;
  },
): Entry {
  const { at, configured, limit, sinceAt } = facts;
  const isLess = configured !== null && limit < configured;
  const remedy =
    isLess && sinceAt !== undefined ? sharedWith(configured, limit, sinceAt) : undefined;
  const what = { event: 'account.limit', to: null, reason: rateReason(limit) } as const;
  const details = { configured: configured ?? undefined, limit, remedy };
  const level = isLess ? 'warn' : 'info';
  return { ...laneEntry({ at, account, sender: null, ...what }, details), level };
}

function sharedWith(configured: number, limit: number, sinceAt: number): string {
  const since = isoOf(sinceAt)?.slice(11, 16) ?? '';
  return (
    `configured ${configured}/s, available ${limit}/s since ${since} UTC: ` +
    'is another client using this account?'
  );
}

/** Rows name an account that is not configured: they wait for a reload or their deadline. */
export function unknownAccount(account: string, at: number): Entry {
  const reason = UNKNOWN_ACCOUNT;
  const what = { event: 'account.suspended', to: 'suspended', reason } as const;
  const remedy = remedyOfAccount({ account, sender: null, state: 'unknown', reason });
  return { ...laneEntry({ at, account, sender: null, ...what }, { remedy }), level: 'warn' };
}

function scopeOf(sender: string | null): LaneScope {
  return sender === null ? 'account' : 'sender';
}

function laneEntry(
  what: Omit<NewEvent, 'messageId' | 'from' | 'attempt'>,
  details: Details,
): Entry {
  const row = { ...what, messageId: null, from: null, attempt: null };
  return { row, level: levelOf(what.event), details };
}

/** ISO-8601 of Unix seconds; undefined = null, or what is no instant: a row may hold anything. */
export function isoOf(seconds: unknown): string | undefined {
  if (typeof seconds !== 'number') return undefined;
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
