/** `list`: finds messages, newest first. Masks recipients and leaves texts out, unless options ask for them. */
import { Command } from 'commander';
import { ANY } from '../../core/message/control-filter.ts';
import { maskRecipient } from '../../core/text/recipient.ts';
import { countMatching, type MessageRow, messagesMatching } from '../../spool/read/queries.ts';
import type { MessageFilter } from '../../spool/write/selection.ts';
import { unmatchedReceipts, type UnmatchedReceipt } from '../../spool/write/receipt-rows.ts';
import { print, printJson, printLine } from '../../terminal/print.ts';
import { cut, right, tableOf } from '../../terminal/table.ts';
import { localTime, withIsoTimes } from '../../terminal/times.ts';
import { warnOfNames } from '../options/name-warnings.ts';
import { defaultsOf, openToRead } from '../open-spool.ts';
import {
  checkTableLimit,
  filterIn,
  withLimit,
  withSelection,
  type SelectedMessages,
} from '../options/selection-options.ts';
import { messageJson, type Shown } from './show.ts';

interface ListOptions extends SelectedMessages, Shown {
  readonly recipient?: string;
  readonly reference?: string;
  readonly gatewayId?: string;
  readonly limit: number;
  readonly oldest?: true;
  readonly ids?: true;
  readonly count?: true;
  readonly json?: true;
  readonly unmatched?: true;
}

const COLUMNS = [
  ...[right('ID'), 'STATE', 'RECIPIENT', 'CREATED', cut('REASON'), cut('REFERENCE'), cut('TEXT')],
];

export function listCommand(): Command {
  const command = new Command('list')
    .summary('list messages, newest first')
    .description('Lists messages, newest first. Conditions add up.');
  withSelection(command)
    .option('--recipient <number>', 'to this recipient, with or without +')
    .option('--reference <text>', 'with this reference of yours')
    .option('--gateway-id <id>', 'with a part of this id, which the gateway gave it')
    .option('--unmatched', 'instead: receipts that are about no message here');
  return withLimit(command)
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
A <time> is ISO-8601 (local time unless it has a zone), Unix seconds, or a
duration before now, like 2h.

Examples:
  $ sms-spoold list --state permanent-failure --since 2h --limit 50
  $ sms-spoold list --state queued retry --oldest
  $ sms-spoold list --campaign spring --state delivered --count
  $ sms-spoold list --campaign spring --limit 1000000 --json --full
  $ sms-spoold list --state retry --ids | sms-spoold cancel -`;

async function list(options: ListOptions, command: Command): Promise<void> {
  if (!options.json && !options.ids) checkTableLimit(options.limit, 'messages');
  using spool = openToRead(command);
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
  const isGiven = command.getOptionValueSource('limit') !== 'default';
  const limit = options.ids && !isGiven ? Number.MAX_SAFE_INTEGER : options.limit;
  const oldestFirst = options.oldest ?? false;
  const rows = messagesMatching(spool.db, query, { limit, oldestFirst });
  if (options.ids) {
    for (const { id } of rows) await printLine(String(id));
    return;
  }
  if (options.json) {
    for (const row of rows) await printJson(messageJson(row, options));
    return;
  }
  const cells = Array.from(rows, (row) => cellsOf(row, options));
  await print(cells.length === 0 ? 'No message matches.\n' : `${tableOf(COLUMNS, cells)}\n`);
}

function filterOf(options: ListOptions): MessageFilter {
  const { recipient = null, reference = null, gatewayId = null } = options;
  return { ...(filterIn(options) ?? ANY), recipient, reference, gatewayId };
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

const UNMATCHED_COLUMNS = [
  ...[right('RECEIPT'), 'CAME', 'RECIPIENT', 'STATUS', right('CODE')],
  ...[cut('MESSAGE ID'), cut('CLIENT-REF')],
];

async function listUnmatched(
  receipts: readonly UnmatchedReceipt[],
  { full, json }: ListOptions,
): Promise<void> {
  const recipientOf = ({ recipient }: UnmatchedReceipt): string | null =>
    recipient === null || full ? recipient : maskRecipient(recipient);
  if (json) {
    for (const one of receipts) {
      await printJson({ ...withIsoTimes(one, 'received_at'), recipient: recipientOf(one) });
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
