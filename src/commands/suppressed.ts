/** `suppressed`: the recipients that are not to be sent to, newest first; masked unless asked for. */
import { Command } from 'commander';
import { maskRecipient } from '../core/mask.ts';
import { Suppressions, type Suppression } from '../spool/suppressions.ts';
import { print, printJson } from '../terminal/print.ts';
import { tableOf, type Column } from '../terminal/table.ts';
import { isoTime, localTime } from '../terminal/times.ts';
import { openToRead } from './opened.ts';
import { checkTableLimit, withLimit } from './selection-options.ts';

interface SuppressedOptions {
  readonly limit: number;
  readonly full?: true;
  readonly json?: true;
}

/** Few pages: each looks through the whole list, which has no index by date. */
const PAGE = 50_000;

const COLUMNS: readonly Column[] = [
  { head: 'RECIPIENT' },
  { head: 'SINCE' },
  { head: 'REASON', fit: 'cut' },
];

export function suppressedCommand(): Command {
  const command = new Command('suppressed')
    .summary('who is not sent to, newest first')
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
