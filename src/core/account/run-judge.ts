/**
 * Opens, continues and ends the runs of refusals of one account and its senders: applies refusal-run.ts to their
 * circuits. At most one run an account and one a sender is open.
 */
import type { LaneReason } from './stop-reasons.ts';
import { ACTIVE, halfOpen, isProbe, runOf, suspendForRun } from './circuit.ts';
import type { CircuitSet } from './circuit-set.ts';
import {
  RefusalCount,
  type CircuitClaim,
  type RefusalRun,
  type RunEnd,
  type SetAside,
} from './refusal-run.ts';

/** A run, and whose it is: null = the account's. */
export type OpenRun = RefusalRun & { readonly sender: string | null };

export class RunJudge {
  readonly #circuits: CircuitSet;
  readonly #count = new RefusalCount();

  constructor(circuits: CircuitSet) {
    this.#circuits = circuits;
  }

  get isIdle(): boolean {
    return this.#count.size === 0;
  }

  /** The run that a message of this sender would be a probe for; the account's comes first. */
  openOf(sender: string | null): OpenRun | null {
    for (const scope of [null, sender]) {
      const run = runOf(this.#circuits.of(scope));
      if (run !== null) return { ...run, sender: scope };
    }
    return null;
  }

  /**
   * A refusal. Null = the message fails by itself; from the tenth recipient on it waits for its run. `setAside` null =
   * it just waits for its circuit.
   */
  refused(
    claim: CircuitClaim,
    about: {
      readonly scope: 'sender' | 'account';
      readonly reason: LaneReason;
      readonly now: number;
    },
  ): { readonly sender: string | null; readonly setAside: SetAside | null } | null {
    const open = this.openOf(claim.sender);
    const sender = open === null ? this.#count.refused(claim, about.scope) : open.sender;
    return sender === undefined ? null : { sender, setAside: this.#refuse(claim, sender, about) };
  }

  /** The probe of a run was answered, and neither accepted nor refused for it: the next one follows. */
  goOn(sender: string | null, claim: CircuitClaim, now: number): void {
    const state = this.#circuits.of(sender);
    if (!isProbe(state, claim.id)) return;
    const { run, since } = state;
    if (run === null) this.#circuits.put(sender, halfOpen(state));
    else {
      const next = suspendForRun(run, { since, from: claim.claimedAt, now });
      this.#circuits.change(sender, next, { event: null, reason: run.reason });
    }
  }

  /** One accepted message proves that not every message is refused. Returns the runs that it ends. */
  accepted(sender: string): readonly RunEnd[] {
    this.#count.clear(sender);
    return [null, sender].flatMap((scope) => {
      const state = this.#circuits.of(scope);
      if (state.kind !== 'suspended' || state.run === null) return [];
      const { id, reason } = state.run;
      if (state.reason !== reason) this.#circuits.put(scope, { ...state, run: null });
      else this.#circuits.change(scope, ACTIVE, { event: 'resumed', reason });
      return [{ sender: scope, id }];
    });
  }

  /** An operator ends a run, if one is open; recipients are counted from none. */
  resume(sender: string | null): void {
    const state = this.#circuits.of(sender);
    if (state.kind !== 'suspended' || state.run === null) return;
    this.#count.clear(sender);
    const { reason, run } = state;
    if (reason === run.reason) {
      this.#circuits.change(sender, ACTIVE, { event: 'resumed', reason: 'operator' });
    } else
      this.#circuits.change(sender, halfOpen({ ...state, run: null }), { event: null, reason });
  }

  /* Where the circuit is open for another reason (an operator, no credit), no run begins. */
  #refuse(
    claim: CircuitClaim,
    sender: string | null,
    { reason, now }: { readonly reason: LaneReason; readonly now: number },
  ): SetAside | null {
    const state = this.#circuits.of(sender);
    const open = runOf(state);
    const isOwnProbe: boolean = isProbe(state, claim.id);
    if (open === null && state.kind !== 'active' && !isOwnProbe) return null;
    const before: RefusalRun = open ?? { id: null, reason, refused: 0 };
    const id = before.id ?? claim.id;
    const run = { ...before, id, refused: before.refused + 1 };
    const setAside = { sender, run: id };
    if (state.kind === 'suspended' && open !== null && !isOwnProbe) {
      this.#circuits.put(sender, { ...state, run });
      return setAside;
    }
    const since = state.kind === 'suspended' && open !== null ? state.since : now;
    const next = suspendForRun(run, { since, from: claim.claimedAt, now });
    const event = open === null ? 'suspended' : null;
    this.#circuits.change(sender, next, { event, reason: run.reason });
    return setAside;
  }
}
