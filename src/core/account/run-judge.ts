/**
 * Opens, continues and ends the runs of refusals of one account and its senders: what refusal-run.ts decides,
 * applied to their circuits. At most one run an account and one a sender is open.
 */
import type { LaneReason } from './stop-reasons.ts';
import { ACTIVE, halfOpen, judge } from './circuit.ts';
import type { CircuitSet } from './circuit-set.ts';
import type { CircuitChange, CircuitClaim, SetAside } from './judged.ts';
import { RefusalCount, type RefusalRun, type RunEnd } from './refusal-run.ts';

/** A run, and whose it is: null = the account's. */
export type OpenRun = RefusalRun & { readonly sender: string | null };

/** What follows from a refusal: `sender` as in OpenRun; `setAside` null = the message just waits for its state. */
export interface Refusal {
  readonly sender: string | null;
  readonly setAside: SetAside | null;
}

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
      const state = this.#circuits.of(scope);
      if (state.kind === 'suspended' && state.run !== null) return { ...state.run, sender: scope };
    }
    return null;
  }

  /** A refusal. Null = the message fails by itself; from the tenth recipient on it waits for its run. */
  refused(
    claim: CircuitClaim,
    about: {
      readonly scope: 'sender' | 'account';
      readonly reason: LaneReason;
      readonly now: number;
    },
  ): Refusal | null {
    const open = this.openOf(claim.sender);
    const sender = open === null ? this.#count.refused(claim, about.scope) : open.sender;
    if (sender === undefined) return null;
    const setAside = this.#refuse(claim, { ...about, sender });
    return { sender, setAside };
  }

  /** The probe of a run was answered, and neither accepted nor refused for it: the next one follows. */
  goOn(sender: string | null, claim: CircuitClaim, now: number): void {
    const state = this.#circuits.of(sender);
    if (state.kind !== 'suspended' || state.probeId !== claim.id) return;
    const { run, since } = state;
    if (run === null) this.#circuits.put(sender, halfOpen(state));
    else {
      const next = judge(run, { since, from: claim.claimedAt, now });
      this.#circuits.set(sender, next, { event: null, reason: run.reason });
    }
  }

  /** One accepted message proves that not every message is refused. Returns the runs that it ends. */
  accepted(sender: string): readonly RunEnd[] {
    this.#count.clear(sender);
    return [null, sender].flatMap((scope) => {
      const state = this.#circuits.of(scope);
      if (state.kind !== 'suspended' || state.run === null) return [];
      const { id, reason } = state.run;
      if (state.reason === reason) this.#circuits.set(scope, ACTIVE, { event: 'resumed', reason });
      else this.#circuits.put(scope, { ...state, run: null });
      return [{ sender: scope, id }];
    });
  }

  /** An operator ends a run; recipients are counted from none. Null = there is no run. */
  resume(sender: string | null): CircuitChange | null {
    const state = this.#circuits.of(sender);
    if (state.kind !== 'suspended' || state.run === null) return null;
    this.#count.clear(sender);
    return state.reason === state.run.reason
      ? this.#circuits.set(sender, ACTIVE, { event: 'resumed', reason: 'operator' })
      : this.#circuits.set(sender, halfOpen({ ...state, run: null }), {
          ...{ event: null, reason: state.reason },
        });
  }

  /* Where the state is shut for another reason (an operator, no credit), no run begins. */
  #refuse(
    claim: CircuitClaim,
    about: { readonly sender: string | null; readonly reason: LaneReason; readonly now: number },
  ): SetAside | null {
    const { sender, reason, now } = about;
    const state = this.#circuits.of(sender);
    const isProbe = state.kind === 'suspended' && state.probeId === claim.id;
    const open = state.kind === 'suspended' ? state.run : null;
    if (open === null && state.kind !== 'active' && !isProbe) return null;
    const run = {
      id: open?.id ?? claim.id,
      reason: open?.reason ?? reason,
      refused: (open?.refused ?? 0) + 1,
    } satisfies RefusalRun;
    if (state.kind === 'suspended' && open !== null && !isProbe) {
      this.#circuits.put(sender, { ...state, run });
    } else {
      const since = state.kind === 'suspended' && open !== null ? state.since : now;
      this.#circuits.set(sender, judge(run, { since, from: claim.claimedAt, now }), {
        event: open === null ? 'suspended' : null,
        reason: run.reason,
      });
    }
    return { sender, run: run.id };
  }
}
