/** A message's story as steps in time order, each in one sentence. */
import { explainReceiptCode } from '../core/explain.ts';
import { reasonOf } from '../core/status-codes.ts';
import type { AttemptRow, EventRow, PartRow, ReceiptRow, Story } from '../spool/story.ts';

export interface Step {
  /** Unix seconds. */
  readonly at: number;
  readonly what: string;
}

/** From the insert on. Steps of one instant are in the order of cause and effect. */
export function stepsOf({ message, attempts, parts, receipts, events }: Story): readonly Step[] {
  const steps: Step[] = [
    { at: message.created_at, what: 'added' },
    ...attempts.flatMap((attempt) =>
      stepsOfAttempt(
        attempt,
        parts.filter((part) => part.attempt === attempt.number && part.status !== null),
      ),
    ),
    ...receipts.map((receipt) => receiptStep(receipt, parts)),
    ...events.map(eventStep),
  ];
  return steps.toSorted((a, b) => a.at - b.at);
}

function stepsOfAttempt(attempt: AttemptRow, parts: readonly PartRow[]): readonly Step[] {
  const doubles = attempt.follows === null ? '' : `, may double attempt ${attempt.follows}`;
  const began = { at: attempt.began_at, what: `attempt ${attempt.number} began${doubles}` };
  if (attempt.ended_at === null) return [began];
  const ended = { at: attempt.ended_at, what: endOf(attempt) };
  const at = attempt.ended_at;
  return [began, ended, ...parts.map((part) => ({ at, what: answerOf(part, parts.length) }))];
}

function endOf(attempt: AttemptRow): string {
  const { status } = attempt;
  const facts = [
    attempt.http_status === null ? null : `HTTP ${attempt.http_status}`,
    status === null ? null : `status ${status} ${reasonOf(status)}`,
    attempt.error_text === null ? null : `“${attempt.error_text}”`,
    attempt.trace_id === null ? null : `trace ${attempt.trace_id}`,
    attempt.route === null ? null : `route ${attempt.route} of the ${attempt.scope ?? 'message'}`,
  ].filter((fact) => fact !== null);
  return [`attempt ${attempt.number} ended`, ...facts].join(', ');
}

function answerOf(part: PartRow, count: number): string {
  const facts = [
    part.status === null ? null : `status ${part.status} ${reasonOf(part.status)}`,
    part.gateway_id === null ? null : `id ${part.gateway_id}`,
    part.price === null ? null : `${part.price} EUR`,
    part.network === null ? null : `network ${part.network}`,
  ].filter((fact) => fact !== null);
  return `part ${part.number} of ${count}: ${facts.join(', ')}`;
}

function receiptStep(receipt: ReceiptRow, parts: readonly PartRow[]): Step {
  const { attempt, code, status, price } = receipt;
  const part = parts.find(
    (one) => one.attempt === attempt && one.gateway_id === receipt.gateway_id,
  );
  const about = part === undefined ? 'a part' : `part ${part.number}`;
  const isAnswered = part !== undefined && part.status !== null;
  const facts = [
    `receipt for ${about} of attempt ${attempt ?? '?'}: ${status ?? 'no status'}`,
    code === null || code === 0 ? null : `code ${code} ${explainReceiptCode(code).name}`,
    isAnswered || receipt.gateway_id === null ? null : `id ${receipt.gateway_id}`,
    isAnswered || price === null ? null : `${price} EUR`,
  ].filter((fact) => fact !== null);
  return { at: receipt.received_at, what: facts.join(', ') };
}

function eventStep(event: EventRow): Step {
  const isMove = event.to_state !== null && event.to_state !== event.from_state;
  const move = isMove ? `${event.from_state ?? '?'} → ${event.to_state}` : event.event;
  return { at: event.at, what: event.reason === null ? move : `${move} (${event.reason})` };
}
