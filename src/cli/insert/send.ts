/**
 * `send`: adds one row. The text may come from standard input, so that it is not in `ps`. The constraints of the spool
 * check the values, as for any other program.
 */
import { Command, Option } from 'commander';
import { encode } from '../../core/message/parts.ts';
import { INSTANTS } from './csv-columns.ts';
import { CommandError, UsageError } from '../../terminal/exit-codes.ts';
import { refusalOf } from '../../spool/schema/constraints.ts';
import {
  APPLICATION_COLUMNS,
  dropInto,
  type ApplicationColumn,
  type DropRow,
} from '../../spool/write/insert.ts';
import { userOfKey } from '../../spool/read/queries.ts';
import { Trial } from '../../spool/write/trial-rows.ts';
import { printJson, printLine, say } from '../../terminal/print.ts';
import { INSTANT_FORMS, parseInstant } from '../../terminal/times.ts';
import {
  contentOf,
  contentProblem,
  encodedFields,
  encodedWords,
  isNotable,
} from '../content-words.ts';
import { rowWarnings, warn } from '../options/name-warnings.ts';
import { openToWrite, type OpenedSpool } from '../open-spool.ts';

type SendOptions = Readonly<Record<string, string | boolean | undefined>>;

/** More than any text the spool takes. */
const INPUT_MAX_BYTES = 65_536;

export function sendCommand(): Command {
  const type = new Option('--type <type>', 'kind of message');
  const uncertain = new Option('--on-uncertain <policy>', 'when nobody knows if it was accepted');
  return new Command('send')
    .summary('add one message')
    .description(
      'Adds one message to the spool and prints its id. Without TEXT the text is read from standard ' +
        'input, so that it is not seen in ps. The daemon need not run.',
    )
    .argument('<to>', 'recipient: international, with its country code, with or without + or 00')
    .argument('[text]', 'the text; left out: read from standard input')
    .option('--sender <sender>', 'sender; left out: the default of the account')
    .option('--account <name>', 'account; left out: the default account')
    .addOption(suggesting(type, ['auto', 'text', 'unicode', 'binary'], 'auto'))
    .option('--body <hex>', 'content of a binary message')
    .option('--udh <hex>', 'user data header of a binary message')
    .option('--message-class <0-3>', 'message class; 0 is shown at once and not kept')
    .option('--priority <0-9>', 'larger goes first (default: 4)')
    .option('--send-at <time>', 'not before this time')
    .option('--expires-at <time>', 'not after this time')
    .addOption(suggesting(uncertain, ['resend', 'hold'], 'as configured'))
    .option('--reference <text>', 'your own reference; shown everywhere, never sent')
    .option('--campaign <name>', 'groups messages for listing and cancelling')
    .option('--key <key>', 'idempotency key: a second message with it is refused')
    .option('--entity-id <id>', 'entity id (DLT)')
    .option('--content-id <id>', 'template id (DLT)')
    .option('--account-ref <text>', 'reference for billing')
    .option('--dry-run', 'say what it would become; add nothing')
    .option('--json', 'print {"id":…} instead of the bare id')
    .addHelpText('after', HELP)
    .action(send);
}

/* For the help and completion only: the constraints of the spool check the value. */
function suggesting(option: Option, argChoices: string[], defaultValueDescription: string): Option {
  return Object.assign(option, { argChoices, defaultValueDescription });
}

const HELP = `
A <time> is ISO-8601 (local time unless it has a zone), Unix seconds, or +10m
from now.

Examples:
  $ sms-spoold send 447700900000 'Your table is ready'
  $ sms-spoold send 447700900000 --sender AcmeInc --send-at +10m < text.txt`;

async function send(
  to: string,
  text: string | undefined,
  options: SendOptions,
  command: Command,
): Promise<void> {
  const row = rowOf(to, options);
  const given = text ?? (options['body'] === undefined ? await readInput() : undefined);
  const whole = given === undefined ? row : { ...row, text: given };
  const problem = contentProblem(contentOf(whole));
  if (problem !== null) throw new CommandError(problem);
  using spool = openToWrite(command);
  for (const warning of rowWarnings(spool, Date.now())(whole)) warn(warning);
  const encoded = encode(contentOf(whole));
  const isJson = options['json'] === true;
  if (options['dryRun'] === true) {
    judge(whole);
    await (isJson ? printJson(encodedFields(encoded)) : printLine(encodedWords(encoded)));
    return;
  }
  if (isNotable(encoded)) say(encodedWords(encoded));
  const id = drop(spool, whole);
  await (isJson ? printJson({ id }) : printLine(String(id)));
}

/* Without a spool: whether its key was used is not known. */
function judge(row: DropRow): void {
  using trial = new Trial();
  const judged = trial.judge(row);
  if ('refusal' in judged) throw new CommandError(judged.refusal.sentence);
}

function rowOf(to: string, options: SendOptions): DropRow {
  const row: Partial<Record<ApplicationColumn, string | number>> = { recipient: to };
  const nowMs = Date.now();
  for (const column of APPLICATION_COLUMNS) {
    const value = options[optionOf(column)];
    if (typeof value !== 'string') continue;
    row[column] = INSTANTS.has(column) ? instantOf(value, column, nowMs) : value;
  }
  return row;
}

/* As commander names it: messageClass for message_class. */
function optionOf(column: ApplicationColumn): string {
  if (column === 'idempotency_key') return 'key';
  return column.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function instantOf(text: string, column: string, nowMs: number): number {
  const instant = parseInstant(text, nowMs);
  if (instant !== null) return instant;
  const option = `--${column.replace('_', '-')}`;
  throw new UsageError(`${option}: expected ${INSTANT_FORMS}; found ${JSON.stringify(text)}`);
}

function drop({ db }: OpenedSpool, row: DropRow): number {
  try {
    return dropInto(db)(row);
  } catch (error) {
    const refusal = refusalOf(error, row);
    if (refusal === null) throw error;
    const key = row.idempotency_key;
    const user = key === undefined ? null : userOfKey(db, String(key));
    const isUsed = refusal.constraint === 'idempotency_key_is_used_once' && user !== null;
    throw new CommandError(`${refusal.sentence}${isUsed ? ` (message ${user} has it)` : ''}`);
  }
}

async function readInput(): Promise<string> {
  if (process.stdin.isTTY) say('The text of the message, then Ctrl-D:');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > INPUT_MAX_BYTES)
      throw new UsageError('standard input: expected at most 64 KiB of text');
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
    return text.replace(/\r?\n$/, '');
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError('standard input: expected UTF-8 text');
    throw error;
  }
}
