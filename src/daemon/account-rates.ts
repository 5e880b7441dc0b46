/**
 * Finds how many requests a second an account allows: the configured number, else what the account answers, else the
 * last number that was learned. Writes the rows of `accounts` and `senders`, which say how fast each may go.
 */
import type { Clock } from '../clock.ts';
import type { AccountConfig } from '../config/config.ts';
import { EVERYTHING } from '../core/account/stops.ts';
import type { AccountQueue } from '../dispatch/schedule/account-queue.ts';
import { limitLearned, type EventEntry } from '../log/event-lines.ts';
import { fetchLimit } from '../gateway/account-api.ts';
import type { Spool } from '../spool/spool.ts';
import type { StatusLog } from '../log/status-log.ts';
import { DEFAULT_LIMIT } from '../limiter/pace.ts';

/** Asking the account for its limit may hold up the start this long. */
const ASK_MS = 5_000;

export class AccountRates {
  readonly #clock: Clock;
  readonly #log: StatusLog;
  /** Limits that accounts named themselves (requests per second). */
  readonly #named = new Map<string, number>();

  constructor(clock: Clock, log: StatusLog) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Requests per second. What was learned by asking is added to `entries`. */
  async rateOf(account: AccountConfig, spool: Spool, entries: EventEntry[]): Promise<number> {
    if (account.rate !== null) return account.rate;
    const limit = await fetchLimit({ ...account, timeoutMs: Math.min(account.timeoutMs, ASK_MS) });
    if (limit.ok) {
      const facts = { at: this.#clock.now(), configured: null, limit: limit.rate };
      entries.push(limitLearned(account.name, facts));
      this.#named.set(account.name, limit.rate);
      return limit.rate;
    }
    const rate = Math.max(spool.circuits.learnedRate(account.name) ?? 0, DEFAULT_LIMIT);
    const warning =
      `accounts.${account.name}.rate is left out, and the account could not be asked ` +
      `(${limit.detail}); ${rate} requests a second are assumed`;
    this.#log.say('daemon.warning', { warning });
    return rate;
  }

  /** In the caller's transaction: every configured account and sender has a row. */
  writeRows(
    spool: Spool,
    accounts: readonly AccountConfig[],
    queues: ReadonlyMap<string, AccountQueue>,
  ): void {
    const now = this.#clock.now();
    this.#forgetOthers(spool, accounts);
    for (const { name: account, rate, concurrency: configured, senders } of accounts) {
      const named = this.#named.get(account) ?? Infinity;
      const learned = Math.min(spool.circuits.learnedRate(account) ?? named, named);
      const learnedRate = learned === Infinity ? null : learned;
      spool.circuits.writeRate({ account, sender: null, configuredRate: rate, learnedRate, now });
      const open = queues.get(account)?.slots.concurrency ?? configured;
      spool.circuits.writeConcurrency({
        account,
        configured,
        learned: open < configured ? open : null,
      });
      for (const [sender, { rate: configuredRate }] of senders) {
        const learnedRate = spool.circuits.learnedRate(account, sender);
        spool.circuits.writeRate({ account, sender, configuredRate, learnedRate, now });
      }
    }
    spool.setAside.releaseOrphans();
  }

  /* Accounts that are no longer configured. The stop and the learned rate of a sender are kept. */
  #forgetOthers(spool: Spool, accounts: readonly AccountConfig[]): void {
    for (const { account, sender } of spool.circuits.all()) {
      if (account === EVERYTHING) continue;
      const configured = accounts.find(({ name }) => name === account);
      if (sender === null && configured === undefined) spool.circuits.forget(account);
      if (sender === null || configured === undefined || configured.senders.has(sender)) continue;
      const learnedRate = spool.circuits.learnedRate(account, sender);
      const now = this.#clock.now();
      spool.circuits.writeRate({ account, sender, configuredRate: null, learnedRate, now });
    }
  }
}
