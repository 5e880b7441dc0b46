/**
 * Makes the body of one request: events as JSON, in the words of the status log, with an id that is the same for the
 * same content. Only events of messages, accounts and senders are told, without recipients and texts.
 */
import { hash } from 'node:crypto';
import type { CommittedEvent } from '../spool/write/event-log.ts';

/** Events in one request, at most. */
export const BATCH_MAX = 100;
/** Bytes of one request's body, at most; one event is far shorter, since texts are cut when they are read. */
const BODY_MAX = 262_144;

const TOLD = /^(?:message|account|sender)\./;

export interface EventBatch {
  /** `events-FIRST-LAST-DIGEST`. A restored spool uses numbers again: then the digest differs. */
  readonly id: string;
  readonly body: string;
  readonly lastSeq: number;
  /** There may be more already. */
  readonly isFull: boolean;
}

/** As many of `events`, from the first, as one request may hold; null when none of them is told. */
export function batchOf(events: readonly CommittedEvent[]): EventBatch | null {
  const told = events.filter(({ event }) => TOLD.test(event));
  const lines = fitting(told);
  const [first, last] = [told.at(0), told[lines.length - 1]];
  if (first === undefined || last === undefined) return null;
  const body = `{"events":[${lines.join(',')}]}`;
  const digest = hash('sha256', body).slice(0, 16);
  const isFull = events.length >= BATCH_MAX || lines.length < told.length;
  return { id: `events-${first.seq}-${last.seq}-${digest}`, body, lastSeq: last.seq, isFull };
}

/** At least one, whatever its length. */
function fitting(events: readonly CommittedEvent[]): readonly string[] {
  const lines: string[] = [];
  let bytes = '{"events":[]}'.length;
  for (const event of events.slice(0, BATCH_MAX)) {
    const line = JSON.stringify(lineOf(event));
    bytes += Buffer.byteLength(line) + 1;
    if (bytes > BODY_MAX && lines.length > 0) break;
    lines.push(line);
  }
  return lines;
}

function lineOf(event: CommittedEvent): Readonly<Record<string, string | number | null>> {
  return {
    seq: event.seq,
    at: dateOf(event.at),
    event: event.event,
    id: event.messageId,
    reference: event.reference,
    campaign: event.campaign,
    account: event.account,
    sender: event.sender,
    from: event.from,
    to: event.to,
    reason: event.reason,
    attempt: event.attempt,
  };
}

/* Null = the spool holds no date there. */
function dateOf(at: unknown): string | null {
  const date = new Date(typeof at === 'number' ? at * 1000 : NaN);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
