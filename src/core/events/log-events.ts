/**
 * Names every event of the status log, with the level and the fields of its line. README's table of events is compared
 * with this file.
 *
 * A line about a message, an account or a sender stands for a row of `events`; its fields are in src/log/event-lines.ts. A line
 * about the daemon itself stands for no row. Pure.
 */
import type { IgnoredReason } from '../receipt/receipt.ts';
import type { State } from '../message/message.ts';
import type { MessageReason, RateReason } from '../codes/reasons.ts';
import type { LaneReason } from '../account/stop-reasons.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** A state that a message can reach by an event; `attempts` has those of `sending`. */
export type EventState = Exclude<State, 'sending'>;

export type LaneScope = 'account' | 'sender';

/** An event that is a row of `events`. */
export type RowEvent =
  | `message.${EventState | 'duplicate'}`
  | `${LaneScope}.${'throttled' | 'suspended' | 'resumed' | 'paused'}`
  | 'account.limit';

/** Too fast, or too many at a time. */
export type ThrottleReason = 'throttled' | 'too-many-binds';

/** What the reason of a row of `events` can be. */
export type EventReason = MessageReason | LaneReason | RateReason | 'accepted-twice';

/** Event that is no row → the fields of its line. */
export interface LineFields {
  'message.claim-lost': { id: number; attempt: number };
  'message.unwritten': {
    id: number;
    attempt: number;
    to: string;
    reason: MessageReason;
    status: number | undefined;
  };
  'receipt.ignored': { reason: IgnoredReason; count: number; remedy: string | undefined };
  'daemon.started': { version: string; node: string; pid: number; spool: string };
  'daemon.ready': {
    accounts: readonly string[];
    receipts: string | undefined;
    admin: string | undefined;
  };
  'daemon.waiting': {
    reason?: string;
    missing: string;
    remedy: string;
    admin: string | undefined;
  };
  'daemon.draining': { in_flight: number };
  'daemon.stopped': { unwritten?: number };
  'daemon.warning': { warning: string; remedy?: string };
  'daemon.reloaded': {
    config: string | undefined;
    accounts: readonly string[];
    changed: readonly string[];
    needs_restart?: readonly string[];
    remedy?: string;
  };
  'daemon.reload-failed': { error: string; remedy: string };
  'daemon.restored': { backup_at: string; detail: string; remedy: string };
  'daemon.blind': { error: string };
  'daemon.disk-full': { remedy: string; waiting: number };
  'daemon.spool-replaced': { error: string; aside: readonly string[]; remedy: string };
  'daemon.failed': { error: string };
  'daemon.lock-held': { held_ms: number; remedy: string };
  'daemon.lock-released': { held_ms: number };
  'daemon.clock-set': { by_seconds: number; waiting: number };
  'daemon.wal-held': { held_ms: number; wal_bytes: number; remedy: string };
  'daemon.wal-released': { held_ms: number; wal_bytes: number };
  'daemon.log-unwritten': { place: string; error: string; remedy: string };
  'daemon.log-gap': {
    place: string;
    lines: number;
    first_seq?: number;
    last_seq?: number | null;
    remedy: string;
  };
  'daemon.reports-failed': { account: string; reason: string; count: number };
  'daemon.notify-failed': { failures: number; detail: string };
  'daemon.notify-works': { failures: number; lasted_ms: number };
}

export type LineEvent = keyof LineFields;

export type LogEvent = RowEvent | LineEvent;

/** Event → the levels that its lines can have, the ordinary one first. */
export const LEVELS = {
  'message.queued': ['info'],
  'message.retry': ['info'],
  'message.uncertain': ['warn'],
  'message.await-receipt': ['info'],
  'message.delivered': ['info'],
  'message.undelivered': ['info'],
  'message.duplicate': ['warn'],
  'message.unconfirmed': ['warn'],
  'message.permanent-failure': ['warn'],
  'message.expired': ['warn'],
  'message.cancelled': ['info'],
  'message.claim-lost': ['warn'],
  'message.unwritten': ['error'],
  'account.throttled': ['warn'],
  'sender.throttled': ['warn'],
  'account.limit': ['info', 'warn'],
  'account.suspended': ['error', 'warn'],
  'sender.suspended': ['error'],
  'account.resumed': ['warn'],
  'sender.resumed': ['warn'],
  'account.paused': ['warn'],
  'sender.paused': ['warn'],
  'receipt.ignored': ['warn'],
  'daemon.started': ['info'],
  'daemon.ready': ['info'],
  'daemon.waiting': ['warn'],
  'daemon.draining': ['info'],
  'daemon.stopped': ['info', 'error'],
  'daemon.warning': ['warn'],
  'daemon.reloaded': ['info', 'warn'],
  'daemon.reload-failed': ['error'],
  'daemon.restored': ['warn'],
  'daemon.blind': ['warn'],
  'daemon.disk-full': ['error'],
  'daemon.spool-replaced': ['error'],
  'daemon.failed': ['error'],
  'daemon.lock-held': ['warn'],
  'daemon.lock-released': ['info'],
  'daemon.clock-set': ['warn'],
  'daemon.wal-held': ['warn'],
  'daemon.wal-released': ['info'],
  'daemon.log-unwritten': ['error'],
  'daemon.log-gap': ['error'],
  'daemon.reports-failed': ['warn'],
  'daemon.notify-failed': ['warn'],
  'daemon.notify-works': ['info'],
} as const satisfies Readonly<Record<LogEvent, readonly [LogLevel, ...LogLevel[]]>>;

export type LevelOf<E extends LogEvent> = (typeof LEVELS)[E][number];

/** The level of a line, where the facts do not say otherwise. */
export function levelOf(event: LogEvent): LogLevel {
  return LEVELS[event][0];
}

/** Whether a text of a row is one of these events; false where another program wrote it. */
export function isLogEvent(event: string): event is LogEvent {
  return Object.hasOwn(LEVELS, event);
}
