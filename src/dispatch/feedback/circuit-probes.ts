/**
 * Half-opens suspended circuits when their time has come. Where the trouble is one of credentials or money the balance
 * is asked first, one question at a time for each account.
 */
import type { Clock } from '../../clock.ts';
import { nextLookAt } from '../../core/account/circuit.ts';
import type { CircuitChange } from '../../core/account/account-circuit.ts';
import type { fetchBalance } from '../../gateway/account-api.ts';
import type { AccountQueue } from '../schedule/account-queue.ts';

/** Circuits are looked through after this time; they wait seconds to an hour. */
const TICK_MS = 200;

/** Null = nobody can be asked. */
export type BalanceAnswer = Awaited<ReturnType<typeof fetchBalance>> | null;

/** Asks for an account's balance. Never throws for what the peer does. */
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
    const state = queue.circuit.stateOf(sender);
    const at = nextLookAt(state);
    if (at === null || at > now || state.kind !== 'suspended') return;
    if (state.by === 'time') this.#found(queue, sender, true);
    else
      this.#ask(queue).catch((error: unknown) => {
        /* A question that breaks is a bug: the circuit must not stay open because of it. */
        this.#found(queue, sender, true);
        throw error;
      });
  }

  async #ask(queue: AccountQueue): Promise<void> {
    if (this.#asking.has(queue)) return;
    this.#asking.add(queue);
    try {
      this.#found(queue, null, this.#hasPassed(queue, await this.#parts.askBalance(queue.name)));
    } finally {
      this.#asking.delete(queue);
    }
  }

  /* An answer that says nothing passes: a message has to go and see. */
  #hasPassed({ name, circuit }: AccountQueue, answer: BalanceAnswer): boolean {
    if (answer === null) return true;
    if (!answer.ok) return answer.reason !== 'wrong-credentials' && answer.reason !== 'unreachable';
    const { balance } = answer;
    const state = circuit.stateOf();
    if (state.kind !== 'suspended') return true;
    if (circuit.budget?.isEnough(state.reason, balance) === false) return false;
    /* Without money for one more part, the next message would be refused as well (status 9). */
    return state.reason !== 'quota-exceeded' || balance > (this.#parts.lastPrice(name) ?? 0);
  }

  #found(queue: AccountQueue, sender: string | null, hasPassed: boolean): void {
    const change = queue.circuit.look(sender, hasPassed, this.#parts.clock.now());
    if (change !== null) this.#parts.onChange(queue, change);
  }
}
