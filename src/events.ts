/**
 * The status log's vocabulary: one function per event, and the only file that says what a line holds. A line
 * about a message, an account or a sender is the image of a row in `events` and bears its `seq`; it is
 * written after the commit, never before.
 *
 * Never in a line: a text, a secret, or a recipient in full unless `[log] recipients = "full"`.
 */
import { sinceOf } from './core/message-counts.ts';
import type { Claim } from './core/claim.ts';
import type { GateChange } from './core/health.ts';
import type { State } from './core/message.ts';
import type { Settlement } from './core/settle.ts';
import { remedyOfAccount } from './core/stop-reasons.ts';
import { EVERYTHING } from './core/stops.ts';
import type { NewEvent } from './spool/event-log.ts';

export type Level = 'debug' | 'info' | 'warn' | 'error';

/** What a line holds beside the row's own columns; what is undefined is left out. Times in milliseconds. */
export interface Details {
  readonly reference?: string | undefined;
  /** In full here; masked when it is written. */
  readonly recipient?: string;
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
  readonly limit?: number;
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

/** The row to append and the line to write once it is committed. */
export interface Entry {
  readonly row: NewEvent;
  readonly level: Level;
  readonly details: Details;
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

/** States that an operator should look at; any other is `info`. */
export const LEVELS: Partial<Record<State, Level>> = {
  'permanent-failure': 'warn',
  uncertain: 'warn',
  unconfirmed: 'warn',
  expired: 'warn',
};

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
    level: LEVELS[settlement.to] ?? 'info',
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
    readonly to: State;
    readonly reason: string;
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
    level: LEVELS[move.to] ?? 'info',
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

/** An account or a sender was suspended, resumed or paused at `at`. */
export function gateMoved(account: string, change: GateChange, at: number): Entry {
  const scope = change.sender === null ? 'account' : 'sender';
  return {
    row: laneRow(account, change.sender, at, {
      event: `${scope}.${change.event ?? change.gate.kind}`,
      to: change.gate.kind,
      reason: change.reason,
    }),
    level: change.event === 'suspended' ? 'error' : 'warn',
    details: {
      remedy: change.event === 'suspended' ? remedyOfGate(account, change) : undefined,
      nextProbeAt: change.gate.kind === 'suspended' ? isoOf(change.gate.nextProbeAt) : undefined,
    },
  };
}

/** An operator paused everything, or ended that. */
export function everythingMoved(event: 'paused' | 'resumed', at: number): Entry {
  const to = event === 'paused' ? 'paused' : 'active';
  return {
    row: laneRow(EVERYTHING, null, at, { event: `account.${event}`, to, reason: 'operator' }),
    level: 'warn',
    details: {},
  };
}

function remedyOfGate(account: string, { sender, reason, detail }: GateChange): string {
  const subject = { account, sender, state: 'suspended', reason: reason ?? 'unknown' };
  const remedy = remedyOfAccount(subject);
  return detail === null ? remedy : `${remedy}; ${detail}`;
}

/** The gateway said: slow down. */
export function throttled(
  account: string,
  sender: string | null,
  facts: { readonly at: number; readonly waitMs: number; readonly reason: string },
): Entry {
  const scope = sender === null ? 'account' : 'sender';
  return {
    row: laneRow(account, sender, facts.at, {
      event: `${scope}.throttled`,
      to: null,
      reason: facts.reason,
    }),
    level: 'warn',
    details: { waitMs: Math.round(facts.waitMs) },
  };
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
  return {
    row: laneRow(account, null, at, { event: 'account.limit', to: null, reason: `${limit}/s` }),
    level: isLess ? 'warn' : 'info',
    details: { configured: configured ?? undefined, limit, remedy },
  };
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
  const reason = 'unknown-account';
  return {
    row: laneRow(account, null, at, { event: 'account.suspended', to: 'suspended', reason }),
    level: 'warn',
    details: { remedy: remedyOfAccount({ account, sender: null, state: 'unknown', reason }) },
  };
}

function laneRow(
  account: string,
  sender: string | null,
  at: number,
  what: Pick<NewEvent, 'event' | 'to' | 'reason'>,
): NewEvent {
  return { at, messageId: null, account, sender, from: null, attempt: null, ...what };
}

/** ISO-8601 of Unix seconds; undefined = null, or what is no instant: a row may hold anything. */
export function isoOf(seconds: unknown): string | undefined {
  if (typeof seconds !== 'number') return undefined;
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
