/** `unsuppress`: recipients that may be sent to again. */
import { Command } from 'commander';
import { Suppressions } from '../spool/suppressions.ts';
import { printJson, printLine } from '../terminal/print.ts';
import { openToWrite } from './opened.ts';
import { recipientsAsked } from './recipients-asked.ts';

interface UnsuppressOptions {
  readonly json?: true;
}

export function unsuppressCommand(): Command {
  return new Command('unsuppress')
    .summary('send to a recipient again')
    .description(
      'Takes recipients off the list of those not to be sent to. Messages that failed meanwhile stay as ' +
        'they are; requeue sends them.',
    )
    .argument('<number...>', 'recipients in international form, with or without + or 00')
    .option('--json', 'one JSON document a recipient')
    .addHelpText('after', '\nExample:\n  $ sms-spoold unsuppress 447700900000')
    .action(unsuppress);
}

async function unsuppress(
  numbers: readonly string[],
  options: UnsuppressOptions,
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
