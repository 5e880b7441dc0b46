/**
 * The rows of `accounts` and `senders`: those that are configured have one, and it says how fast they may go.
 * Written at the start and by each reload, in the caller's transaction.
 */
import type { AccountConfig } from '../config/config.ts';
import { EVERYTHING } from '../core/account/stops.ts';
import type { Spool } from '../spool/spool.ts';

export interface AccountFacts {
  readonly accounts: ReadonlyMap<string, AccountConfig>;
  /** Requests per second that accounts named themselves. */
  readonly asked: ReadonlyMap<string, number>;
  /** Requests that an account at work may have open now. */
  readonly slots: (account: string) => number | undefined;
  /** Unix seconds. */
  readonly now: number;
}

export function writeAccountRows(spool: Spool, facts: AccountFacts): void {
  const { accounts, asked, slots, now } = facts;
  forgetOthers(spool, facts);
  for (const [name, account] of accounts) {
    const own = asked.get(name) ?? null;
    const learned = spool.gates.learnedRate(name) ?? own;
    const learnedRate = learned === null ? null : Math.min(learned, own ?? learned);
    const rates = { learnedRate, now, account: name };
    spool.gates.writeRate({ ...rates, sender: null, configuredRate: account.rate });
    const { concurrency: configured } = account;
    const open = slots(name) ?? configured;
    const learnedWidth = open < configured ? open : null;
    spool.gates.writeWidth({ account: name, configured, learned: learnedWidth });
    for (const [sender, { rate: configuredRate }] of account.senders) {
      const learnedRate = spool.gates.learnedRate(name, sender);
      spool.gates.writeRate({ ...rates, learnedRate, sender, configuredRate });
    }
  }
  spool.setAside.releaseOrphans();
}

/* What is configured no more; a sender's stop, and what was learned of it, is kept. */
function forgetOthers(spool: Spool, { accounts, now }: AccountFacts): void {
  for (const { account, sender } of spool.gates.all()) {
    if (account === EVERYTHING) continue;
    const configured = accounts.get(account);
    if (sender === null && configured === undefined) spool.gates.forget(account);
    if (sender === null || configured === undefined || configured.senders.has(sender)) continue;
    const learnedRate = spool.gates.learnedRate(account, sender);
    spool.gates.writeRate({ account, sender, configuredRate: null, learnedRate, now });
  }
}
