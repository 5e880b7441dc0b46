/** `list`: finds messages, newest first. Recipients are masked and texts left out unless asked for. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { maskRecipient } from '../core/mask.ts';
import { STATES, type State } from '../core/message.ts';
import { UsageError } from '../exit-codes.ts';
import {
  countMatching,
  messagesMatching,
  type MessageFilter,
  type MessageRow,
} from '../spool/queries.ts';
import { unmatchedReceipts, type UnmatchedReceipt } from '../spool/unmatched.ts';
import { print, printJson, printLine } from '../terminal/print.ts';
import { tableOf, type Column } from '../terminal/table.ts';
import { isoTime, localTime } from '../terminal/times.ts';
import { messageJson, type Shown } from './message-json.ts';
import { warnOfNames } from './names-asked.ts';
import { defaultsOf, openToRead } from './opened.ts';
import { parsePast } from './selection-options.ts';

interface ListOptions {
  readonly state?: readonly State[];
  readonly reason?: string;
  readonly since?: number;
  readonly until?: number;
  readonly campaign?: string;
  readonly recipient?: string;
  readonly reference?: string;
  readonly account?: string;
  readonly sender?: string;
  readonly gatewayId?: string;
  readonly limit: number;
  readonly oldest?: true;
  readonly ids?: true;
  readonly count?: true;
  readonly full?: true;
  readonly text?: true;
  readonly json?: true;
  readonly unmatched?: true;
}

/** A table is laid out as a whole; what is longer than this is for programs. */
const TABLE_MAX = 10_000;

const COLUMNS: readonly Column[] = [
  { head: 'ID', align: 'right' },
  { head: 'STATE' },
  { head: 'RECIPIENT' },
  { head: 'CREATED' },
  { head: 'REASON', fit: 'cut' },
  { head: 'REFERENCE', fit: 'cut' },
  { head: 'TEXT', fit: 'cut' },
];

export function listCommand(): Command {
  return new Command('list')
    .summary('find messages, newest first')
    .description('Lists messages, newest first. Conditions add up.')
    .addOption(new Option('--state <state...>', 'in this state, or one of these').choices(STATES))
    .option('--reason <reason>', 'whose state has this reason, like unroutable')
    .option('--since <time>', 'added at this time or later', parsePast)
    .option('--until <time>', 'added before this time', parsePast)
    .option('--campaign <name>', 'of this campaign')
    .option('--recipient <number>', 'to this recipient, with or without +')
    .option('--reference <text>', 'with this reference of yours')
    .option('--account <name>', 'of this account, named or by default')
    .option('--sender <sender>', 'from this sender, named or by default')
    .option('--gateway-id <id>', 'of which this is a part: the id that the gateway gave it')
    .option('--unmatched', 'instead: receipts that are about no message here')
    .option('--limit <number>', 'at most so many', parseLimit, 20)
    .option('--oldest', 'the oldest first')
    .option('--ids', 'only the ids, one a line, all of them unless --limit is given')
    .option('--count', 'only how many there are, whatever the limit')
    .option('--full', 'show recipients in full')
    .option('--text', 'show texts')
    .option('--json', 'one JSON document a line')
    .addHelpText('after', HELP)
    .action(list);
}

const HELP = `
A <time> is ISO-8601 (local time unless it has a zone), Unix seconds, or so long
ago, like 2h.

Examples:
  $ sms-spoold list --state permanent-failure --since 2h --limit 50
  $ sms-spoold list --state queued retry --oldest
  $ sms-spoold list --campaign spring --state delivered --count
  $ sms-spoold list --campaign spring --limit 1000000 --json --full
  $ sms-spoold list --state retry --ids | sms-spoold cancel -`;

function parseLimit(value: string): number {
  const limit = /^\d{1,9}$/.test(value) ? Number(value) : 0;
  if (limit < 1) throw new InvalidArgumentError('Expected a whole number from 1 on.');
  return limit;
}

async function list(options: ListOptions, command: Command): Promise<void> {
  if (!options.json && !options.ids && options.limit > TABLE_MAX) {
    throw new UsageError(`--limit: a table shows at most ${TABLE_MAX} messages; --json shows more`);
  }
  using spool = openToRead(command);
  const shown = { full: options.full ?? false, text: options.text ?? false };
  if (options.unmatched) {
    await listUnmatched(unmatchedReceipts(spool.db, options.limit), options);
    return;
  }
  warnOfNames(options, spool);
  const query = { filter: filterOf(options), defaults: defaultsOf(spool.config) };
  if (options.count) {
    const count = countMatching(spool.db, query);
    await (options.json ? printJson({ count }) : printLine(String(count)));
    return;
  }
  const oldestFirst = options.oldest ?? false;
  if (options.ids) {
    const isGiven = command.getOptionValueSource('limit') !== 'default';
    const limit = isGiven ? options.limit : Number.MAX_SAFE_INTEGER;
    for (const { id } of messagesMatching(spool.db, query, { limit, oldestFirst })) {
      await printLine(String(id));
    }
    return;
  }
  const order = { limit: options.limit, oldestFirst };
  const rows = messagesMatching(spool.db, query, order);
  if (options.json) {
    for (const row of rows) await printJson(messageJson(row, shown));
    return;
  }
  const cells = Array.from(rows, (row) => cellsOf(row, shown));
  await print(cells.length === 0 ? 'No message fits.\n' : `${tableOf(COLUMNS, cells)}\n`);
}

function filterOf(options: ListOptions): MessageFilter {
  return {
    states: options.state ?? null,
    reason: options.reason ?? null,
    since: options.since ?? null,
    until: options.until ?? null,
    campaign: options.campaign ?? null,
    recipient: options.recipient ?? null,
    reference: options.reference ?? null,
    account: options.account ?? null,
    sender: options.sender ?? null,
    gatewayId: options.gatewayId ?? null,
  };
}

function cellsOf(row: MessageRow, shown: Shown): readonly string[] {
  return [
    String(row.id),
    row.state,
    shown.full ? row.recipient : maskRecipient(row.recipient),
    localTime(row.created_at),
    row.reason ?? '',
    row.reference ?? '',
    shown.text ? (row.text ?? row.body ?? '').replaceAll(/[ \t\r\n]+/g, ' ') : '',
  ];
}

const UNMATCHED_COLUMNS: readonly Column[] = [
  { head: 'RECEIPT', align: 'right' },
  { head: 'CAME' },
  { head: 'RECIPIENT' },
  { head: 'STATUS' },
  { head: 'CODE', align: 'right' },
  { head: 'MESSAGE ID', fit: 'cut' },
  { head: 'CLIENT-REF', fit: 'cut' },
];

async function listUnmatched(
  receipts: readonly UnmatchedReceipt[],
  { full = false, json = false }: { readonly full?: boolean; readonly json?: boolean },
): Promise<void> {
  const recipientOf = ({ recipient }: UnmatchedReceipt): string | null =>
    recipient === null || full ? recipient : maskRecipient(recipient);
  if (json) {
    for (const one of receipts) {
      const received_at = isoTime(one.received_at);
      await printJson({ ...one, received_at, recipient: recipientOf(one) });
    }
    return;
  }
  const cells = receipts.map((one) => [
    String(one.id),
    localTime(one.received_at),
    recipientOf(one) ?? '',
    one.status ?? '',
    one.code === null ? '' : String(one.code),
    one.gateway_id ?? '',
    one.client_ref ?? '',
  ]);
  const none = 'Every receipt is about a message of this spool.\n';
  await print(cells.length === 0 ? none : `${tableOf(UNMATCHED_COLUMNS, cells)}\n`);
}
