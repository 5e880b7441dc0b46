/**
 * Looks at shut gates when their time has come: asks the balance where the trouble is one of credentials or
 * money, else lets a message go and see. Sparing: one question at a time an account, as late as the gate says.
 */
import type { LaneReason } from '../../core/account/stop-reasons.ts';
import type { Clock } from '../../clock.ts';
import { nextLookAt } from '../../core/account/circuit.ts';
import type { CircuitChange } from '../../core/account/account-circuit.ts';
import type { AccountQueue } from '../schedule/account-queue.ts';

/** How often gates are looked through; they wait seconds to an hour. */
const TICK_MS = 200;

/** What asking for the balance brought; `unknown` = it says neither way, a message has to go and see. */
export type BalanceAnswer =
  | { readonly kind: 'balance'; readonly euros: number }
  | { readonly kind: 'refused' }
  | { readonly kind: 'unknown' };

/** Asks for an account's balance; never throws for what the peer does. */
export type AskBalance = (account: string) => Promise<BalanceAnswer>;

export interface ProbesParts {
  readonly queues: ReadonlyMap<string, AccountQueue>;
  readonly clock: Clock;
  readonly askBalance: AskBalance;
  /** EUR per part, from the account's latest answer; null = none yet. */
  readonly lastPrice: (account: string) => number | null;
  readonly onChange: (queue: AccountQueue, change: CircuitChange) => void;
}

export class Probes {
  readonly #parts: ProbesParts;
  readonly #timer: NodeJS.Timeout;
  readonly #asking = new Set<AccountQueue>();

  constructor(parts: ProbesParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    /* A daemon that could not start is not kept alive by it. */
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const now = this.#parts.clock.now();
    for (const queue of this.#parts.queues.values()) {
      this.#look(queue, null, now);
      for (const sender of queue.circuit.troubledSenders.keys()) this.#look(queue, sender, now);
    }
  }

  #look(queue: AccountQueue, sender: string | null, now: number): void {
    const gate = queue.circuit.stateOf(sender);
    const at = nextLookAt(gate);
    if (at === null || at > now || gate.kind !== 'suspended') return;
    if (gate.by === 'time') this.#found(queue, sender, true);
    else
      this.#ask(queue, gate.reason).catch((error: unknown) => {
        /* A question that breaks is a bug: it must not be lost, nor keep the gate shut for ever. */
        this.#found(queue, sender, true);
        throw error;
      });
  }

  async #ask(queue: AccountQueue, reason: LaneReason): Promise<void> {
    if (this.#asking.has(queue)) return;
    this.#asking.add(queue);
    try {
      const answer = await this.#parts.askBalance(queue.name);
      this.#found(queue, null, this.#hasPassed(queue, reason, answer));
    } finally {
      this.#asking.delete(queue);
    }
  }

  /* Without money for one more part, the next message would be refused as well (status 9). */
  #hasPassed(queue: AccountQueue, reason: LaneReason, answer: BalanceAnswer): boolean {
    if (answer.kind !== 'balance') return answer.kind === 'unknown';
    return reason !== 'quota-exceeded' || answer.euros > (this.#parts.lastPrice(queue.name) ?? 0);
  }

  #found(queue: AccountQueue, sender: string | null, hasPassed: boolean): void {
    const change = queue.circuit.look(sender, hasPassed, this.#parts.clock.now());
    if (change !== null) this.#parts.onChange(queue, change);
  }
}
