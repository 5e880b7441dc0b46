/**
 * Collects the facts of the finished demo from the spool, with the application's connection, and from the gateway's
 * ledger.
 */
import type { State } from '../core/message/message.ts';
import type { SandboxLedger, LedgerCounters, LedgerEntry } from '../sandbox/sandbox-ledger.ts';
import type { Database } from '../spool/file/open.ts';
import {
  audit,
  type AcceptedRequest,
  type Audit,
  type AuditedAttempt,
  type AuditedMessage,
} from './audit.ts';
import { receiptFactsOf, type ReceiptFacts } from './receipt-facts.ts';
import { BULK_REFERENCE, URGENT_ROW } from './samples.ts';

export interface DemoFacts extends Audit {
  readonly states: ReadonlyMap<State, number>;
  /** State → its messages by reason, the most frequent first. */
  readonly reasons: ReadonlyMap<State, ReadonlyMap<string, number>>;
  readonly messages: number;
  /** EUR, of all messages. */
  readonly price: number;
  /** Messages that were throttled, retried, of several parts, accepted in part, refused as suppressed. */
  readonly throttled: number;
  readonly retried: number;
  readonly multipart: number;
  readonly inPart: number;
  readonly suppressed: number;
  /** Messages that were uncertain, and of those: settled by a receipt, sent again, held to the end. */
  readonly uncertain: number;
  readonly settled: number;
  readonly resent: number;
  readonly held: number;
  readonly receipts: ReceiptFacts;
  /** Milliseconds from INSERT to answer of the message that overtook the backlog; null = never answered. */
  readonly urgentMs: number | null;
  /** Requests at the gateway. */
  readonly gateway: GatewayCounts;
  /** Requests a second while there was a backlog, and how long that was; null = there was none. */
  readonly pace: { readonly perSecond: number; readonly seconds: number } | null;
}

export interface GatewayCounts {
  readonly requests: number;
  readonly accepted: number;
  /** Accepted requests without an answer. */
  readonly untold: number;
  readonly throttled: number;
  readonly refused: number;
  /** Failed with a fault, not accepted. */
  readonly failed: number;
}

interface DemoMessage extends AuditedMessage {
  readonly reason: string | null;
  readonly throttles: number;
  /** A receipt proved that it had been accepted. */
  readonly isSettled: 0 | 1;
  readonly parts: number | null;
  readonly created_at: number;
}

interface DemoAttempt extends AuditedAttempt {
  readonly began_at: number;
  readonly ended_at: number | null;
  readonly route: string | null;
  readonly scope: string | null;
}

/** Reads both and compares them; `inserted` are the ids that the application got. */
export function factsOf(
  db: Database,
  ledger: SandboxLedger,
  inserted: readonly number[],
): DemoFacts {
  const messages = db
    .prepare<[], DemoMessage>(
      `SELECT id, reference, state, reason, throttles, parts, price, created_at,
         (SELECT count(*) FROM events WHERE message_id = messages.id AND event = 'message.duplicate')
           AS duplicates,
         EXISTS (SELECT 1 FROM events WHERE message_id = messages.id AND from_state = 'uncertain'
           AND to_state IN ('await-receipt', 'delivered', 'undelivered')) AS isSettled
       FROM messages`,
    )
    .all();
  const attempts = db
    .prepare<[], DemoAttempt>(
      `SELECT message_id, number, client_ref, follows, began_at, ended_at, route, scope FROM attempts
       WHERE route IS NOT 'not-sent' ORDER BY began_at, message_id, number`,
    )
    .all();
  const accepted = ledger.entries().map(acceptedRequest);
  return {
    ...audit({ inserted, messages, attempts, accepted }),
    ...eventCounts(messages, attempts),
    messages: messages.length,
    price: messages.reduce((sum, { price }) => sum + (price ?? 0), 0),
    receipts: receiptFactsOf(db, ledger),
    gateway: gatewayCounts(ledger.counters),
    pace: paceOf(messages, attempts),
  };
}

function acceptedRequest({
  clientRef,
  words,
  parts,
  partsRefused,
  price,
}: LedgerEntry): AcceptedRequest {
  const isDelivered = partsRefused === 0 && words.at(-1) === 'delivered';
  return { clientRef, isDelivered, price: Number(price) * parts };
}

function eventCounts(messages: readonly DemoMessage[], attempts: readonly DemoAttempt[]) {
  const byState = Map.groupBy(messages, ({ state }) => state);
  const uncertain = new Set(idsOf(attempts, ({ route }) => route === 'uncertain'));
  const marked = new Set(idsOf(attempts, ({ follows }) => follows !== null));
  return {
    states: new Map([...byState].map(([state, own]) => [state, own.length])),
    reasons: new Map([...byState].map(([state, own]) => [state, countReasons(own)])),
    throttled: messages.filter(({ throttles }) => throttles > 0).length,
    retried: new Set(
      idsOf(attempts, ({ route, scope }) => route === 'retry' && scope === 'message'),
    ).size,
    suppressed: messages.filter(({ reason }) => reason === 'suppressed').length,
    uncertain: uncertain.size,
    settled: messages.filter(({ isSettled }) => isSettled === 1).length,
    resent: [...uncertain].filter((id) => marked.has(id)).length,
    held: messages.filter(({ reason }) => reason === 'unanswered').length,
    multipart: messages.filter(({ parts }) => (parts ?? 0) > 1).length,
    inPart: messages.filter(({ reason }) => reason === 'accepted-in-part').length,
    urgentMs: urgentMs(messages, attempts),
  };
}

function countReasons(messages: readonly DemoMessage[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { reason } of messages) counts.set(reason ?? '', (counts.get(reason ?? '') ?? 0) + 1);
  return new Map([...counts].toSorted(([, a], [, b]) => b - a));
}

function idsOf(
  attempts: readonly DemoAttempt[],
  isMeant: (attempt: DemoAttempt) => boolean,
): number[] {
  return attempts.filter(isMeant).map((attempt) => attempt.message_id);
}

function urgentMs(
  messages: readonly DemoMessage[],
  attempts: readonly DemoAttempt[],
): number | null {
  const message = messages.find(({ reference }) => reference === URGENT_ROW.reference);
  const attempt = attempts.find(({ message_id }) => message_id === message?.id);
  const endedAt = attempt?.ended_at ?? null;
  return message === undefined || endedAt === null ? null : (endedAt - message.created_at) * 1000;
}

function gatewayCounts(counters: LedgerCounters): GatewayCounts {
  const refused = Object.values(counters.refused).reduce((sum, count) => sum + count, 0);
  return {
    requests: counters.requests,
    accepted: counters.accepted,
    untold: counters.acceptedUnanswered,
    throttled: counters.throttledByAccount + counters.throttledBySender,
    refused,
    failed: counters.notTaken,
  };
}

/* From the first request to the last first attempt of the backlog, messages were waiting all the time. */
function paceOf(
  messages: readonly DemoMessage[],
  attempts: readonly DemoAttempt[],
): DemoFacts['pace'] {
  const bulk = new Set(
    messages.filter(({ reference }) => reference?.startsWith(BULK_REFERENCE)).map(({ id }) => id),
  );
  const last = attempts.findLast((attempt) => attempt.number === 1 && bulk.has(attempt.message_id));
  const [first] = attempts;
  if (first === undefined || last === undefined || last.began_at <= first.began_at) return null;
  const count = attempts.filter(({ began_at }) => began_at <= last.began_at).length;
  const seconds = last.began_at - first.began_at;
  return { perSecond: (count - 1) / seconds, seconds };
}
