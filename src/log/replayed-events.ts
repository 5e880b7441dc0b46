/**
 * Makes the line of an event whose process died before it wrote it, from the row in `events` alone. The words are those
 * of `log/event-lines.ts`.
 */
import { isLogEvent, levelOf, type LogLevel } from '../core/events/log-events.ts';
import { rateIn } from '../core/codes/reasons.ts';
import { remedyOfAccount, UNKNOWN_ACCOUNT } from '../core/account/stop-reasons.ts';
import { isoOf, REFERENCE_MAX, type EventLine } from './event-lines.ts';
import type { UnloggedEvent } from '../spool/write/event-log.ts';

/** As far as the spool still knows it: without durations, and with `at`. */
export function writtenLate(event: UnloggedEvent): EventLine {
  const { account, sender, to, at } = event;
  const reason = event.reason ?? 'unknown';
  const isSuspended = event.event.endsWith('.suspended');
  const subject = { account, sender, state: 'suspended', reason };
  return {
    row: event,
    level: levelOfRow(event),
    details: {
      reference: event.reference?.slice(0, REFERENCE_MAX),
      recipient: event.recipient ?? undefined,
      status: event.status ?? undefined,
      parts: to === 'await-receipt' && event.parts > 0 ? event.parts : undefined,
      limit: event.event === 'account.limit' ? (rateIn(reason) ?? undefined) : undefined,
      remedy: isSuspended ? remedyOfAccount(subject) : undefined,
      at: isoOf(at),
    },
  };
}

function levelOfRow({ event, reason }: UnloggedEvent): LogLevel {
  return isLogEvent(event) && reason !== UNKNOWN_ACCOUNT ? levelOf(event) : 'warn';
}
