/** `resume`: starts an account or a sender that was paused or suspended, or a spool that was restored. */
import { Command, Option } from 'commander';
import { UsageError } from '../exit-codes.ts';
import { ask, withAskOptions, type AskOptions } from './ask.ts';
import { accountIn, askAboutLane } from './lane-asked.ts';
import { openToWrite } from './opened.ts';

interface ResumeOptions extends AskOptions {
  readonly sender?: string;
  readonly all?: true;
  readonly restored?: 'hold' | 'resend';
}

export function resumeCommand(): Command {
  const restored = new Option(
    '--restored <how>',
    'instead: what a restored spool was waiting with',
  );
  return withAskOptions(new Command('resume'))
    .summary('start it again')
    .description(
      'Starts an account, or one sender of it, that was paused. One that is suspended tries a single ' +
        'message at once and goes on if that is accepted.\n\n' +
        'With --restored, starts a spool that was restored from a backup or otherwise put back to an older ' +
        'state. What waited then may have been sent since: "hold" makes it uncertain, so that receipts and reports may ' +
        'settle it, and never sends it by itself; "resend" sends it, marked as a possible duplicate.',
    )
    .argument('[account]', 'name of the account')
    .option('--sender <sender>', 'only this sender of the account')
    .option('--all', 'ends the pause of everything; what is paused by name stays so')
    .addOption(restored.choices(['hold', 'resend']))
    .addHelpText(
      'after',
      '\nExamples:\n  $ sms-spoold resume main\n  $ sms-spoold resume main --sender AcmeInc\n' +
        '  $ sms-spoold resume --all\n  $ sms-spoold resume --restored=hold',
    )
    .action(resume);
}

async function resume(
  account: string | undefined,
  options: ResumeOptions,
  self: Command,
): Promise<void> {
  const { restored } = options;
  if (restored === undefined) {
    const meant =
      account === undefined && options.all !== true ? null : accountIn(account, options);
    if (meant === null) {
      throw new UsageError('expected the name of an account, --all, or --restored=hold|resend');
    }
    await askAboutLane({ verb: 'resume', account: meant }, options, self);
    return;
  }
  if (account !== undefined || options.all === true || options.sender !== undefined) {
    throw new UsageError(
      '--restored is about the spool: give no account, --all or --sender with it',
    );
  }
  using spool = openToWrite(self);
  await ask(spool.db, [{ verb: `restored-${restored}` }], options);
}
