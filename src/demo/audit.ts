/**
 * Compares the spool with the gateway's own ledger: every message must have been sent as often as promised, and the
 * spool must know its result and its price.
 *
 * Pure: it reads neither, so that a test can give it a wrong spool. A message may have been accepted more than once only
 * where the later attempt is marked as one that may double an earlier one (`follows`).
 */
import type { State } from '../core/message/message.ts';

export interface AuditedMessage {
  readonly id: number;
  readonly reference: string | null;
  readonly state: State;
  /** EUR; null = nothing of it was accepted. */
  readonly price: number | null;
  /** Number of `message.duplicate` events: acceptances after the first. */
  readonly duplicates: number;
}

export interface AuditedAttempt {
  readonly message_id: number;
  readonly number: number;
  readonly client_ref: string;
  readonly follows: number | null;
}

export interface AuditInput {
  /** Ids that the application got at INSERT. */
  readonly inserted: readonly number[];
  readonly messages: readonly AuditedMessage[];
  readonly attempts: readonly AuditedAttempt[];
  /** What the gateway accepted, in its order. */
  readonly accepted: readonly AcceptedRequest[];
}

/** A request that the gateway accepted, whole or in part. */
export interface AcceptedRequest {
  readonly clientRef: string | null;
  /** All its parts were delivered, as the receipts say or will say. */
  readonly isDelivered: boolean;
  /** EUR, of all parts that were accepted. */
  readonly price: number;
}

export interface Audit {
  /** Broken promises, each a sentence; empty = none. */
  readonly problems: readonly string[];
  /** Messages accepted exactly once. */
  readonly once: number;
  /** References or ids of messages accepted more often, every time but the first marked. */
  readonly doubled: readonly string[];
}

const MUST_BE_ACCEPTED: ReadonlySet<State> = new Set(['await-receipt', 'delivered', 'undelivered']);
const MUST_NOT_BE_ACCEPTED: ReadonlySet<State> = new Set([
  'permanent-failure',
  'expired',
  'cancelled',
]);
const UNFINISHED: ReadonlySet<State> = new Set([
  'queued',
  'retry',
  'sending',
  'uncertain',
  'await-receipt',
]);
/** EUR; the smallest price has eight decimals. */
const SAME_PRICE = 5e-9;

/** An attempt that the gateway accepted. */
interface AcceptedAttempt extends AuditedAttempt, AcceptedRequest {}

/** Compares the inserted ids, the spool and the accepted requests. */
export function audit(input: AuditInput): Audit {
  const attempts = new Map(input.attempts.map((attempt) => [attempt.client_ref, attempt]));
  const accepted = Map.groupBy(
    input.accepted.flatMap((request): AcceptedAttempt[] => {
      const attempt = attempts.get(request.clientRef ?? '');
      return attempt === undefined ? [] : [{ ...attempt, ...request }];
    }),
    (attempt) => attempt.message_id,
  );
  const problems = [...lost(input), ...strange(input.accepted, attempts)];
  const doubled: string[] = [];
  let once = 0;
  for (const message of input.messages) {
    const taken = accepted.get(message.id) ?? [];
    problems.push(...judgeSends(message, taken), ...judgeResult(message, taken));
    if (taken.length === 1) once += 1;
    if (taken.length > 1) doubled.push(nameOf(message));
  }
  return { problems, once, doubled };
}

/** 'order-7', or '#7' where the application gave no reference. */
export function nameOf({ id, reference }: Pick<AuditedMessage, 'id' | 'reference'>): string {
  return reference ?? `#${id}`;
}

function lost({ inserted, messages }: AuditInput): string[] {
  const present = new Set(messages.map((message) => message.id));
  return inserted
    .filter((id) => !present.has(id))
    .map((id) => `message ${id} is lost: its row is gone`);
}

function strange(
  accepted: AuditInput['accepted'],
  attempts: ReadonlyMap<string, AuditedAttempt>,
): string[] {
  const seen = new Set<string>();
  return accepted.flatMap(({ clientRef }) => {
    const attempt = attempts.get(clientRef ?? '');
    if (attempt === undefined)
      return ['the gateway accepted a request without an attempt in the spool'];
    if (seen.has(attempt.client_ref))
      return [`attempt ${attempt.number} of message ${attempt.message_id} left twice`];
    seen.add(attempt.client_ref);
    return [];
  });
}

/* Checks that it was sent as often as promised. */
function judgeSends(message: AuditedMessage, taken: readonly AcceptedAttempt[]): string[] {
  const name = nameOf(message);
  const { state } = message;
  const problems: string[] = [];
  if (UNFINISHED.has(state)) problems.push(`${name} is stuck in ${state}`);
  if (MUST_BE_ACCEPTED.has(state) && taken.length === 0) {
    problems.push(`${name} is ${state}, but the gateway never accepted it`);
  }
  if (MUST_NOT_BE_ACCEPTED.has(state) && taken.length > 0) {
    problems.push(`${name} is ${state}, but the gateway accepted it`);
  }
  const [, ...later] = taken.toSorted((a, b) => a.number - b.number);
  if (later.some((attempt) => attempt.follows === null)) {
    problems.push(
      `${name} was accepted ${taken.length} times and is not marked as a possible duplicate`,
    );
  }
  return problems;
}

/* Checks that the spool knows its result; an unfinished one has none. */
function judgeResult(message: AuditedMessage, taken: readonly AcceptedAttempt[]): string[] {
  const { state, duplicates } = message;
  if (UNFINISHED.has(state)) return [];
  const name = nameOf(message);
  const problems: string[] = [];
  const isDelivered = taken.some((request) => request.isDelivered);
  if (isDelivered && state !== 'delivered')
    problems.push(`${name} is ${state}, but the gateway delivered it`);
  if (!isDelivered && state === 'delivered')
    problems.push(`${name} is delivered, but the gateway did not deliver it`);
  const more = Math.max(0, taken.length - 1);
  if (duplicates !== more)
    problems.push(`${name} was doubled ${more} times, and the spool counts ${duplicates}`);
  const price = taken.reduce((sum, request) => sum + request.price, 0);
  const known = message.price ?? 0;
  if (Math.abs(price - known) >= SAME_PRICE)
    problems.push(`${name} cost ${price.toFixed(4)} EUR, and the spool says ${known.toFixed(4)}`);
  return problems;
}
