/**
 * Decides which verdicts are the message's own fault and which are trouble of its account or sender, and what their
 * circuits do about it (CONTRACT.md §5). It changes verdicts before settle sees them.
 *
 * Always holds: a mistake in the configuration or an outage burns no backlog (attempts are given back), and
 * one poison message fails alone. No I/O, no clock: instants are Unix seconds and come in as arguments.
 * What it remembers is bounded and need not survive a restart.
 */
import type { LaneReason } from './stop-reasons.ts';
import {
  ACTIVE,
  halfOpen,
  isProbe,
  probeWith,
  REFUSED,
  runOf,
  suspend,
  suspendAgain,
  UNREACHABLE,
  UNREADABLE,
  type CircuitState,
} from './circuit.ts';
import { CircuitSet, type CircuitChange } from './circuit-set.ts';
import {
  addRecipient,
  setIn,
  type CircuitClaim,
  type RunEnd,
  type SetAside,
} from './refusal-run.ts';
import { RunJudge, type OpenRun } from './run-judge.ts';
import { LOW_BALANCE, SPEND_LIMIT, type Budget, type BudgetStop } from './safety.ts';
import { Suspects } from './suspects.ts';
import type { Streak, Verdict } from '../answer/verdict.ts';

export type { CircuitChange } from './circuit-set.ts';
export type { CircuitClaim, SetAside } from './refusal-run.ts';

/** Unanswered requests in a row that mean the gateway is down. */
const UNANSWERED_LIMIT = 5;

/** Why an account is suspended whose answers come and cannot be read, as in `accounts.reason`. */
export const ANSWER_UNREADABLE = 'answer-unreadable';

const NOTHING: Omit<Judged, 'verdict'> = { changes: [], setAside: null, ended: [] };

export interface Judged {
  readonly verdict: Verdict;
  readonly changes: readonly CircuitChange[];
  /** Null = what the verdict says follows at once. */
  readonly setAside: SetAside | null;
  /** Runs that this answer ended. */
  readonly ended: readonly RunEnd[];
}

export class AccountCircuit {
  /** What the account may cost; null = no limit. */
  budget: Budget | null;
  readonly #circuits = new CircuitSet();
  readonly #runs = new RunJudge(this.#circuits);
  readonly #suspects = new Suspects();
  /** Status of an outage → recipients in a row that met it since the last acceptance. */
  readonly #outages = new Map<string, Set<string>>();
  /** Recipients in a row whose answer could not be read. */
  readonly #unread = new Set<string>();
  #unanswered = 0;

  constructor(budget: Budget | null = null) {
    this.budget = budget;
  }

  stateOf(sender: string | null = null): CircuitState {
    return this.#circuits.of(sender);
  }

  /** Senders whose circuit is not simply closed. */
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
      const state = this.stateOf(scope);
      if (state.kind === 'suspended') this.#circuits.put(scope, probeWith(state, claim.id));
    }
  }

  /** The probe came back without having left: the circuit is half-open still. */
  returned(claim: CircuitClaim): void {
    for (const scope of [null, claim.sender]) this.#circuits.returned(scope, claim.id);
  }

  /** What the verdict on a message means once the account's recent past is taken into account. */
  judge(claim: CircuitClaim, verdict: Verdict, now: number): Judged {
    if (this.#isQuiet(verdict)) return { ...NOTHING, verdict };
    const ended = verdict.route === 'await-receipt' ? this.#noteAccepted(claim) : [];
    const judged = { setAside: null, ...this.#judge(claim, verdict, now) };
    return { verdict, ...judged, changes: this.#circuits.takeChanges(), ended };
  }

  /** The run of refusals that a probe would be for; null = none is open. The account's comes first. */
  runOf(sender: string | null): OpenRun | null {
    return this.#runs.openOf(sender);
  }

  /** An operator's word. Null = there was nothing to change. */
  setPaused(sender: string | null, isPaused: boolean, now: number): CircuitChange | null {
    const state = this.stateOf(sender);
    if (isPaused && state.kind !== 'paused') {
      const paused = { kind: 'paused', since: now } as const;
      this.#circuits.change(sender, paused, { event: 'paused', reason: 'operator' });
    } else if (!isPaused && state.kind === 'paused') {
      const held = sender === null ? this.enforceBudget(now) : null;
      if (held !== null) return held;
      this.#circuits.change(sender, ACTIVE, { event: 'resumed', reason: 'operator' });
    } else if (!isPaused && state.kind === 'suspended') {
      if (sender === null && this.#holds(state.reason)) return this.askAgain(now);
      if (state.run !== null) return this.endRun(sender);
      this.#circuits.change(sender, halfOpen(state), { event: null, reason: state.reason });
    }
    return this.#changed();
  }

  /** Whether the account has spent what a day allows: only midnight or the configuration lets it go on. */
  get isSpent(): boolean {
    const state = this.stateOf();
    return state.kind === 'suspended' && state.reason === SPEND_LIMIT && this.#holds(SPEND_LIMIT);
  }

  /** Suspends the account if it has spent enough or has too little left. Null = it may go on, or is suspended for it. */
  enforceBudget(now: number): CircuitChange | null {
    const state = this.stateOf();
    const stop = this.budget?.stop(now) ?? null;
    if (stop === null || (state.kind === 'suspended' && state.reason === stop.reason)) return null;
    this.#suspend(stop, now);
    return this.#changed();
  }

  /** What the account has left is asked about at once. Null = that is not what it is suspended for. */
  askAgain(now: number): CircuitChange | null {
    const state = this.stateOf();
    if (state.kind !== 'suspended' || state.reason !== LOW_BALANCE) return null;
    const asked = { ...state, by: 'balance', isHalfOpen: false, nextProbeAt: now } as const;
    this.#circuits.change(null, asked, { event: null, reason: state.reason });
    return this.#changed();
  }

  /** An operator ends a run of refusals: its rows go again, and are counted from none. Null = there is no run. */
  endRun(sender: string | null): CircuitChange | null {
    this.#runs.resume(sender);
    return this.#changed();
  }

  /**
   * What the spool remembers from before a restart. A suspended circuit is tried at once, unless it is for money; a
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

  /** The time of a probe has come; the caller has asked the balance where the circuit says so. */
  look(sender: string | null, hasPassed: boolean, now: number): CircuitChange | null {
    const state = this.stateOf(sender);
    if (state.kind !== 'suspended' || state.isHalfOpen) return null;
    const next = hasPassed ? halfOpen(state) : suspendAgain(state, REFUSED, now);
    this.#circuits.change(sender, next, { event: null, reason: state.reason });
    return this.#changed();
  }

  /* The one change that a caller asked for. It is not among those of the next answer. */
  #changed(): CircuitChange | null {
    return this.#circuits.takeChanges()[0] ?? null;
  }

  #holds(reason: LaneReason): boolean {
    return this.budget?.holds(reason) === true;
  }

  /* The common answer on a healthy account: nothing to remember, nothing to forget. */
  #isQuiet(verdict: Verdict): boolean {
    return (
      verdict.route === 'await-receipt' &&
      verdict.acts.length === 0 &&
      this.#circuits.areClosed &&
      this.budget === null &&
      this.#suspects.size === 0 &&
      this.#outages.size === 0 &&
      this.#runs.isIdle &&
      this.#unread.size === 0 &&
      this.#unanswered === 0
    );
  }

  #noteAccepted(claim: CircuitClaim): readonly RunEnd[] {
    this.#outages.clear();
    this.#suspects.forget(claim.id);
    this.#suspects.pass(claim.claimedAt);
    return this.#runs.accepted(claim.sender);
  }

  /* What is left out stays: the verdict as it is, and nothing set aside. */
  #judge(
    claim: CircuitClaim,
    verdict: Verdict,
    now: number,
  ): Partial<Pick<Judged, 'verdict' | 'setAside'>> {
    const transport = verdict.acts.find((act) => act.kind === 'unanswered');
    if (transport !== undefined) {
      this.#judgeUnanswered(claim, transport.left, now);
      return {};
    }
    this.#unanswered = 0;
    const { streak } = verdict;
    if (streak?.kind === 'unreadable') {
      this.#judgeUnreadable(claim, { limit: streak.limit, detail: verdict.errorText, now });
      return {};
    }
    this.#unread.clear();
    const stop = this.#stopOf(verdict, now);
    if (stop !== null) return this.#judgeSuspending(claim, verdict, stop, now);
    if (streak === null || verdict.route === 'await-receipt') {
      this.#recover(claim, now);
      return {};
    }
    return streak.kind === 'run'
      ? this.#judgeRefusal(claim, verdict, { now, scope: streak.scope })
      : this.#judgeOutage(claim, verdict, { now, limit: streak.limit });
  }

  #stopOf({ route, acts }: Verdict, now: number): BudgetStop | null {
    const suspends = acts.find((act) => act.kind === 'suspend');
    if (suspends !== undefined) return { reason: suspends.reason, schedule: REFUSED };
    return route === 'await-receipt' ? (this.budget?.stop(now) ?? null) : null;
  }

  /* The message may have been accepted, and so may the next one: sending on would make them all uncertain. */
  #judgeUnreadable(
    claim: CircuitClaim,
    about: { readonly limit: number; readonly detail: string | null; readonly now: number },
  ): void {
    const { limit, detail, now } = about;
    const isLimit = addRecipient(this.#unread, claim.recipient) >= limit;
    this.#circuits.returned(claim.sender, claim.id);
    const stop = { reason: ANSWER_UNREADABLE, schedule: UNREADABLE, detail } as const;
    if ((isLimit || this.#isSameAgain(claim, stop.reason)) && this.#mayOpen(claim)) {
      this.#unread.clear();
      this.#open(stop, now);
    } else this.#runs.goOn(null, claim, now);
  }

  #judgeUnanswered(claim: CircuitClaim, left: boolean, now: number): void {
    this.#unanswered += 1;
    this.#circuits.returned(claim.sender, claim.id);
    const state = this.stateOf();
    const isKnown = state.kind === 'suspended';
    const isDown = isKnown || !left || this.#unanswered >= UNANSWERED_LIMIT;
    const reason = isKnown ? state.reason : 'gateway-down';
    if (isDown && this.#mayOpen(claim)) this.#open({ reason, schedule: UNREACHABLE }, now);
  }

  #judgeSuspending(
    claim: CircuitClaim,
    verdict: Verdict,
    stop: BudgetStop,
    now: number,
  ): Partial<Judged> {
    if (verdict.route === 'retry' && this.#suspects.hasBeenPassed(claim.id)) {
      return this.#alone(claim, verdict, now);
    }
    this.#shut(claim, stop, now);
    if (verdict.route === 'await-receipt') this.#suspects.forget(claim.id);
    return {};
  }

  #judgeOutage(
    claim: CircuitClaim,
    verdict: Verdict,
    { limit, now }: Pick<Streak, 'limit'> & { readonly now: number },
  ): Partial<Judged> {
    const { reason } = verdict;
    const count = addRecipient(setIn(this.#outages, reason), claim.recipient);
    if (count < limit && !this.#isSameAgain(claim, reason)) {
      this.#recover(claim, now);
      return {};
    }
    if (this.#suspects.hasBeenPassed(claim.id)) return this.#alone(claim, verdict, now);
    this.#shut(claim, { reason, schedule: UNREACHABLE }, now);
    return { verdict: { ...verdict, route: 'retry', scope: 'account' } };
  }

  /* The first nine recipients fail by themselves; from the tenth on each refusal waits for its run. */
  #judgeRefusal(
    claim: CircuitClaim,
    verdict: Verdict,
    { scope, now }: Pick<Streak, 'scope'> & { readonly now: number },
  ): Partial<Judged> {
    const refusal = this.#runs.refused(claim, { scope, reason: verdict.reason, now });
    if (refusal === null) {
      this.#recover(claim, now);
      return {};
    }
    const { sender, setAside } = refusal;
    if (sender === null) this.#runs.goOn(claim.sender, claim, now);
    else this.#recoverAccount(claim, now);
    const waitsFor = sender === null ? 'account' : 'sender';
    return { verdict: { ...verdict, route: 'retry', scope: waitsFor }, setAside };
  }

  /* The probe that met the same trouble again needs no new streak. */
  #isSameAgain(claim: CircuitClaim, reason: LaneReason): boolean {
    const state = this.stateOf();
    return isProbe(state, claim.id) && state.reason === reason;
  }

  /* The same trouble twice while others got through in between: it is this message after all. */
  #alone(claim: CircuitClaim, verdict: Verdict, now: number): Partial<Judged> {
    this.#suspects.forget(claim.id);
    this.#recover(claim, now);
    const own = { route: 'permanent-failure', scope: 'message', reason: 'refused-alone' } as const;
    return { verdict: { ...verdict, ...own, acts: [] } };
  }

  #shut(claim: CircuitClaim, stop: BudgetStop, now: number): void {
    if (this.#mayOpen(claim)) {
      this.#suspects.remember(claim.id, now);
      this.#open(stop, now);
    }
    this.#circuits.returned(claim.sender, claim.id);
  }

  /* While the account is paused or suspended, only its probe tells anything. */
  #mayOpen(claim: CircuitClaim): boolean {
    const state = this.stateOf();
    return state.kind === 'active' || isProbe(state, claim.id);
  }

  /* Suspends the account, or for longer where it is suspended for this already. */
  #open(stop: BudgetStop & { readonly detail?: string | null }, now: number): void {
    const { reason, schedule } = stop;
    const state = this.stateOf();
    if (state.kind === 'suspended' && state.reason === reason) {
      const next = suspendAgain(state, schedule, now);
      this.#circuits.change(null, next, { event: null, reason });
    } else this.#suspend(stop, now);
  }

  /* A run of refusals that is open outlasts it. */
  #suspend(stop: BudgetStop & { readonly detail?: string | null }, now: number): void {
    const { reason, schedule, detail = null } = stop;
    const next = { ...suspend(reason, schedule, now), run: runOf(this.stateOf()) };
    this.#circuits.change(null, next, { event: 'suspended', reason, detail });
  }

  /* Answered without the account's trouble: what was half-open closes, unless a run is to be judged. */
  #recover(claim: CircuitClaim, now: number): void {
    this.#recoverAccount(claim, now);
    this.#recoverCircuit(claim.sender, claim, now);
  }

  /* Any answer to a request that left after the trouble began proves that the gateway is up. */
  #recoverAccount(claim: CircuitClaim, now: number): void {
    const state = this.stateOf();
    if (state.kind !== 'suspended') return;
    const isUp = state.reason === 'gateway-down' && claim.claimedAt >= state.since;
    if (isUp || isProbe(state, claim.id)) this.#recoverCircuit(null, claim, now);
  }

  #recoverCircuit(sender: string | null, claim: CircuitClaim, now: number): void {
    const state = this.stateOf(sender);
    if (state.kind !== 'suspended') return;
    const { run, reason } = state;
    if (run !== null) this.#runs.goOn(sender, claim, now);
    else if (sender === null || isProbe(state, claim.id)) {
      this.#circuits.change(sender, ACTIVE, { event: 'resumed', reason });
    }
  }
}
