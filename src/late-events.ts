/**
 * Lines made from rows of `events` alone: what the spool still knows of a change, after the process that made
 * it has gone. The words are those of `events.ts`.
 */
import { isoOf, LEVELS, REFERENCE_MAX, type Entry } from './events.ts';
import type { State } from './core/message.ts';
import { remedyOfAccount } from './core/stop-reasons.ts';
import type { UnloggedEvent } from './spool/unlogged.ts';

/**
 * The line of an event whose process died before it was written, as far as the spool still knows it: without
 * durations, and with `at`.
 */
export function writtenLate(event: UnloggedEvent): Entry {
  const { account, to, reason, at } = event;
  const limit =
    event.event === 'account.limit' ? /^([\d.]+)\/s$/.exec(reason ?? '')?.[1] : undefined;
  const isStranger = reason === 'unknown-account';
  const isSuspended = event.event.endsWith('.suspended');
  const subject = {
    account,
    sender: event.sender,
    state: 'suspended',
    reason: reason ?? 'unknown',
  };
  const remedy = isSuspended ? remedyOfAccount(subject) : undefined;
  const isMessage = event.messageId !== null && event.event !== 'message.duplicate';
  const level = isMessage ? (LEVELS[to as State] ?? 'info') : limit === undefined ? 'warn' : 'info';
  return {
    row: event,
    level: isSuspended && !isStranger ? 'error' : level,
    details: {
      reference: event.reference?.slice(0, REFERENCE_MAX),
      ...(event.recipient === null ? {} : { recipient: event.recipient }),
      status: event.status ?? undefined,
      parts: to === 'await-receipt' && event.parts > 0 ? event.parts : undefined,
      ...(limit === undefined ? {} : { limit: Number(limit) }),
      remedy,
      at: isoOf(at),
    },
  };
}
