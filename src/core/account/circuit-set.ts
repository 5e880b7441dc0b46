/**
 * Holds the circuits of one account and its senders, and the changes of them that are to be written down. Decides
 * nothing.
 */
import type { LaneReason } from './stop-reasons.ts';
import { ACTIVE, halfOpen, isProbe, mayPass, shifted, type CircuitState } from './circuit.ts';
import { SPEND_LIMIT } from './safety.ts';

/** A change to write down: `event` null = the row changes without a line of its own. */
export interface CircuitChange {
  /** Null = the account itself. */
  readonly sender: string | null;
  readonly state: CircuitState;
  readonly event: 'suspended' | 'resumed' | 'paused' | null;
  readonly reason: LaneReason | null;
  /** What an operator is told with the remedy, such as the beginning of an unreadable answer; null = nothing. */
  readonly detail: string | null;
}

export class CircuitSet {
  #account: CircuitState = ACTIVE;
  readonly #senders = new Map<string, CircuitState>();
  #changes: CircuitChange[] = [];

  /** Of the account (null), or of a sender. */
  of(sender: string | null): CircuitState {
    return sender === null ? this.#account : (this.#senders.get(sender) ?? ACTIVE);
  }

  /** Senders whose circuit is not simply closed. */
  get senders(): ReadonlyMap<string, CircuitState> {
    return this.#senders;
  }

  get areClosed(): boolean {
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

  /** The same, and it is to be written down. */
  change(
    sender: string | null,
    state: CircuitState,
    why: Pick<CircuitChange, 'event' | 'reason'> & { readonly detail?: string | null },
  ): void {
    this.put(sender, state);
    this.#changes.push({ detail: null, ...why, sender, state });
  }

  /** Moves every instant: the wall clock was set by `by` seconds. The end of a spend limit is midnight and stays. */
  shift(seconds: number): void {
    for (const scope of [null, ...this.#senders.keys()]) {
      const state = this.of(scope);
      if (state.kind !== 'suspended' || state.reason === SPEND_LIMIT) continue;
      this.put(scope, shifted(state, seconds));
    }
  }

  /** The probe of this circuit met trouble that is not the circuit's: another message may go. */
  returned(sender: string | null, messageId: number): void {
    const state = this.of(sender);
    if (isProbe(state, messageId)) this.put(sender, halfOpen(state));
  }

  /** What was changed since this was last asked. */
  takeChanges(): readonly CircuitChange[] {
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }
}
