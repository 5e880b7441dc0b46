/**
 * The circuits of one account and its senders, and the changes of them that are to be written down. Decides nothing.
 */
import { ACTIVE, halfOpen, mayPass, shifted, type CircuitState } from './circuit.ts';
import type { CircuitChange } from './judged.ts';
import { SPEND_LIMIT } from './safety.ts';

export class CircuitSet {
  #account: CircuitState = ACTIVE;
  readonly #senders = new Map<string, CircuitState>();
  #changes: CircuitChange[] = [];

  /** Of the account (null), or of a sender. */
  of(sender: string | null): CircuitState {
    return sender === null ? this.#account : (this.#senders.get(sender) ?? ACTIVE);
  }

  /** Senders whose state is not simply open. */
  get senders(): ReadonlyMap<string, CircuitState> {
    return this.#senders;
  }

  get areOpen(): boolean {
    return this.#account.kind === 'active' && this.#senders.size === 0;
  }

  /** How many messages of the account (null), or of a sender of it, may go now. */
  mayPass(sender: string | null): 'all' | 'one' | 'none' {
    const account = mayPass(this.#account);
    if (sender === null || account === 'none' || this.#senders.size === 0) return account;
    const own = mayPass(this.of(sender));
    return own === 'all' ? account : own;
  }

  put(sender: string | null, state: CircuitState): void {
    if (sender === null) this.#account = state;
    else if (state.kind === 'active') this.#senders.delete(sender);
    else this.#senders.set(sender, state);
  }

  /** The same, and it is to be written down; `event` null = without a line of its own. */
  set(
    sender: string | null,
    state: CircuitState,
    { event, reason, detail = null }: Said,
  ): CircuitChange {
    this.put(sender, state);
    const change: CircuitChange = { sender, state, event, reason, detail };
    this.#changes.push(change);
    return change;
  }

  /** Moves every instant: the wall clock was set by `by` seconds. The end of a spend limit is midnight and stays. */
  shift(seconds: number): void {
    for (const scope of [null, ...this.#senders.keys()]) {
      const state = this.of(scope);
      if (state.kind !== 'suspended' || state.reason === SPEND_LIMIT) continue;
      this.put(scope, shifted(state, seconds));
    }
  }

  /** The probe of this state met trouble that is not the state's: another message may go. */
  returned(sender: string | null, messageId: number): void {
    const state = this.of(sender);
    if (state.kind === 'suspended' && state.probeId === messageId)
      this.put(sender, halfOpen(state));
  }

  /** What was set since this was last asked. */
  takeChanges(): readonly CircuitChange[] {
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }
}

type Said = Pick<CircuitChange, 'event' | 'reason'> & Partial<Pick<CircuitChange, 'detail'>>;
