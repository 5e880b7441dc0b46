/** `show`: one message's whole story, in time order, with the time between each step. */
import { Command, InvalidArgumentError } from 'commander';
import { escapeText } from '../core/escape.ts';
import { isForgotten } from '../core/forgotten.ts';
import { maskRecipient } from '../core/mask.ts';
import { encode, type Encoded } from '../core/parts.ts';
import { CommandError } from '../exit-codes.ts';
import type { MessageRow } from '../spool/queries.ts';
import { storyOf, type Story } from '../spool/story.ts';
import { print, printJson } from '../terminal/print.ts';
import { tableOf } from '../terminal/table.ts';
import { isoTime, localTime, timeSpan } from '../terminal/times.ts';
import { encodedFields, encodedWords } from './content-words.ts';
import { messageJson, type Shown } from './message-json.ts';
import { openToRead } from './opened.ts';
import { stepsOf } from './steps.ts';

interface ShowOptions {
  readonly full?: true;
  readonly text?: true;
  readonly json?: true;
}

export function showCommand(): Command {
  return new Command('show')
    .summary('one message’s whole story')
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

/** A message id on the command line. */
export function parseId(value: string): number {
  if (!/^[1-9]\d{0,15}$/.test(value)) {
    throw new InvalidArgumentError('Expected the id of a message, a whole number.');
  }
  return Number(value);
}

async function show(id: number, options: ShowOptions, command: Command): Promise<void> {
  using spool = openToRead(command);
  const story = storyOf(spool.db, id);
  if (story === null) {
    throw new CommandError(`there is no message ${id} (never added, or pruned)`);
  }
  const shown = { full: options.full ?? false, text: options.text ?? false };
  if (options.json) {
    await printJson(storyJson(story, shown));
    return;
  }
  const steps = stepsOf(story).map(({ at, what }, index, all) => [
    localTime(at),
    gap(at, all[index - 1]?.at ?? null),
    what,
  ]);
  const columns = [
    { head: 'WHEN' },
    { head: 'AFTER', align: 'right' },
    { head: 'WHAT', fit: 'wrap' },
  ] as const;
  await print(`${fieldsOf(story.message, shown)}\n\n${tableOf(columns, steps)}\n`);
}

function gap(at: number, before: number | null): string {
  return before === null ? '' : `+${timeSpan(Math.max(0, at - before))}`;
}

function fieldsOf(row: MessageRow, shown: Shown): string {
  const fields: readonly (readonly [string, string | number | null])[] = [
    ['message', row.id],
    ['state', row.reason === null ? row.state : `${row.state} (${row.reason})`],
    ['recipient', shown.full ? row.recipient : maskRecipient(row.recipient)],
    ['text', textOf(row, shown)],
    ['sender', row.sender],
    ['account', row.account],
    ['type', row.type],
    ['encoding', encodingOf(row)],
    ['class', row.message_class],
    ['priority', row.priority],
    ['send at', row.send_at === null ? null : localTime(row.send_at)],
    ['expires at', row.expires_at === null ? null : localTime(row.expires_at)],
    ['on uncertain', row.on_uncertain],
    ['reference', row.reference],
    ['campaign', row.campaign],
    ['key', row.idempotency_key],
    ['udh', row.udh],
    ['entity id', row.entity_id],
    ['content id', row.content_id],
    ['account ref', row.account_ref],
    [
      'attempts',
      row.throttles === 0 ? row.attempts : `${row.attempts}, throttled ${row.throttles}×`,
    ],
    ['next attempt', row.next_attempt_at === null ? null : localTime(row.next_attempt_at)],
    ['parts', row.parts],
    ['price', row.price === null ? null : `${row.price} EUR`],
  ];
  return fields
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name.padEnd(13)} ${escapeText(String(value))}`)
    .join('\n');
}

/* Unknown if the text was forgotten. */
function encodedOf({ type, text, body, udh }: MessageRow): Encoded | null {
  return isForgotten({ text }) ? null : encode({ type, text, body, udh });
}

function encodingOf(row: MessageRow): string | null {
  const encoded = encodedOf(row);
  return encoded === null ? null : encodedWords(encoded);
}

function textOf(row: MessageRow, shown: Shown): string | null {
  const text = row.text ?? row.body;
  if (text === null) return null;
  if (shown.text) return text.replaceAll(/[ \t\r\n]+/g, ' ');
  const unit = row.text === null ? 'hexadecimal digits' : 'characters';
  return `${Array.from(text).length} ${unit} (--text shows them)`;
}

function storyJson(story: Story, shown: Shown): Readonly<Record<string, unknown>> {
  const encoded = encodedOf(story.message);
  return {
    ...messageJson(story.message, shown),
    ...(encoded === null ? {} : encodedFields(encoded)),
    attempts_made: story.attempts.map((attempt) => ({
      ...attempt,
      began_at: isoTime(attempt.began_at),
      ended_at: isoTime(attempt.ended_at),
    })),
    parts_answered: story.parts.map((part) => ({ ...part, receipt_at: isoTime(part.receipt_at) })),
    receipts: story.receipts.map((receipt) => ({
      ...receipt,
      received_at: isoTime(receipt.received_at),
    })),
    events: story.events.map((event) => ({ ...event, at: isoTime(event.at) })),
  };
}
