/** `suppress` adds recipients to the suppression list, `unsuppress` removes them, `suppressed` shows the list. */
import { Command, InvalidArgumentError } from 'commander';
import {
  RECIPIENT_EXPECTED,
  comparedForm,
  internationalForm,
  maskRecipient,
} from '../../core/text/recipient.ts';
import { UsageError } from '../../terminal/exit-codes.ts';
import { Suppressions, type Suppression } from '../../spool/write/suppressions.ts';
import { print, printJson, printLine } from '../../terminal/print.ts';
import { cut, tableOf } from '../../terminal/table.ts';
import { isoTime, localTime, withIsoTimes } from '../../terminal/times.ts';
import { openToRead, openToWrite } from '../open-spool.ts';
import { checkTableLimit, withLimit } from '../options/selection-options.ts';

const SHOWN_MAX = 60;

interface SuppressOptions {
  readonly reason: string;
  readonly json?: true;
}

export function suppressCommand(): Command {
  return withRecipients('suppress')
    .summary('never send to a recipient')
    .description(
      'Puts recipients on the list of those not to be sent to. A message to one of them fails with the ' +
        'reason suppressed when its turn comes, and costs nothing; what is being sent already goes on. A ' +
        'recipient that is on the list stays there with its first reason.',
    )
    .option('--reason <text>', 'why, for whoever reads the list', parseReason, 'operator')
    .addHelpText(
      'after',
      "\nExample:\n  $ sms-spoold suppress 447700900000 447700900001 --reason 'asked by phone'",
    )
    .action(suppress);
}

function withRecipients(name: string): Command {
  return new Command(name)
    .argument('<number...>', 'recipients in international form, with or without + or 00')
    .option('--json', 'one JSON document a recipient');
}

function parseReason(value: string): string {
  if (value.trim() === '') throw new InvalidArgumentError('Expected a text.');
  return value;
}

async function suppress(
  numbers: readonly string[],
  { reason, json }: SuppressOptions,
  command: Command,
): Promise<void> {
  const recipients = recipientsAsked(numbers);
  using spool = openToWrite(command);
  const list = new Suppressions(spool.db);
  const now = Date.now() / 1000;
  const all = spool.db.transaction(() =>
    recipients.map((recipient) => {
      const before = list.find(recipient);
      if (before === null) list.add(recipient, reason, now);
      return { recipient, before };
    }),
  );
  for (const { recipient, before } of all.immediate()) {
    const { reason: why, since } = before ?? { reason, since: now };
    const document = { recipient, reason: why, since: isoTime(since), added: before === null };
    await (json ? printJson(document) : printLine(sentenceOf(recipient, before)));
  }
}

function sentenceOf(recipient: string, before: Suppression | null): string {
  if (before === null) return `${recipient}: suppressed`;
  const why = before.reason === null ? '' : ` (${before.reason})`;
  return `${recipient}: already on the list since ${localTime(before.since)}${why}`;
}

export function unsuppressCommand(): Command {
  return withRecipients('unsuppress')
    .summary('send to a recipient again')
    .description(
      'Takes recipients off the list of those not to be sent to. Messages that failed meanwhile stay as ' +
        'they are; requeue sends them.',
    )
    .addHelpText('after', '\nExample:\n  $ sms-spoold unsuppress 447700900000')
    .action(unsuppress);
}

async function unsuppress(
  numbers: readonly string[],
  options: { readonly json?: true },
  command: Command,
): Promise<void> {
  using spool = openToWrite(command);
  const list = new Suppressions(spool.db);
  const recipients = recipientsAsked(numbers, (written) => list.has(written));
  const all = spool.db.transaction(() =>
    recipients.map((recipient) => ({ recipient, removed: list.remove(recipient) })),
  );
  for (const done of all.immediate()) {
    const what = done.removed ? 'no longer suppressed' : 'was not on the list';
    await (options.json ? printJson(done) : printLine(`${done.recipient}: ${what}`));
  }
}

/*
 * The recipients in their international form, each once, in the order given. Throws UsageError with those that are
 * none. One that `isListed` may also be given as it is written.
 */
function recipientsAsked(
  given: readonly string[],
  isListed: (written: string) => boolean = () => false,
): readonly string[] {
  const wrong = given.filter((value) => internationalForm(value) === null && !isListed(value));
  if (wrong.length > 0) {
    const names = wrong.slice(0, 3).map(shown).join(', ');
    const more = wrong.length > 3 ? ` and ${wrong.length - 3} more` : '';
    throw new UsageError(`number: expected ${RECIPIENT_EXPECTED}; found ${names}${more}`);
  }
  return [...new Set(given.map(comparedForm))];
}

function shown(value: string): string {
  return JSON.stringify(value.length > SHOWN_MAX ? `${value.slice(0, SHOWN_MAX - 1)}…` : value);
}

interface SuppressedOptions {
  readonly limit: number;
  readonly full?: true;
  readonly json?: true;
}

/** Large, because each page reads the whole list, which has no index by date. */
const PAGE = 50_000;

export function suppressedCommand(): Command {
  const command = new Command('suppressed')
    .summary('list the recipients that are not sent to')
    .description(
      'Lists the recipients that are not to be sent to, newest first: those that suppress put there, and ' +
        'those that the gateway or a carrier said cannot be reached or want no messages.',
    );
  return withLimit(command)
    .option('--full', 'show recipients in full')
    .option('--json', 'one JSON document a line')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  $ sms-spoold suppressed --limit 100\n' +
        '  $ sms-spoold suppressed --limit 1000000 --json --full',
    )
    .action(suppressed);
}

async function suppressed(options: SuppressedOptions, command: Command): Promise<void> {
  if (!options.json) checkTableLimit(options.limit, 'recipients');
  using spool = openToRead(command);
  const rows = newest(new Suppressions(spool.db), options.limit);
  const shown = ({ recipient }: Suppression): string =>
    options.full ? recipient : maskRecipient(recipient);
  if (options.json) {
    for (const row of rows)
      await printJson({ ...withIsoTimes(row, 'since'), recipient: shown(row) });
    return;
  }
  const cells = Array.from(rows, (row) => [shown(row), localTime(row.since), row.reason ?? '']);
  await print(
    cells.length === 0
      ? 'No recipient is suppressed.\n'
      : `${tableOf(['RECIPIENT', 'SINCE', cut('REASON')], cells)}\n`,
  );
}

/* In pages, so that a slow reader of the output holds no read transaction. */
function* newest(list: Suppressions, limit: number): Generator<Suppression, void, undefined> {
  let after: Suppression | null = null;
  for (let left = limit; left > 0;) {
    const page: readonly Suppression[] = list.list({ limit: Math.min(PAGE, left), after });
    yield* page;
    left -= page.length;
    after = page.at(-1) ?? null;
    if (after === null) return;
  }
}
