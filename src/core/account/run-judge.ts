/**
 * Opens, continues and ends the runs of refusals of one account and its senders: what refusal-run.ts decides,
 * applied to their gates. At most one run an account and one a sender is open.
 */
import type { LaneReason } from './stop-reasons.ts';
import { ACTIVE, halfOpen, judge } from './circuit.ts';
import type { HealthGates } from './circuit-set.ts';
import type { GateChange, HealthClaim, SetAside } from './judged.ts';
import { RefusalCount, type RefusalRun, type RunEnd } from './refusal-run.ts';

/** A run, and whose it is: null = the account's. */
export type OpenRun = RefusalRun & { readonly sender: string | null };

/** What follows from a refusal: `sender` as in OpenRun; `setAside` null = the message just waits for its gate. */
export interface Refusal {
  readonly sender: string | null;
  readonly setAside: SetAside | null;
}

export class RunJudge {
  readonly #gates: HealthGates;
  readonly #count = new RefusalCount();

  constructor(gates: HealthGates) {
    this.#gates = gates;
  }

  get isIdle(): boolean {
    return this.#count.size === 0;
  }

  /** The run that a message of this sender would be a probe for; the account's comes first. */
  openOf(sender: string | null): OpenRun | null {
    for (const scope of [null, sender]) {
      const gate = this.#gates.of(scope);
      if (gate.kind === 'suspended' && gate.run !== null) return { ...gate.run, sender: scope };
    }
    return null;
  }

  /** A refusal. Null = the message fails by itself; from the tenth recipient on it waits for its run. */
  refused(
    claim: HealthClaim,
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
  goOn(sender: string | null, claim: HealthClaim, now: number): void {
    const gate = this.#gates.of(sender);
    if (gate.kind !== 'suspended' || gate.probeId !== claim.id) return;
    const { run, since } = gate;
    if (run === null) this.#gates.put(sender, halfOpen(gate));
    else {
      const next = judge(run, { since, from: claim.claimedAt, now });
      this.#gates.set(sender, next, { event: null, reason: run.reason });
    }
  }

  /** One accepted message proves that not every message is refused. Returns the runs that it ends. */
  accepted(sender: string): readonly RunEnd[] {
    this.#count.clear(sender);
    return [null, sender].flatMap((scope) => {
      const gate = this.#gates.of(scope);
      if (gate.kind !== 'suspended' || gate.run === null) return [];
      const { id, reason } = gate.run;
      if (gate.reason === reason) this.#gates.set(scope, ACTIVE, { event: 'resumed', reason });
      else this.#gates.put(scope, { ...gate, run: null });
      return [{ sender: scope, id }];
    });
  }

  /** An operator ends a run; recipients are counted from none. Null = there is no run. */
  resume(sender: string | null): GateChange | null {
    const gate = this.#gates.of(sender);
    if (gate.kind !== 'suspended' || gate.run === null) return null;
    this.#count.clear(sender);
    return gate.reason === gate.run.reason
      ? this.#gates.set(sender, ACTIVE, { event: 'resumed', reason: 'operator' })
      : this.#gates.set(sender, halfOpen({ ...gate, run: null }), {
          ...{ event: null, reason: gate.reason },
        });
  }

  /* Where the gate is shut for another reason (an operator, no credit), no run begins. */
  #refuse(
    claim: HealthClaim,
    about: { readonly sender: string | null; readonly reason: LaneReason; readonly now: number },
  ): SetAside | null {
    const { sender, reason, now } = about;
    const gate = this.#gates.of(sender);
    const isProbe = gate.kind === 'suspended' && gate.probeId === claim.id;
    const open = gate.kind === 'suspended' ? gate.run : null;
    if (open === null && gate.kind !== 'active' && !isProbe) return null;
    const run = {
      id: open?.id ?? claim.id,
      reason: open?.reason ?? reason,
      refused: (open?.refused ?? 0) + 1,
    } satisfies RefusalRun;
    if (gate.kind === 'suspended' && open !== null && !isProbe) {
      this.#gates.put(sender, { ...gate, run });
    } else {
      const since = gate.kind === 'suspended' && open !== null ? gate.since : now;
      this.#gates.set(sender, judge(run, { since, from: claim.claimedAt, now }), {
        event: open === null ? 'suspended' : null,
        reason: run.reason,
      });
    }
    return { sender, run: run.id };
  }
}
