/** Lines made of the spool's `events`: the same fields as in the status log, but for durations, which no row keeps. */
import { maskRecipient } from '../core/mask.ts';
import { writtenLate } from '../late-events.ts';
import type { UnloggedEvent } from '../spool/unlogged.ts';
import type { LogLine } from './line.ts';

/** The line of an event. */
export function lineOf(event: UnloggedEvent, isMasked: boolean): LogLine {
  const { level, details } = writtenLate(event);
  const { recipient } = details;
  const all = {
    level,
    time: details.at,
    event: event.event,
    seq: event.seq,
    id: event.messageId ?? undefined,
    reference: details.reference,
    account: event.account ?? undefined,
    sender: event.sender ?? undefined,
    recipient: recipient === undefined || !isMasked ? recipient : maskRecipient(recipient),
    from: event.from ?? undefined,
    to: event.to ?? undefined,
    reason: event.reason ?? undefined,
    attempt: event.attempt ?? undefined,
    status: details.status,
    parts: details.parts,
    limit: details.limit,
    remedy: details.remedy,
  };
  const fields = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  return { fields, text: JSON.stringify(fields) };
}
