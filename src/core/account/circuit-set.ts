/**
 * The gates of one account and its senders, and the changes of them that are to be written down. Decides nothing.
 */
import { ACTIVE, halfOpen, mayPass, shifted, type GateState } from './circuit.ts';
import type { GateChange } from './judged.ts';
import { SPEND_LIMIT } from './safety.ts';

export class HealthGates {
  #account: GateState = ACTIVE;
  readonly #senders = new Map<string, GateState>();
  #changes: GateChange[] = [];

  /** Of the account (null), or of a sender. */
  of(sender: string | null): GateState {
    return sender === null ? this.#account : (this.#senders.get(sender) ?? ACTIVE);
  }

  /** Senders whose gate is not simply open. */
  get senders(): ReadonlyMap<string, GateState> {
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

  put(sender: string | null, gate: GateState): void {
    if (sender === null) this.#account = gate;
    else if (gate.kind === 'active') this.#senders.delete(sender);
    else this.#senders.set(sender, gate);
  }

  /** The same, and it is to be written down; `event` null = without a line of its own. */
  set(sender: string | null, gate: GateState, { event, reason, detail = null }: Said): GateChange {
    this.put(sender, gate);
    const change: GateChange = { sender, gate, event, reason, detail };
    this.#changes.push(change);
    return change;
  }

  /** Moves every instant: the wall clock was set by `by` seconds. The end of a spend limit is midnight and stays. */
  shift(seconds: number): void {
    for (const scope of [null, ...this.#senders.keys()]) {
      const gate = this.of(scope);
      if (gate.kind !== 'suspended' || gate.reason === SPEND_LIMIT) continue;
      this.put(scope, shifted(gate, seconds));
    }
  }

  /** The probe of this gate met trouble that is not the gate's: another message may go. */
  returned(sender: string | null, messageId: number): void {
    const gate = this.of(sender);
    if (gate.kind === 'suspended' && gate.probeId === messageId) this.put(sender, halfOpen(gate));
  }

  /** What was set since this was last asked. */
  takeChanges(): readonly GateChange[] {
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }
}

type Said = Pick<GateChange, 'event' | 'reason'> & Partial<Pick<GateChange, 'detail'>>;
