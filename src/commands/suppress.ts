/** `suppress`: recipients that are not to be sent to. */
import { Command, InvalidArgumentError } from 'commander';
import { Suppressions, type Suppression } from '../spool/suppressions.ts';
import { printJson, printLine } from '../terminal/print.ts';
import { isoTime, localTime } from '../terminal/times.ts';
import { openToWrite } from './opened.ts';
import { recipientsAsked } from './recipients-asked.ts';

interface SuppressOptions {
  readonly reason: string;
  readonly json?: true;
}

export function suppressCommand(): Command {
  return new Command('suppress')
    .summary('never send to a recipient')
    .description(
      'Puts recipients on the list of those not to be sent to. A message to one of them fails with the ' +
        'reason suppressed when its turn comes, and costs nothing; what is being sent already goes on. A ' +
        'recipient that is on the list stays there with its first reason.',
    )
    .argument('<number...>', 'recipients in international form, with or without + or 00')
    .option('--reason <text>', 'why, for whoever reads the list', parseReason, 'operator')
    .option('--json', 'one JSON document a recipient')
    .addHelpText(
      'after',
      "\nExample:\n  $ sms-spoold suppress 447700900000 447700900001 --reason 'asked by phone'",
    )
    .action(suppress);
}

function parseReason(value: string): string {
  if (value.trim() === '') throw new InvalidArgumentError('Expected a text.');
  return value;
}

async function suppress(
  numbers: readonly string[],
  options: SuppressOptions,
  command: Command,
): Promise<void> {
  const recipients = recipientsAsked(numbers);
  using spool = openToWrite(command);
  const list = new Suppressions(spool.db);
  const now = Date.now() / 1000;
  const all = spool.db.transaction(() =>
    recipients.map((recipient) => {
      const before = list.find(recipient);
      if (before === null) list.add(recipient, options.reason, now);
      return { recipient, before };
    }),
  );
  for (const { recipient, before } of all.immediate()) {
    const { reason, since } = before ?? { reason: options.reason, since: now };
    const document = { recipient, reason, since: isoTime(since), added: before === null };
    await (options.json ? printJson(document) : printLine(sentenceOf(recipient, before)));
  }
}

function sentenceOf(recipient: string, before: Suppression | null): string {
  if (before === null) return `${recipient}: suppressed`;
  const why = before.reason === null ? '' : ` (${before.reason})`;
  return `${recipient}: already on the list since ${localTime(before.since)}${why}`;
}
