/**
 * The trouble of one account and its senders: which verdicts are the message's own fault and which are not,
 * and what its gates do about it (contract §7, Suspension). It changes verdicts before settle sees them.
 *
 * Always holds: a mistake in the configuration or an outage burns no backlog (attempts are given back), and
 * one poison message fails alone. No I/O, no clock: instants are Unix seconds and come in as arguments.
 * What it remembers is bounded and need not survive a restart.
 */
import {
  ACTIVE,
  halfOpen,
  judge,
  mayPass,
  probeWith,
  REFUSED,
  suspend,
  suspendAgain,
  UNREACHABLE,
  type GateState,
  type ProbeSchedule,
  type Suspended,
} from './gate.ts';
import type { GateChange, HealthClaim, Judged, SetAside } from './judged.ts';
import { RefusalCount, type RefusalRun, type RunEnd } from './refusal-run.ts';
import type { Budget, Stop } from './safety.ts';
import { Streaks } from './streaks.ts';
import { Suspects } from './suspects.ts';
import type { Verdict } from './verdict.ts';

export type { GateChange, HealthClaim, Judged, SetAside } from './judged.ts';

/** Unanswered requests in a row that mean the gateway is down. */
const UNANSWERED_LIMIT = 5;

const NOTHING: Omit<Judged, 'verdict'> = { changes: [], setAside: null, ended: [] };

export class AccountHealth {
  /** What the account may cost; null = nobody asks. */
  budget: Budget | null;
  #gate: GateState = ACTIVE;
  readonly #senderGates = new Map<string, GateState>();
  readonly #suspects = new Suspects();
  readonly #streaks = new Streaks();
  readonly #refusals = new RefusalCount();
  #unanswered = 0;
  #changes: GateChange[] = [];
  #ended: RunEnd[] = [];
  #setAside: SetAside | null = null;

  constructor(budget: Budget | null = null) {
    this.budget = budget;
  }

  gate(sender: string | null = null): GateState {
    return sender === null ? this.#gate : (this.#senderGates.get(sender) ?? ACTIVE);
  }

  /** Senders whose gate is not simply open. */
  get troubledSenders(): ReadonlyMap<string, GateState> {
    return this.#senderGates;
  }

  /** How many messages of a sender may go now. */
  mayPass(sender: string): 'all' | 'one' | 'none' {
    const account = mayPass(this.#gate);
    if (account === 'none' || this.#senderGates.size === 0) return account;
    const own = mayPass(this.gate(sender));
    return own === 'all' ? account : own;
  }

  /** Messages that suspended the account lately: another one is to be the probe. */
  isSuspect(messageId: number): boolean {
    return this.#suspects.has(messageId);
  }

  /** A message goes out through gates of which at least one is half-open. */
  began(claim: HealthClaim): void {
    if (this.#gate.kind === 'suspended') this.#gate = probeWith(this.#gate, claim.id);
    const own = this.gate(claim.sender);
    if (own.kind === 'suspended') this.#senderGates.set(claim.sender, probeWith(own, claim.id));
  }

  /** The probe came back without having left: the gate is half-open still. */
  returned(claim: HealthClaim): void {
    if (this.#gate.kind === 'suspended' && this.#gate.probeId === claim.id) {
      this.#gate = halfOpen(this.#gate);
    }
    this.#returnedToSender(claim);
  }

  /** What the verdict on a message means once the account's recent past is taken into account. */
  judge(claim: HealthClaim, verdict: Verdict, now: number): Judged {
    if (this.#isQuiet(verdict)) return { ...NOTHING, verdict };
    this.#changes = [];
    this.#ended = [];
    this.#setAside = null;
    const judged = this.#judge(claim, verdict, now);
    return {
      verdict: judged,
      changes: this.#changes,
      setAside: this.#setAside,
      ended: this.#ended,
    };
  }

  /** The run of refusals that a probe would be for; null = none is open. The account's comes first. */
  runOf(sender: string): (RefusalRun & { readonly sender: string | null }) | null {
    for (const scope of [null, sender]) {
      const gate = this.gate(scope);
      if (gate.kind === 'suspended' && gate.run !== null) return { ...gate.run, sender: scope };
    }
    return null;
  }

  /** An operator's word. Null = there was nothing to change. */
  setPaused(sender: string | null, isPaused: boolean, now: number): GateChange | null {
    const gate = this.gate(sender);
    if (isPaused) {
      if (gate.kind === 'paused') return null;
      return this.#set(sender, { kind: 'paused', since: now }, 'paused', 'operator');
    }
    if (gate.kind === 'paused') return this.#set(sender, ACTIVE, 'resumed', 'operator');
    if (gate.kind !== 'suspended') return null;
    if (gate.run !== null) return this.endRun(sender);
    this.budget?.lift(gate.reason);
    return this.#set(sender, halfOpen(gate), null, gate.reason);
  }

  /** An operator ends a run of refusals: its rows go again, and are counted from none. Null = there is no run. */
  endRun(sender: string | null): GateChange | null {
    const gate = this.gate(sender);
    if (gate.kind !== 'suspended' || gate.run === null) return null;
    this.#refusals.clear(sender);
    if (gate.reason === gate.run.reason) return this.#set(sender, ACTIVE, 'resumed', 'operator');
    return this.#set(sender, halfOpen({ ...gate, run: null }), null, gate.reason);
  }

  /**
   * What the spool remembers from before a restart. A suspended gate is tried at once, unless it is for money; a
   * run of refusals goes on when its next probe is due.
   */
  restore(sender: string | null, gate: GateState): void {
    const isTried =
      gate.kind === 'suspended' && gate.run === null && this.budget?.holds(gate.reason) !== true;
    this.#put(sender, isTried ? halfOpen(gate) : gate);
  }

  /** The time of a probe has come; the caller has asked the balance where the gate says so. */
  look(sender: string | null, hasPassed: boolean, now: number): GateChange | null {
    const gate = this.gate(sender);
    if (gate.kind !== 'suspended' || gate.isHalfOpen) return null;
    const next = hasPassed ? halfOpen(gate) : suspendAgain(gate, REFUSED, now);
    return this.#set(sender, next, null, gate.reason);
  }

  /* The common answer on a healthy account: nothing to remember, nothing to forget. */
  #isQuiet(verdict: Verdict): boolean {
    return (
      verdict.route === 'await-receipt' &&
      verdict.acts.length === 0 &&
      this.#gate.kind === 'active' &&
      this.budget === null &&
      this.#senderGates.size === 0 &&
      this.#suspects.size === 0 &&
      this.#streaks.size === 0 &&
      this.#refusals.size === 0 &&
      this.#unanswered === 0
    );
  }

  #judge(claim: HealthClaim, verdict: Verdict, now: number): Verdict {
    const transport = verdict.acts.find((act) => act.kind === 'unanswered');
    if (transport !== undefined) {
      this.#judgeUnanswered(claim, transport.left, now);
      return verdict;
    }
    this.#unanswered = 0;
    if (verdict.route === 'await-receipt') this.#noteAccepted(claim);
    const stop = this.#stopOf(verdict, now);
    if (stop !== null) return this.#judgeSuspending(claim, verdict, stop, now);
    if (verdict.streak !== null && verdict.route !== 'await-receipt') {
      return verdict.streak.kind === 'run'
        ? this.#judgeRefusal(claim, verdict, { now, scope: verdict.streak.scope })
        : this.#judgeStreak(claim, verdict, now);
    }
    this.#heal(claim, now);
    return verdict;
  }

  #stopOf({ route, acts }: Verdict, now: number): Stop | null {
    const suspends = acts.find((act) => act.kind === 'suspend');
    if (suspends !== undefined) return { reason: suspends.reason, schedule: REFUSED };
    return route === 'await-receipt' ? (this.budget?.stop(now) ?? null) : null;
  }

  #noteAccepted(claim: HealthClaim): void {
    this.#streaks.accepted(claim.sender);
    this.#refusals.clear(claim.sender);
    this.#suspects.forget(claim.id);
    this.#suspects.pass(claim.claimedAt);
    this.#endRun(null);
    this.#endRun(claim.sender);
  }

  /* One accepted message proves that not every message is refused: those that were fail by themselves. */
  #endRun(sender: string | null): void {
    const gate = this.gate(sender);
    if (gate.kind !== 'suspended' || gate.run === null) return;
    const { id, reason } = gate.run;
    this.#ended.push({ sender, id });
    if (gate.reason === reason) this.#set(sender, ACTIVE, 'resumed', reason);
    else this.#put(sender, { ...gate, run: null });
  }

  #judgeUnanswered(claim: HealthClaim, left: boolean, now: number): void {
    this.#unanswered += 1;
    this.#returnedToSender(claim);
    const gate = this.#gate;
    if (gate.kind === 'suspended') {
      if (gate.probeId === claim.id) {
        this.#set(null, suspendAgain(gate, UNREACHABLE, now), null, gate.reason);
      }
      return;
    }
    if (gate.kind === 'active' && (!left || this.#unanswered >= UNANSWERED_LIMIT)) {
      this.#set(null, suspend('gateway-down', UNREACHABLE, now), 'suspended', 'gateway-down');
    }
  }

  #judgeSuspending(claim: HealthClaim, verdict: Verdict, stop: Stop, now: number): Verdict {
    const isAccepted = verdict.route === 'await-receipt';
    if (!isAccepted && this.#suspects.hasBeenPassed(claim.id)) {
      return this.#alone(claim, verdict, now);
    }
    this.#shut(claim, { sender: null, ...stop }, now);
    if (isAccepted) this.#suspects.forget(claim.id);
    this.#returnedToSender(claim);
    return verdict;
  }

  #judgeStreak(claim: HealthClaim, verdict: Verdict, now: number): Verdict {
    const { streak, reason } = verdict;
    if (streak === null) return verdict;
    const sender = streak.scope === 'sender' ? claim.sender : null;
    const count = this.#streaks.refused(sender, reason, claim.recipient);
    if (count < streak.limit && !this.#isSameAgain(claim, sender, reason)) {
      this.#heal(claim, now);
      return verdict;
    }
    if (this.#suspects.hasBeenPassed(claim.id)) return this.#alone(claim, verdict, now);
    this.#shut(claim, { sender, reason, schedule: UNREACHABLE }, now);
    if (sender === null) this.#returnedToSender(claim);
    else this.#healAccount(claim, now);
    return { ...verdict, route: 'retry', scope: streak.scope };
  }

  /* The first nine recipients fail by themselves; from the tenth on each refusal waits for its run. */
  #judgeRefusal(
    claim: HealthClaim,
    verdict: Verdict,
    { scope, now }: { readonly scope: 'sender' | 'account'; readonly now: number },
  ): Verdict {
    const open = this.runOf(claim.sender);
    const sender = open === null ? this.#refusals.refused(claim, scope) : open.sender;
    if (sender === undefined) {
      this.#heal(claim, now);
      return verdict;
    }
    this.#refuse(claim, { sender, reason: verdict.reason, now });
    if (sender === null) this.#continueRun(claim.sender, claim, now);
    else this.#healAccount(claim, now);
    return { ...verdict, route: 'retry', scope: sender === null ? 'account' : 'sender' };
  }

  /* Where the gate is shut for another reason (an operator, no credit), no run begins: the message just waits. */
  #refuse(
    claim: HealthClaim,
    about: { readonly sender: string | null; readonly reason: string; readonly now: number },
  ): void {
    const { sender, reason, now } = about;
    const gate = this.gate(sender);
    const isProbe = gate.kind === 'suspended' && gate.probeId === claim.id;
    const open = gate.kind === 'suspended' ? gate.run : null;
    if (open === null && gate.kind !== 'active' && !isProbe) return;
    const run = {
      id: open?.id ?? claim.id,
      reason: open?.reason ?? reason,
      refused: (open?.refused ?? 0) + 1,
    };
    this.#setAside = { sender, run: run.id };
    if (gate.kind === 'suspended' && open !== null && !isProbe) {
      this.#put(sender, { ...gate, run });
      return;
    }
    const since = gate.kind === 'suspended' && open !== null ? gate.since : now;
    const event = open === null ? 'suspended' : null;
    this.#set(sender, judge(run, { since, from: claim.claimedAt, now }), event, run.reason);
  }

  /* The probe of a run was answered, and neither accepted nor refused for it: the next one follows. */
  #continueRun(sender: string | null, claim: HealthClaim, now: number): void {
    const gate = this.gate(sender);
    if (gate.kind !== 'suspended' || gate.probeId !== claim.id) return;
    const { run, since } = gate;
    if (run === null) this.#put(sender, halfOpen(gate));
    else this.#set(sender, judge(run, { since, from: claim.claimedAt, now }), null, run.reason);
  }

  /* The probe of a gate that met the same refusal again needs no new streak. */
  #isSameAgain(claim: HealthClaim, sender: string | null, reason: string): boolean {
    const gate = this.gate(sender);
    return gate.kind === 'suspended' && gate.probeId === claim.id && gate.reason === reason;
  }

  /* The same trouble twice while others got through in between: it is this message after all. */
  #alone(claim: HealthClaim, verdict: Verdict, now: number): Verdict {
    this.#suspects.forget(claim.id);
    this.#heal(claim, now);
    return {
      ...verdict,
      route: 'permanent-failure',
      scope: 'message',
      reason: 'refused-alone',
      acts: [],
    };
  }

  #shut(
    claim: HealthClaim,
    why: { sender: string | null; reason: string; schedule: ProbeSchedule },
    now: number,
  ): void {
    const gate = this.gate(why.sender);
    if (gate.kind === 'paused') return;
    if (gate.kind === 'suspended' && gate.probeId !== claim.id) return;
    this.#suspects.remember(claim.id, now);
    if (gate.kind === 'suspended' && gate.reason === why.reason) {
      this.#set(why.sender, suspendAgain(gate, why.schedule, now), null, why.reason);
    } else {
      const run = gate.kind === 'suspended' ? gate.run : null;
      const shut = { ...suspend(why.reason, why.schedule, now), run };
      this.#set(why.sender, shut, 'suspended', why.reason);
    }
  }

  /* A probe of the sender's gate met trouble that is not the sender's: the gate is half-open still. */
  #returnedToSender(claim: HealthClaim): void {
    const own = this.gate(claim.sender);
    if (own.kind === 'suspended' && own.probeId === claim.id) {
      this.#senderGates.set(claim.sender, halfOpen(own));
    }
  }

  /* Answered without the account's trouble: what was half-open opens, unless a run is to be judged. */
  #heal(claim: HealthClaim, now: number): void {
    this.#healAccount(claim, now);
    this.#healGate(claim.sender, claim, now);
  }

  #healAccount(claim: HealthClaim, now: number): void {
    const gate = this.#gate;
    if (gate.kind === 'suspended' && this.#isProof(gate, claim)) this.#healGate(null, claim, now);
  }

  #healGate(sender: string | null, claim: HealthClaim, now: number): void {
    const gate = this.gate(sender);
    if (gate.kind !== 'suspended') return;
    if (gate.run !== null) this.#continueRun(sender, claim, now);
    else if (sender === null || gate.probeId === claim.id) {
      this.#set(sender, ACTIVE, 'resumed', gate.reason);
    }
  }

  /* An answer heals a gateway that was down whoever got it, if the request left after the trouble began. */
  #isProof(gate: Suspended, claim: HealthClaim): boolean {
    if (gate.probeId === claim.id) return true;
    return gate.reason === 'gateway-down' && claim.claimedAt >= gate.since;
  }

  #set(
    sender: string | null,
    gate: GateState,
    event: GateChange['event'],
    reason: string | null,
  ): GateChange {
    this.#put(sender, gate);
    const change = { sender, gate, event, reason };
    this.#changes.push(change);
    return change;
  }

  #put(sender: string | null, gate: GateState): void {
    if (sender === null) this.#gate = gate;
    else if (gate.kind === 'active') this.#senderGates.delete(sender);
    else this.#senderGates.set(sender, gate);
  }
}
