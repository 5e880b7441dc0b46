/**
 * Finds how many requests a second an account allows: the configured number, else what the account answers, else the
 * last number that was learned.
 */
import type { Clock } from '../clock.ts';
import type { AccountConfig } from '../config/config.ts';
import { limitLearned, type Entry } from '../log/event-lines.ts';
import { fetchLimit } from '../gateway/account-api.ts';
import type { Spool } from '../spool/spool.ts';
import type { StatusLog } from '../log/status-log.ts';
import { DEFAULT_LIMIT } from '../limiter/pace.ts';

/** Asking the account for its limit may hold up the start this long. */
const ASK_MS = 5_000;

export interface AccountRatesParts {
  readonly clock: Clock;
  readonly log: StatusLog;
}

export class AccountRates {
  readonly #parts: AccountRatesParts;
  readonly #asked = new Map<string, number>();

  constructor(parts: AccountRatesParts) {
    this.#parts = parts;
  }

  /** Limits that accounts named themselves (requests per second). */
  get asked(): ReadonlyMap<string, number> {
    return this.#asked;
  }

  /** Requests per second. What was learned by asking is added to `entries`. */
  async rateOf(account: AccountConfig, spool: Spool, entries: Entry[]): Promise<number> {
    if (account.rate !== null) return account.rate;
    const { clock, log } = this.#parts;
    const limit = await fetchLimit({ ...account, timeoutMs: Math.min(account.timeoutMs, ASK_MS) });
    if (limit.ok) {
      const facts = { at: clock.now(), configured: null, limit: limit.rate };
      entries.push(limitLearned(account.name, facts));
      this.#asked.set(account.name, limit.rate);
      return limit.rate;
    }
    const rate = Math.max(spool.gates.learnedRate(account.name) ?? 0, DEFAULT_LIMIT);
    const warning =
      `accounts.${account.name}.rate is left out, and the account could not be asked ` +
      `(${limit.detail}); ${rate} requests a second are taken for granted`;
    log.say('daemon.warning', { warning });
    return rate;
  }
}
