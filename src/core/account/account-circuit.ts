/**
 * The trouble of one account and its senders: which verdicts are the message's own fault and which are not,
 * and what its circuits do about it (CONTRACT.md §5). It changes verdicts before settle sees them.
 *
 * Always holds: a mistake in the configuration or an outage burns no backlog (attempts are given back), and
 * one poison message fails alone. No I/O, no clock: instants are Unix seconds and come in as arguments.
 * What it remembers is bounded and need not survive a restart.
 */
import type { LaneReason } from './stop-reasons.ts';
import {
  ACTIVE,
  halfOpen,
  probeWith,
  REFUSED,
  suspend,
  suspendAgain,
  UNREACHABLE,
  UNREADABLE,
  type CircuitState,
  type ProbeSchedule,
  type Suspended,
} from './circuit.ts';
import { CircuitSet } from './circuit-set.ts';
import type { CircuitChange, CircuitClaim, Judged, SetAside } from './judged.ts';
import type { RunEnd } from './refusal-run.ts';
import { RunJudge, type OpenRun } from './run-judge.ts';
import { LOW_BALANCE, SPEND_LIMIT, type Budget, type Stop } from './safety.ts';
import { Streaks } from './streaks.ts';
import { Suspects } from './suspects.ts';
import type { Verdict } from '../answer/verdict.ts';

export type { CircuitChange, CircuitClaim, Judged, SetAside } from './judged.ts';

/** Unanswered requests in a row that mean the gateway is down. */
const UNANSWERED_LIMIT = 5;

/** Why an account is suspended whose answers come and cannot be read, as in `accounts.reason`. */
export const ANSWER_UNREADABLE = 'answer-unreadable';

const NOTHING: Omit<Judged, 'verdict'> = { changes: [], setAside: null, ended: [] };

export class AccountCircuit {
  /** What the account may cost; null = nobody asks. */
  budget: Budget | null;
  readonly #circuits = new CircuitSet();
  readonly #runs = new RunJudge(this.#circuits);
  readonly #suspects = new Suspects();
  readonly #streaks = new Streaks();
  /** Recipients in a row whose answer could not be read; no more than count. */
  readonly #unread = new Set<string>();
  #unanswered = 0;
  #ended: readonly RunEnd[] = [];
  #setAside: SetAside | null = null;

  constructor(budget: Budget | null = null) {
    this.budget = budget;
  }

  stateOf(sender: string | null = null): CircuitState {
    return this.#circuits.of(sender);
  }

  /** Senders whose state is not simply open. */
  get troubledSenders(): ReadonlyMap<string, CircuitState> {
    return this.#circuits.senders;
  }

  /** How many messages of the account (null), or of a sender of it, may go now. */
  mayPass(sender: string | null): 'all' | 'one' | 'none' {
    return this.#circuits.mayPass(sender);
  }

  /** Messages that suspended the account lately: another one is to be the probe. */
  isSuspect(messageId: number): boolean {
    return this.#suspects.has(messageId);
  }

  /** A message goes out through circuits of which at least one is half-open. */
  began(claim: CircuitClaim): void {
    for (const scope of [null, claim.sender]) {
      const state = this.#circuits.of(scope);
      if (state.kind === 'suspended') this.#circuits.put(scope, probeWith(state, claim.id));
    }
  }

  /** The probe came back without having left: the state is half-open still. */
  returned(claim: CircuitClaim): void {
    this.#circuits.returned(null, claim.id);
    this.#returnedToSender(claim);
  }

  /** What the verdict on a message means once the account's recent past is taken into account. */
  judge(claim: CircuitClaim, verdict: Verdict, now: number): Judged {
    if (this.#isQuiet(verdict)) return { ...NOTHING, verdict };
    this.#ended = [];
    this.#setAside = null;
    const judged = this.#judge(claim, verdict, now);
    return {
      verdict: judged,
      changes: this.#circuits.takeChanges(),
      setAside: this.#setAside,
      ended: this.#ended,
    };
  }

  /** The run of refusals that a probe would be for; null = none is open. The account's comes first. */
  runOf(sender: string | null): OpenRun | null {
    return this.#runs.openOf(sender);
  }

  /** An operator's word. Null = there was nothing to change. */
  setPaused(sender: string | null, isPaused: boolean, now: number): CircuitChange | null {
    const state = this.stateOf(sender);
    if (isPaused) {
      if (state.kind === 'paused') return null;
      return this.#noted(this.#set(sender, { kind: 'paused', since: now }, 'paused', 'operator'));
    }
    if (state.kind === 'paused') {
      const held = sender === null ? this.enforceBudget(now) : null;
      return held ?? this.#noted(this.#set(sender, ACTIVE, 'resumed', 'operator'));
    }
    if (state.kind !== 'suspended') return null;
    if (sender === null && this.budget?.holds(state.reason) === true) return this.askAgain(now);
    if (state.run !== null) return this.#noted(this.#runs.resume(sender));
    return this.#noted(this.#set(sender, halfOpen(state), null, state.reason));
  }

  /** Whether the account has spent what a day allows: only midnight or the configuration lets it go on. */
  get isSpent(): boolean {
    const state = this.stateOf();
    return state.kind === 'suspended' && state.reason === SPEND_LIMIT && this.#holds(state.reason);
  }

  /** Suspends the account if it has spent enough or has too little left. Null = it may go on, or is suspended for it. */
  enforceBudget(now: number): CircuitChange | null {
    const state = this.stateOf();
    const stop = this.budget?.stop(now) ?? null;
    if (stop === null || (state.kind === 'suspended' && state.reason === stop.reason)) return null;
    const run = state.kind === 'suspended' ? state.run : null;
    const shut = { ...suspend(stop.reason, stop.schedule, now), run };
    return this.#noted(this.#set(null, shut, 'suspended', stop.reason));
  }

  /** What the account has left is asked about at once. Null = that is not what it is suspended for. */
  askAgain(now: number): CircuitChange | null {
    const state = this.stateOf();
    if (state.kind !== 'suspended' || state.reason !== LOW_BALANCE) return null;
    const asked = { ...state, by: 'balance', isHalfOpen: false, nextProbeAt: now } as const;
    return this.#noted(this.#set(null, asked, null, state.reason));
  }

  /** An operator ends a run of refusals: its rows go again, and are counted from none. Null = there is no run. */
  endRun(sender: string | null): CircuitChange | null {
    return this.#noted(this.#runs.resume(sender));
  }

  /**
   * What the spool remembers from before a restart. A suspended state is tried at once, unless it is for money; a
   * run of refusals goes on when its next probe is due.
   */
  restore(sender: string | null, state: CircuitState): void {
    const isTried = state.kind === 'suspended' && state.run === null && !this.#holds(state.reason);
    this.#circuits.put(sender, isTried ? halfOpen(state) : state);
  }

  /** Moves every instant: the wall clock was set by `by` seconds (below 0: back). */
  shift(seconds: number): void {
    this.#circuits.shift(seconds);
    this.#suspects.shift(seconds);
  }

  /** The time of a probe has come; the caller has asked the balance where the state says so. */
  look(sender: string | null, hasPassed: boolean, now: number): CircuitChange | null {
    const state = this.stateOf(sender);
    if (state.kind !== 'suspended' || state.isHalfOpen) return null;
    const next = hasPassed ? halfOpen(state) : suspendAgain(state, REFUSED, now);
    return this.#noted(this.#set(sender, next, null, state.reason));
  }

  #holds(reason: LaneReason): boolean {
    return this.budget?.holds(reason) === true;
  }

  /* The common answer on a healthy account: nothing to remember, nothing to forget. */
  #isQuiet(verdict: Verdict): boolean {
    return (
      verdict.route === 'await-receipt' &&
      verdict.acts.length === 0 &&
      this.#circuits.areOpen &&
      this.budget === null &&
      this.#suspects.size === 0 &&
      this.#streaks.size === 0 &&
      this.#runs.isIdle &&
      this.#unread.size === 0 &&
      this.#unanswered === 0
    );
  }

  #judge(claim: CircuitClaim, verdict: Verdict, now: number): Verdict {
    const transport = verdict.acts.find((act) => act.kind === 'unanswered');
    if (transport !== undefined) {
      this.#judgeUnanswered(claim, transport.left, now);
      return verdict;
    }
    this.#unanswered = 0;
    const { streak } = verdict;
    if (streak?.kind === 'unreadable') {
      this.#judgeUnreadable(claim, { limit: streak.limit, detail: verdict.errorText, now });
      return verdict;
    }
    this.#unread.clear();
    if (verdict.route === 'await-receipt') this.#noteAccepted(claim);
    const stop = this.#stopOf(verdict, now);
    if (stop !== null) return this.#judgeSuspending(claim, verdict, stop, now);
    if (streak !== null && verdict.route !== 'await-receipt') {
      return streak.kind === 'run'
        ? this.#judgeRefusal(claim, verdict, { now, scope: streak.scope })
        : this.#judgeStreak(claim, verdict, now);
    }
    this.#recover(claim, now);
    return verdict;
  }

  #stopOf({ route, acts }: Verdict, now: number): Stop | null {
    const suspends = acts.find((act) => act.kind === 'suspend');
    if (suspends !== undefined) return { reason: suspends.reason, schedule: REFUSED };
    return route === 'await-receipt' ? (this.budget?.stop(now) ?? null) : null;
  }

  #noteAccepted(claim: CircuitClaim): void {
    this.#streaks.accepted(claim.sender);
    this.#suspects.forget(claim.id);
    this.#suspects.pass(claim.claimedAt);
    this.#ended = this.#runs.accepted(claim.sender);
  }

  /* The message may have been accepted, and the next one may be: sending on would leave nobody knowing of any. */
  #judgeUnreadable(
    claim: CircuitClaim,
    about: { readonly limit: number; readonly detail: string | null; readonly now: number },
  ): void {
    const { limit, detail, now } = about;
    this.#unread.add(claim.recipient);
    const state = this.#circuits.of(null);
    const isProbe = state.kind === 'suspended' && state.probeId === claim.id;
    this.#returnedToSender(claim);
    if (state.kind === 'suspended' && isProbe && state.reason === ANSWER_UNREADABLE) {
      this.#set(null, suspendAgain(state, UNREADABLE, now), null, state.reason);
    } else if ((state.kind === 'active' || isProbe) && this.#unread.size >= limit) {
      this.#unread.clear();
      const run = state.kind === 'suspended' ? state.run : null;
      const shut = { ...suspend(ANSWER_UNREADABLE, UNREADABLE, now), run };
      this.#circuits.set(null, shut, { event: 'suspended', reason: ANSWER_UNREADABLE, detail });
    } else this.#runs.goOn(null, claim, now);
  }

  #judgeUnanswered(claim: CircuitClaim, left: boolean, now: number): void {
    this.#unanswered += 1;
    this.#returnedToSender(claim);
    const state = this.#circuits.of(null);
    if (state.kind === 'suspended') {
      if (state.probeId === claim.id) {
        this.#set(null, suspendAgain(state, UNREACHABLE, now), null, state.reason);
      }
      return;
    }
    if (state.kind === 'active' && (!left || this.#unanswered >= UNANSWERED_LIMIT)) {
      this.#set(null, suspend('gateway-down', UNREACHABLE, now), 'suspended', 'gateway-down');
    }
  }

  #judgeSuspending(claim: CircuitClaim, verdict: Verdict, stop: Stop, now: number): Verdict {
    const isAccepted = verdict.route === 'await-receipt';
    if (verdict.route === 'retry' && this.#suspects.hasBeenPassed(claim.id)) {
      return this.#alone(claim, verdict, now);
    }
    this.#shut(claim, { sender: null, ...stop }, now);
    if (isAccepted) this.#suspects.forget(claim.id);
    this.#returnedToSender(claim);
    return verdict;
  }

  #judgeStreak(claim: CircuitClaim, verdict: Verdict, now: number): Verdict {
    const { streak, reason } = verdict;
    if (streak === null) return verdict;
    const sender = streak.scope === 'sender' ? claim.sender : null;
    const count = this.#streaks.refused(sender, reason, claim.recipient);
    if (count < streak.limit && !this.#isSameAgain(claim, sender, reason)) {
      this.#recover(claim, now);
      return verdict;
    }
    if (this.#suspects.hasBeenPassed(claim.id)) return this.#alone(claim, verdict, now);
    this.#shut(claim, { sender, reason, schedule: UNREACHABLE }, now);
    if (sender === null) this.#returnedToSender(claim);
    else this.#recoverAccount(claim, now);
    return { ...verdict, route: 'retry', scope: streak.scope };
  }

  /* The first nine recipients fail by themselves; from the tenth on each refusal waits for its run. */
  #judgeRefusal(
    claim: CircuitClaim,
    verdict: Verdict,
    { scope, now }: { readonly scope: 'sender' | 'account'; readonly now: number },
  ): Verdict {
    const refusal = this.#runs.refused(claim, { scope, reason: verdict.reason, now });
    if (refusal === null) {
      this.#recover(claim, now);
      return verdict;
    }
    const { sender, setAside } = refusal;
    this.#setAside = setAside;
    if (sender === null) this.#runs.goOn(claim.sender, claim, now);
    else this.#recoverAccount(claim, now);
    return { ...verdict, route: 'retry', scope: sender === null ? 'account' : 'sender' };
  }

  /* The probe of a state that met the same refusal again needs no new streak. */
  #isSameAgain(claim: CircuitClaim, sender: string | null, reason: LaneReason): boolean {
    const state = this.stateOf(sender);
    return state.kind === 'suspended' && state.probeId === claim.id && state.reason === reason;
  }

  /* The same trouble twice while others got through in between: it is this message after all. */
  #alone(claim: CircuitClaim, verdict: Verdict, now: number): Verdict {
    this.#suspects.forget(claim.id);
    this.#recover(claim, now);
    return {
      ...verdict,
      route: 'permanent-failure',
      scope: 'message',
      reason: 'refused-alone',
      acts: [],
    };
  }

  #shut(
    claim: CircuitClaim,
    why: { sender: string | null; reason: LaneReason; schedule: ProbeSchedule },
    now: number,
  ): void {
    const state = this.stateOf(why.sender);
    if (state.kind === 'paused') return;
    if (state.kind === 'suspended' && state.probeId !== claim.id) return;
    this.#suspects.remember(claim.id, now);
    if (state.kind === 'suspended' && state.reason === why.reason) {
      this.#set(why.sender, suspendAgain(state, why.schedule, now), null, why.reason);
    } else {
      const run = state.kind === 'suspended' ? state.run : null;
      const shut = { ...suspend(why.reason, why.schedule, now), run };
      this.#set(why.sender, shut, 'suspended', why.reason);
    }
  }

  /* A probe of the sender's state met trouble that is not the sender's: the state is half-open still. */
  #returnedToSender(claim: CircuitClaim): void {
    this.#circuits.returned(claim.sender, claim.id);
  }

  /* Answered without the account's trouble: what was half-open opens, unless a run is to be judged. */
  #recover(claim: CircuitClaim, now: number): void {
    this.#recoverAccount(claim, now);
    this.#recoverCircuit(claim.sender, claim, now);
  }

  #recoverAccount(claim: CircuitClaim, now: number): void {
    const state = this.#circuits.of(null);
    if (state.kind === 'suspended' && this.#isProof(state, claim))
      this.#recoverCircuit(null, claim, now);
  }

  #recoverCircuit(sender: string | null, claim: CircuitClaim, now: number): void {
    const state = this.stateOf(sender);
    if (state.kind !== 'suspended') return;
    if (state.run !== null) this.#runs.goOn(sender, claim, now);
    else if (sender === null || state.probeId === claim.id) {
      this.#set(sender, ACTIVE, 'resumed', state.reason);
    }
  }

  /* An answer heals a gateway that was down whoever got it, if the request left after the trouble began. */
  #isProof(state: Suspended, claim: CircuitClaim): boolean {
    if (state.probeId === claim.id) return true;
    return state.reason === 'gateway-down' && claim.claimedAt >= state.since;
  }

  #set(
    sender: string | null,
    state: CircuitState,
    event: CircuitChange['event'],
    reason: LaneReason | null,
  ): CircuitChange {
    return this.#circuits.set(sender, state, { event, reason });
  }

  /* A change that the caller is given is not among those of the next answer. */
  #noted(change: CircuitChange | null): CircuitChange | null {
    this.#circuits.takeChanges();
    return change;
  }
}
