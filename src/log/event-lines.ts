/**
 * Builds the lines of the status log: one function per event, and the only file that says what a line holds. A line
 * about a message, an account or a sender repeats a row of `events` with its `seq`; it is written after the commit.
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
import { maskRecipient } from '../core/text/recipient.ts';
import type { Settlement } from '../core/answer/settle.ts';
import { rateReason, type MessageReason } from '../core/codes/reasons.ts';
import { remedyOfAccount, UNKNOWN_ACCOUNT } from '../core/account/stop-reasons.ts';
import { EVERYTHING } from '../core/account/stops.ts';
import type { EventRow, NewEvent } from '../spool/write/event-log.ts';

/** What a line holds besides the row's own columns, by its keys there; what is undefined is left out. */
export interface Details {
  readonly reference?: string | undefined;
  /** In full here; masked when it is written. */
  readonly recipient?: string | undefined;
  readonly status?: number | undefined;
  readonly parts?: number | undefined;
  readonly next_attempt_at?: string | undefined;
  readonly queued_ms?: number;
  readonly limiter_ms?: number;
  readonly gateway_ms?: number | undefined;
  readonly wait_ms?: number;
  readonly next_probe_at?: string | undefined;
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

/** A row of `events` and what its line holds besides. */
export interface EventLine {
  readonly row: EventRow;
  readonly level: LogLevel;
  readonly details: Details;
}

/** The row to append and the line to write once it is committed. */
export interface EventEntry extends EventLine {
  readonly row: NewEvent;
  /** Of a message that moved. */
  readonly timing?: Timing;
}

/** The keys of a line in their order. */
export function fieldsOf(
  { row, details }: EventLine,
  seq: number,
  isMasked: boolean,
): Readonly<Record<string, unknown>> {
  const { reference, recipient, ...rest } = details;
  return {
    event: row.event,
    seq,
    id: row.messageId ?? undefined,
    reference,
    account: row.account ?? undefined,
    sender: row.sender ?? undefined,
    recipient: recipient === undefined || !isMasked ? recipient : maskRecipient(recipient),
    from: row.from ?? undefined,
    to: row.to ?? undefined,
    reason: row.reason ?? undefined,
    attempt: row.attempt ?? undefined,
    ...rest,
  };
}

/** A message as far as a line about it goes. */
export interface LoggedMessage {
  readonly id: number;
  readonly account: string | null;
  readonly sender: string | null;
  readonly recipient: string;
  readonly reference: string | null;
  readonly createdAt: number;
  readonly sendAt: number | null;
  readonly nextAttemptAt: number | null;
  /** Absent if the time in the old state is not reported. */
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
): EventEntry {
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
      next_attempt_at: isoOf(settlement.nextAttemptAt),
      queued_ms: Math.round((claim.claimedAt - claim.eligibleAt) * 1000),
      limiter_ms: Math.round(claim.limiterMs),
      gateway_ms: facts.gatewayMs === null ? undefined : Math.round(facts.gatewayMs),
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
  message: LoggedMessage,
  move: {
    readonly from: State;
    readonly to: EventState;
    readonly reason: MessageReason;
    readonly at: number;
    readonly attempt?: number | null;
    readonly nextAttemptAt?: number | null;
  },
): EventEntry {
  const { from, to, reason, at, attempt = null, nextAttemptAt = null } = move;
  const timing = {
    wasSince: sinceOf(message),
    since: sinceOf({ ...message, nextAttemptAt }),
    enteredAt: message.updatedAt,
  };
  const event = `message.${to}` as const;
  return { ...messageEntry(message, { at, event, from, to, reason, attempt }), timing };
}

/** A second attempt of a message turned out to be accepted: the recipient may have it twice. */
export function messageDoubled(
  message: LoggedMessage,
  { state, at }: { readonly state: State; readonly at: number },
): EventEntry {
  const states = { from: state, to: state };
  const event = 'message.duplicate';
  return messageEntry(message, { at, event, ...states, reason: 'accepted-twice', attempt: null });
}

function messageEntry(
  { id, account, sender, reference, recipient }: LoggedMessage,
  what: Omit<NewEvent, 'messageId' | 'account' | 'sender'>,
): EventEntry {
  return {
    row: { ...what, messageId: id, account, sender },
    level: levelOf(what.event),
    details: { reference: reference?.slice(0, REFERENCE_MAX), recipient },
  };
}

/** An account or a sender was suspended, resumed or paused at `at`; nothing where the change has no line. */
export function circuitMoved(
  account: string,
  change: CircuitChange,
  at: number,
): readonly EventEntry[] {
  const { sender, state, event, reason } = change;
  if (event === null) return [];
  const details = {
    remedy: event === 'suspended' ? remedyOfCircuit(account, change) : undefined,
    next_probe_at: state.kind === 'suspended' ? isoOf(state.nextProbeAt) : undefined,
  };
  const what = { event: `${scopeOf(sender)}.${event}`, to: state.kind, reason } as const;
  return [laneEntry({ at, account, sender, ...what }, details)];
}

/** An operator paused everything, or ended that. */
export function everythingMoved(event: 'paused' | 'resumed', at: number): EventEntry {
  const to = event === 'paused' ? 'paused' : 'active';
  const what = { event: `account.${event}`, to, reason: 'operator' } as const;
  return laneEntry({ at, account: EVERYTHING, sender: null, ...what }, {});
}

function remedyOfCircuit(account: string, { sender, reason, detail }: CircuitChange): string {
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
): EventEntry {
  const { at, reason, waitMs } = facts;
  const what = { event: `${scopeOf(sender)}.throttled`, to: null, reason } as const;
  return laneEntry({ at, account, sender, ...what }, { wait_ms: Math.round(waitMs) });
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
): EventEntry {
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
export function unknownAccount(account: string, at: number): EventEntry {
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
): EventEntry {
  const row = { ...what, messageId: null, from: null, attempt: null };
  return { row, level: levelOf(what.event), details };
}

/** ISO-8601 of Unix seconds; undefined = null, or what is no instant: a row may hold anything. */
export function isoOf(seconds: unknown): string | undefined {
  if (typeof seconds !== 'number') return undefined;
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
