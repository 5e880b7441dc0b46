/** `pause` stops an account, a sender or everything; messages wait. `resume` ends that, or starts a restored spool. */
import { Command, Option } from 'commander';
import { EVERYTHING } from '../../core/account/stops.ts';
import { CommandError, UsageError } from '../../terminal/exit-codes.ts';
import { nearestTo } from '../../config/nearest-name.ts';
import { ask, withAskOptions, type AskOptions } from '../options/control-request.ts';
import { accountsKnown, warnOfNames } from '../options/name-warnings.ts';
import { openToWrite, type OpenedSpool } from '../open-spool.ts';

interface LaneOptions extends AskOptions {
  readonly sender?: string;
  readonly all?: true;
}

interface ResumeOptions extends LaneOptions {
  readonly restored?: 'hold' | 'resend';
}

export function pauseCommand(): Command {
  return withLane('pause', 'everything instead, whatever the account')
    .summary('stop an account, a sender or everything')
    .description(
      'Stops an account, one sender of it, or with --all everything. Its messages wait and keep their attempts, but their ' +
        'validity runs on. Stays so over restarts, until it is resumed.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ sms-spoold pause main\n  $ sms-spoold pause main --sender AcmeInc\n' +
        '  $ sms-spoold pause --all',
    )
    .action(async (account: string | undefined, options: LaneOptions, self: Command) => {
      await askAboutLane('pause', accountIn(account, options), { options, self });
    });
}

export function resumeCommand(): Command {
  const restored = new Option(
    '--restored <how>',
    'instead: what a restored spool was waiting with',
  );
  return withLane('resume', 'ends the pause of everything; what is paused by name stays so')
    .summary('end a pause, or start a restored spool')
    .description(
      'Starts an account, or one sender of it, that was paused. One that is suspended tries a single ' +
        'message at once and goes on if that is accepted.\n\n' +
        'With --restored, starts a spool that was restored from a backup or that is an older state of itself. ' +
        'What waited then may have been sent since: "hold" makes it uncertain, so that receipts and reports may ' +
        'settle it, and never sends it by itself; "resend" sends it, marked as a possible duplicate.',
    )
    .addOption(restored.choices(['hold', 'resend']))
    .addHelpText(
      'after',
      '\nExamples:\n  $ sms-spoold resume main\n  $ sms-spoold resume main --sender AcmeInc\n' +
        '  $ sms-spoold resume --all\n  $ sms-spoold resume --restored=hold',
    )
    .action(resume);
}

function withLane(verb: 'pause' | 'resume', all: string): Command {
  return withAskOptions(new Command(verb))
    .argument('[account]', 'name of the account')
    .option('--sender <sender>', 'only this sender of the account')
    .option('--all', all);
}

async function resume(
  account: string | undefined,
  options: ResumeOptions,
  self: Command,
): Promise<void> {
  const { restored, all, sender } = options;
  if (restored === undefined) {
    if (account === undefined && all !== true) {
      throw new UsageError('expected the name of an account, --all, or --restored=hold|resend');
    }
    await askAboutLane('resume', accountIn(account, options), { options, self });
    return;
  }
  if (account !== undefined || all === true || sender !== undefined) {
    throw new UsageError(
      '--restored is about the spool: give no account, --all or --sender with it',
    );
  }
  using spool = openToWrite(self);
  await ask(spool.db, [{ verb: `restored-${restored}` }], options);
}

function accountIn(account: string | undefined, { sender, all }: LaneOptions): string {
  if (all === true && (account !== undefined || sender !== undefined)) {
    throw new UsageError('--all is everything: give no account and no --sender with it');
  }
  if (all === true) return EVERYTHING;
  if (account === undefined) throw new UsageError('expected the name of an account, or --all');
  return account;
}

async function askAboutLane(
  verb: 'pause' | 'resume',
  account: string,
  { options, self }: { readonly options: LaneOptions; readonly self: Command },
): Promise<void> {
  using spool = openToWrite(self);
  const { sender = null } = options;
  if (account !== EVERYTHING) refuseUnknown(spool, account);
  if (sender !== null) warnOfNames({ account, sender }, spool);
  await ask(spool.db, [{ verb, account, sender }], options);
}

/* The last daemon knew it, or the configuration names it. */
function refuseUnknown(spool: OpenedSpool, account: string): void {
  const names = accountsKnown(spool);
  if (names.includes(account)) return;
  const nearest = nearestTo(account, names);
  const hint = nearest === null ? 'none is configured' : `the nearest is ${nearest.name}`;
  throw new CommandError(`there is no account ${JSON.stringify(account)}; ${hint}`);
}
