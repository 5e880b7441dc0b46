/** `show`: prints the whole story of a message, in the order of time, with the time between each step. */
import { Command } from 'commander';
import { escapeText } from '../../core/text/escape.ts';
import { explainReceiptCode } from '../../core/answer/explain.ts';
import { encode, isForgotten, type Encoded } from '../../core/message/parts.ts';
import { maskRecipient } from '../../core/text/recipient.ts';
import { reasonOf } from '../../core/codes/status-codes.ts';
import { CommandError } from '../../terminal/exit-codes.ts';
import type { MessageRow } from '../../spool/read/queries.ts';
import {
  messageRecordOf,
  type AttemptRecord,
  type EventRecord,
  type PartRecord,
  type ReceiptRecord,
  type MessageRecord,
} from '../../spool/read/message-record.ts';
import { print, printJson } from '../../terminal/print.ts';
import { right, tableOf, wrapped } from '../../terminal/table.ts';
import { localTime, timeSpan, withIsoTimes } from '../../terminal/times.ts';
import { encodedFields, encodedWords } from '../content-words.ts';
import { openToRead } from '../open-spool.ts';
import { parseId } from '../options/selection-options.ts';

export interface Shown {
  /** The whole recipient, not a masked one. */
  readonly full?: true;
  /** The text (and the body of a binary message) as well. */
  readonly text?: true;
}

interface ShowOptions extends Shown {
  readonly json?: true;
}

export function showCommand(): Command {
  return new Command('show')
    .summary('show what happened to a message')
    .description(
      'Shows one message: what was added, and everything that happened to it since, with the time ' +
        'between each step.',
    )
    .argument('<id>', 'id of the message', parseId)
    .option('--full', 'show the recipient in full')
    .option('--text', 'show the text')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExample:\n  $ sms-spoold show 41 --text')
    .action(show);
}

async function show(id: number, options: ShowOptions, command: Command): Promise<void> {
  using spool = openToRead(command);
  const story = messageRecordOf(spool.db, id);
  if (story === null) {
    throw new CommandError(`there is no message ${id} (never added, or pruned)`);
  }
  await (options.json ? printJson(storyJson(story, options)) : printStory(story, options));
}

async function printStory(story: MessageRecord, options: ShowOptions): Promise<void> {
  const steps = stepsOf(story).map(({ at, what }, index, all) => {
    const before = all[index - 1]?.at ?? null;
    const gap = before === null ? '' : `+${timeSpan(Math.max(0, at - before))}`;
    return [localTime(at), gap, what];
  });
  const columns = ['WHEN', right('AFTER'), wrapped('WHAT')];
  await print(`${fieldsOf(story.message, options)}\n\n${tableOf(columns, steps)}\n`);
}

function fieldsOf(row: MessageRow, shown: Shown): string {
  const encoded = encodedOf(row);
  const timeOf = (at: number | null): string | null => (at === null ? null : localTime(at));
  const throttled = row.throttles === 0 ? '' : `, throttled ${row.throttles}×`;
  const fields: readonly (readonly [string, string | number | null])[] = [
    ['message', row.id],
    ['state', row.reason === null ? row.state : `${row.state} (${row.reason})`],
    ['recipient', shown.full ? row.recipient : maskRecipient(row.recipient)],
    ['text', textOf(row, shown)],
    ['sender', row.sender],
    ['account', row.account],
    ['type', row.type],
    ['encoding', encoded === null ? null : encodedWords(encoded)],
    ['class', row.message_class],
    ['priority', row.priority],
    ['send at', timeOf(row.send_at)],
    ['expires at', timeOf(row.expires_at)],
    ['on uncertain', row.on_uncertain],
    ['reference', row.reference],
    ['campaign', row.campaign],
    ['key', row.idempotency_key],
    ['udh', row.udh],
    ['entity id', row.entity_id],
    ['content id', row.content_id],
    ['account ref', row.account_ref],
    ['attempts', `${row.attempts}${throttled}`],
    ['next attempt', timeOf(row.next_attempt_at)],
    ['parts', row.parts],
    ['price', row.price === null ? null : `${row.price} EUR`],
  ];
  return fields
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name.padEnd(13)} ${escapeText(String(value))}`)
    .join('\n');
}

/* Null = the text was forgotten. */
function encodedOf({ type, text, body, udh }: MessageRow): Encoded | null {
  return isForgotten({ text }) ? null : encode({ type, text, body, udh });
}

function textOf(row: MessageRow, shown: Shown): string | null {
  const text = row.text ?? row.body;
  if (text === null) return null;
  if (shown.text) return text.replaceAll(/[ \t\r\n]+/g, ' ');
  const unit = row.text === null ? 'hexadecimal digits' : 'characters';
  return `${Array.from(text).length} ${unit} (--text shows them)`;
}

/** The columns of CONTRACT.md §15, times in ISO-8601 UTC. Recipient and text are as guarded as in the tables. */
export function messageJson(row: MessageRow, shown: Shown): Readonly<Record<string, unknown>> {
  const { text, body, udh, ...rest } = row;
  return {
    ...withIsoTimes(rest, 'send_at', 'expires_at', 'created_at', 'next_attempt_at', 'updated_at'),
    recipient: shown.full ? row.recipient : maskRecipient(row.recipient),
    ...(shown.text ? { text, body, udh } : {}),
  };
}

function storyJson(story: MessageRecord, shown: Shown): Readonly<Record<string, unknown>> {
  const encoded = encodedOf(story.message);
  return {
    ...messageJson(story.message, shown),
    ...(encoded === null ? {} : encodedFields(encoded)),
    attempts_made: story.attempts.map((attempt) => withIsoTimes(attempt, 'began_at', 'ended_at')),
    parts_answered: story.parts.map((part) => withIsoTimes(part, 'receipt_at')),
    receipts: story.receipts.map((receipt) => withIsoTimes(receipt, 'received_at')),
    events: story.events.map((event) => withIsoTimes(event, 'at')),
  };
}

interface StoryStep {
  /** Unix seconds. */
  readonly at: number;
  readonly what: string;
}

/** From the insert on. Steps of one instant are in the order of cause and effect. */
function stepsOf({
  message,
  attempts,
  parts,
  receipts,
  events,
}: MessageRecord): readonly StoryStep[] {
  const steps: StoryStep[] = [
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

function stepsOfAttempt(
  attempt: AttemptRecord,
  parts: readonly PartRecord[],
): readonly StoryStep[] {
  const doubles = attempt.follows === null ? '' : `, may double attempt ${attempt.follows}`;
  const began = { at: attempt.began_at, what: `attempt ${attempt.number} began${doubles}` };
  if (attempt.ended_at === null) return [began];
  const ended = { at: attempt.ended_at, what: endOf(attempt) };
  const at = attempt.ended_at;
  return [began, ended, ...parts.map((part) => ({ at, what: answerOf(part, parts.length) }))];
}

function endOf(attempt: AttemptRecord): string {
  const { status } = attempt;
  return listOf(
    `attempt ${attempt.number} ended`,
    attempt.http_status === null ? null : `HTTP ${attempt.http_status}`,
    status === null ? null : `status ${status} ${reasonOf(status)}`,
    attempt.error_text === null ? null : `“${attempt.error_text}”`,
    attempt.trace_id === null ? null : `trace ${attempt.trace_id}`,
    attempt.route === null ? null : `route ${attempt.route} of the ${attempt.scope ?? 'message'}`,
  );
}

function answerOf(part: PartRecord, count: number): string {
  const facts = listOf(
    part.status === null ? null : `status ${part.status} ${reasonOf(part.status)}`,
    part.gateway_id === null ? null : `id ${part.gateway_id}`,
    part.price === null ? null : `${part.price} EUR`,
    part.network === null ? null : `network ${part.network}`,
  );
  return `part ${part.number} of ${count}: ${facts}`;
}

function receiptStep(receipt: ReceiptRecord, parts: readonly PartRecord[]): StoryStep {
  const { attempt, code, status, price } = receipt;
  const part = parts.find(
    (one) => one.attempt === attempt && one.gateway_id === receipt.gateway_id,
  );
  const about = part === undefined ? 'a part' : `part ${part.number}`;
  const isAnswered = part !== undefined && part.status !== null;
  const what = listOf(
    `receipt for ${about} of attempt ${attempt ?? '?'}: ${status ?? 'no status'}`,
    code === null || code === 0 ? null : `code ${code} ${explainReceiptCode(code).name}`,
    isAnswered || receipt.gateway_id === null ? null : `id ${receipt.gateway_id}`,
    isAnswered || price === null ? null : `${price} EUR`,
  );
  return { at: receipt.received_at, what };
}

function listOf(...facts: readonly (string | null)[]): string {
  return facts.filter((fact) => fact !== null).join(', ');
}

function eventStep(event: EventRecord): StoryStep {
  const isMove = event.to_state !== null && event.to_state !== event.from_state;
  const move = isMove ? `${event.from_state ?? '?'} → ${event.to_state}` : event.event;
  return { at: event.at, what: event.reason === null ? move : `${move} (${event.reason})` };
}
