/**
 * Makes the queue of an account from its configuration: gateway, pacers, slots and limits.
 *
 * Always holds: only the start and a reload of the daemon make one, and an account has one for as long as it is
 * configured.
 */
import type { Clock } from '../clock.ts';
import type { AccountConfig, Config } from '../config/config.ts';
import { AccountCircuit } from '../core/account/account-circuit.ts';
import type { Policy } from '../core/account/policy.ts';
import { AccountQueue } from '../dispatch/schedule/account-queue.ts';
import { LimitTree } from '../dispatch/limit/limit-tree.ts';
import { budgetOf } from '../dispatch/feedback/budgets.ts';
import { LoopWatch } from '../gateway/loop-watch.ts';
import { VonageGateway } from '../gateway/vonage.ts';
import type { Spool } from '../spool/spool.ts';
import { paceOf, senderPaceOf } from '../limiter/pace.ts';
import { Meter } from '../limiter/meter.ts';
import { Pacer } from '../limiter/pacer.ts';
import { Slots } from '../limiter/slots.ts';

export interface AccountFactoryParts {
  readonly clock: Clock;
  /** The configuration in force, and its policy. */
  readonly config: () => Config;
  readonly policy: () => Policy;
  /** Something may be possible now that was not before. */
  readonly onReady: () => void;
  readonly onFatal: (error: unknown) => void;
}

export class AccountFactory {
  readonly #parts: AccountFactoryParts;
  readonly #gateways = new Map<string, VonageGateway>();
  readonly #watch = new LoopWatch();

  constructor(parts: AccountFactoryParts) {
    this.#parts = parts;
  }

  /** `ceiling`: requests per second; what an earlier run had learned below it holds. */
  make(account: AccountConfig, ceiling: number, spool: Spool): AccountQueue {
    const { clock, config, policy, onReady, onFatal } = this.#parts;
    const { monotonicMs, now } = clock;
    const { name } = account;
    const gateway = new VonageGateway({ ...account, now, watch: this.#watch });
    this.#gateways.set(name, gateway);
    const current = () => config().accounts.find((one) => one.name === name);
    const rate = Math.min(ceiling, spool.circuits.learnedRate(name) ?? ceiling);
    const circuit = new AccountCircuit(budgetOf(config().safety));
    const limits = new LimitTree({
      account: name,
      rate,
      pacer: new Pacer({ rate: paceOf(rate), monotonicMs, onGrant: onReady }),
      rules: account.nested,
      clock,
      circuit,
      ratesOf: (sender) => ({
        configured: current()?.senders.get(sender)?.rate ?? null,
        learned: spool.circuits.learnedRate(name, sender),
      }),
      meterOf: (limit) => this.#meter(limit),
    });
    return new AccountQueue({
      ...{ name, policy, gateway, circuit, limits },
      slots: new Slots(account.concurrency, onFatal),
    });
  }

  /** From the next request on, the account's queue sends as this account. Open requests end as they began. */
  replaceGateway(account: AccountConfig): void {
    this.#gateways.get(account.name)?.adopt(account);
  }

  /* A meter alone, without a limiter and its timers: 5,000 lanes may have one each. */
  #meter(limit: number): Meter {
    const nowMs = this.#parts.clock.monotonicMs();
    return new Meter({ rate: senderPaceOf(limit), burst: null, nowMs });
  }
}
