/** `suppressed`: the recipients that are not to be sent to, newest first; masked unless asked for. */
import { Command, InvalidArgumentError } from 'commander';
import { maskRecipient } from '../core/mask.ts';
import { UsageError } from '../exit-codes.ts';
import { Suppressions, type Suppression } from '../spool/suppressions.ts';
import { print, printJson } from '../terminal/print.ts';
import { tableOf, type Column } from '../terminal/table.ts';
import { isoTime, localTime } from '../terminal/times.ts';
import { openToRead } from './opened.ts';

interface SuppressedOptions {
  readonly limit: number;
  readonly full?: true;
  readonly json?: true;
}

/** A table is laid out as a whole; what is longer than this is for programs. */
const TABLE_MAX = 10_000;
/** Few pages: each looks through the whole list, which has no index by date. */
const PAGE = 50_000;

const COLUMNS: readonly Column[] = [
  { head: 'RECIPIENT' },
  { head: 'SINCE' },
  { head: 'REASON', fit: 'cut' },
];

export function suppressedCommand(): Command {
  return new Command('suppressed')
    .summary('who is not sent to, newest first')
    .description(
      'Lists the recipients that are not to be sent to, newest first: those that suppress put there, and ' +
        'those that the gateway or a carrier said cannot be reached or want no messages.',
    )
    .option('--limit <number>', 'at most so many', parseLimit, 20)
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

function parseLimit(value: string): number {
  const limit = /^\d{1,9}$/.test(value) ? Number(value) : 0;
  if (limit < 1) throw new InvalidArgumentError('Expected a whole number from 1 on.');
  return limit;
}

async function suppressed(options: SuppressedOptions, command: Command): Promise<void> {
  if (!options.json && options.limit > TABLE_MAX) {
    throw new UsageError(
      `--limit: a table shows at most ${TABLE_MAX} recipients; --json shows more`,
    );
  }
  using spool = openToRead(command);
  const rows = newest(new Suppressions(spool.db), options.limit);
  const shown = ({ recipient }: Suppression): string =>
    options.full ? recipient : maskRecipient(recipient);
  if (options.json) {
    for (const row of rows) {
      await printJson({ ...row, recipient: shown(row), since: isoTime(row.since) });
    }
    return;
  }
  const cells = Array.from(rows, (row) => [shown(row), localTime(row.since), row.reason ?? '']);
  await print(cells.length === 0 ? 'Nobody is suppressed.\n' : `${tableOf(COLUMNS, cells)}\n`);
}

/* In pages, so that no read transaction waits for a slow reader. */
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
