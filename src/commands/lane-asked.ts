/** Which lane `pause` and `resume` are about: an account, or a sender of it. */
import type { Command } from 'commander';
import { EVERYTHING } from '../core/stops.ts';
import { CommandError, UsageError } from '../exit-codes.ts';
import { accountNames } from '../spool/statistics.ts';
import { nearestTo } from '../nearest.ts';
import { ask, withAskOptions, type AskOptions } from './ask.ts';
import { warnOfNames } from './names-asked.ts';
import { openToWrite, type OpenedSpool } from './opened.ts';

export interface LaneOptions extends AskOptions {
  readonly sender?: string;
  readonly all?: true;
}

/** The account that is meant, or everything. Throws UsageError where that is not clear. */
export function accountIn(account: string | undefined, { sender, all }: LaneOptions): string {
  if (all === true && (account !== undefined || sender !== undefined)) {
    throw new UsageError('--all is everything: give no account and no --sender with it');
  }
  if (all === true) return EVERYTHING;
  if (account === undefined) throw new UsageError('expected the name of an account, or --all');
  return account;
}

/** Gives the command its arguments, options and action. */
export function aboutLane(command: Command, verb: 'pause'): Command {
  return withAskOptions(command)
    .argument('[account]', 'name of the account')
    .option('--sender <sender>', 'only this sender of the account')
    .option('--all', 'everything instead, whatever the account')
    .action(async (account: string | undefined, options: LaneOptions, self: Command) => {
      await askAboutLane({ verb, account: accountIn(account, options) }, options, self);
    });
}

/** Asks for what `what` says, of the sender that the options name, if they name one. */
export async function askAboutLane(
  what: { readonly verb: 'pause' | 'resume'; readonly account: string },
  options: LaneOptions,
  self: Command,
): Promise<void> {
  using spool = openToWrite(self);
  const { account } = what;
  const { sender = null } = options;
  if (account !== EVERYTHING) refuseUnknown(spool, account);
  if (sender !== null) warnOfNames({ account, sender }, spool);
  await ask(spool.db, [{ ...what, sender }], options);
}

/* Known to the daemon that ran last, or to the configuration that the next one will read. */
function refuseUnknown({ config, db }: OpenedSpool, account: string): void {
  const names = [...config.accounts.map(({ name }) => name), ...accountNames(db)];
  if (names.includes(account)) return;
  const nearest = nearestTo(account, names);
  const hint = nearest === null ? 'none is configured' : `the nearest is ${nearest.name}`;
  throw new CommandError(`there is no account ${JSON.stringify(account)}; ${hint}`);
}
