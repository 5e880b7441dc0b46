/**
 * Does one step, which is one write transaction: outcomes since the last one, news of other programs, control rows,
 * receipts, what became due, and the next claims, in this order. Whatever keeps a message from being sent comes before
 * it is claimed.
 *
 * Always holds: memory changes for good only when the transaction is on disk; each part sees to its own share of this
 * (`Participant`).
 */
import type { Policy } from '../../core/account/policy.ts';
import type { Clock } from '../../clock.ts';
import { ANSWER_UNREADABLE } from '../../core/account/account-circuit.ts';
import type { EventEntry } from '../../log/event-lines.ts';
import type { Ended } from '../../spool/write/settlements.ts';
import type { Spool } from '../../spool/spool.ts';
import type { StatusLog } from '../../log/status-log.ts';
import { Stats } from '../stats/live-stats.ts';
import { ClockWatch } from './clock-watch.ts';
import { Claimer, type NewClaims } from '../schedule/claimer.ts';
import { PrefetchTarget } from '../send/sender.ts';
import type { AccountQueue } from '../schedule/account-queue.ts';
import { Inbox, type InboxParts } from '../receive/inbox.ts';
import { Intake } from '../schedule/intake.ts';
import { Janitor } from '../maintenance/janitor.ts';
import type { Lookups } from '../receive/report-lookups.ts';
import { UsageRows } from '../limit/usage-rows.ts';
import { Operator } from '../maintenance/control-rows.ts';
import { Outcomes } from '../send/outcomes.ts';
import type { AccountLimits } from '../feedback/account-throttle.ts';
import { Reconciler } from '../receive/reconciler.ts';
import { Sweeper } from '../maintenance/retention.ts';
import { nothingPending, sizesOf, type Participant, type Work } from '../work.ts';
import { TransactionRunner } from './transaction-runner.ts';

export interface StepParts {
  readonly spool: Spool;
  readonly queues: ReadonlyMap<string, AccountQueue>;
  readonly limits: ReadonlyMap<string, AccountLimits>;
  readonly policy: () => Policy;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: StatusLog;
  readonly receipts: Pick<InboxParts, 'onIgnored'> & {
    /** Null = the gateway's reports are not asked. */
    readonly lookups: Lookups | null;
    /** Since when receipts can reach us (Unix seconds); Infinity = they cannot yet. */
    readonly since: () => number;
  };
  /** Events were committed. */
  readonly onEvents: () => void;
  /** What the start found out: written with the first step. */
  readonly opening: readonly EventEntry[];
}

/** Writes what a new configuration brings; runs again after a roll-back. */
export type Change = (work: Work) => void;

export interface StepHooks {
  /** A circuit changed: what is prefetched may have to come back. */
  readonly onCircuit: (queue: AccountQueue) => void;
  /** There is something to write. */
  readonly kick: () => void;
  /** Whether somebody else has committed since this was last asked. */
  readonly takeNews: () => boolean;
}

export class LoopStep implements Participant {
  readonly outcomes: Outcomes;
  readonly intake: Intake;
  readonly janitor: Janitor;
  readonly sweeper: Sweeper;
  readonly stats: Stats;
  readonly inbox: Inbox;
  readonly #spool: Spool;
  readonly #queues: ReadonlyMap<string, AccountQueue>;
  readonly #pending = nothingPending();
  readonly #claimer: Claimer;
  readonly #operator: Operator;
  readonly #prefetch = new PrefetchTarget();
  readonly #usageRows: UsageRows;
  readonly #runner: TransactionRunner;
  readonly #clockWatch: ClockWatch;
  readonly #takeNews: () => boolean;
  #hasNews = false;
  /** What a new configuration has to write; kept until it is on disk. */
  #changes: readonly Change[] = [];
  /** How far the application was told; null = as the spool has it. */
  #cursor: number | null = null;

  constructor(parts: StepParts, hooks: StepHooks) {
    const { spool, queues, policy, clock, log, receipts } = parts;
    const pending = this.#pending;
    pending.entries.push(...parts.opening);
    this.stats = new Stats(spool, policy, clock);
    this.#spool = spool;
    this.#queues = queues;
    this.#usageRows = new UsageRows(spool, queues, policy);
    this.#takeNews = hooks.takeNews;
    this.#clockWatch = new ClockWatch({ spool, clock, log, queues });
    const reconciler = new Reconciler(spool, policy);
    this.intake = new Intake(spool, queues, policy);
    this.#operator = new Operator({
      ...{ spool, queues, policy },
      offer: (row, work) => this.intake.offer(row, row, work),
      onCircuit: hooks.onCircuit,
      onDecided: () => this.intake.mustScan(),
    });
    this.#claimer = new Claimer(spool, policy, {
      cancels: this.#operator,
      onReleased: () => this.intake.mustScan(),
    });
    this.outcomes = new Outcomes({
      ...{ ...parts, pending },
      isCancelAsked: (id) => this.#operator.isCancelAsked(id),
      onBalance: (account, euros) => this.stats.counters.balance(account, euros),
    });
    this.inbox = new Inbox({
      ...receipts,
      ...{ spool, clock, reconciler, policy },
      onIgnored: (reason) => {
        this.stats.ignored(reason);
        receipts.onIgnored(reason);
      },
      kick: hooks.kick,
    });
    const { lookups, since: receiptsSince } = receipts;
    const isUnreadable = (account: string | null): boolean => {
      const state = account === null ? undefined : queues.get(account)?.circuit.stateOf();
      return state?.kind === 'suspended' && state.reason === ANSWER_UNREADABLE;
    };
    this.janitor = new Janitor({
      ...{ spool, policy, reconciler, lookups, receiptsSince, isUnreadable },
      hasReports: () => this.inbox.hasReports,
    });
    this.sweeper = new Sweeper(spool.retention, policy, () => this.#runner.noteLogged());
    this.#runner = new TransactionRunner({
      ...{ spool, policy, clock, log, pending },
      onEvents: parts.onEvents,
      participants: [
        ...[this, this.stats, this.#prefetch, this.#clockWatch, this.#usageRows, this.#operator],
        ...[reconciler, this.inbox, this.intake, this.janitor, this.sweeper],
      ],
      onSettled: (ended, work) => {
        this.#operator.settled(ended.claim.id, ended.settlement.to, work);
        reconciler.settled(ended, work);
      },
    });
  }

  /** Outcomes that are not on disk. */
  get unwritten(): readonly Ended[] {
    return this.#pending.ended;
  }

  /** Whether outcomes are all that a step would write, as far as is known. */
  get hasOutcomesAlone(): boolean {
    return (
      this.unwritten.length > 0 && !this.#hasNews && this.inbox.size === 0 && !this.#operator.isBusy
    );
  }

  /** Whether everything that was decided is on disk. */
  get isClean(): boolean {
    const waiting = [...sizesOf(this.#pending), this.inbox.size, this.#changes.length];
    return this.#cursor === null && waiting.every((size) => size === 0);
  }

  /** An operator's request is being worked through, or more wait: another step is needed. */
  get isBusy(): boolean {
    return this.#operator.isBusy;
  }

  /** Nothing may be claimed: a restored spool waits, everything is paused, or requests are not read yet. */
  get isHeld(): boolean {
    const { restored } = this.#spool;
    return restored.mark !== null || this.#operator.isAllPaused || this.#operator.hasUnread;
  }

  /** The application was told so far. */
  saveCursor(seq: number): void {
    this.#cursor = seq;
  }

  /** A new configuration is in force: everything is looked at again, and this is written in the next step. */
  reconfigured(change: Change): void {
    this.#changes = [...this.#changes, change];
    this.intake.reconfigured();
  }

  /** Somebody else committed. */
  noticeNews(): void {
    this.#hasNews = true;
  }

  /** Whether slots are about to find nothing prefetched. */
  get isPrefetchLow(): boolean {
    for (const queue of this.#queues.values()) {
      if (queue.slots.busy > 0 && this.#prefetch.isLow(queue.prefetched.length)) return true;
    }
    return false;
  }

  /** Settles what a crash left open, some at a time; returns how many, 0 when nothing is left. */
  rescue(): number | 'busy' {
    return this.#runner.transact((work) => {
      this.#clockWatch.work();
      return this.janitor.rescue(work);
    });
  }

  /** 'busy' = another program holds the lock, and nothing happened. Throws what made it roll back. */
  run(mayClaim: boolean): NewClaims | 'busy' {
    this.#prefetch.begin(this.#pending.ended.length);
    this.inbox.giveUp();
    return this.#runner.transact((work) => {
      this.#usageRows.begin(work);
      const claims = this.#work(work, mayClaim);
      this.#usageRows.save(work);
      return claims;
    });
  }

  /** Notes how far the log has come; 'busy' = another program holds the lock. */
  leave(): unknown {
    return this.#runner.leave();
  }

  /** What a new configuration brings, and how far the application was told, are on disk. */
  committed(): void {
    this.#changes = [];
    this.#cursor = null;
  }

  /** Both stay until they are on disk. */
  rolledBack(): void {
    this.#hasNews = true;
  }

  #work(work: Work, mayClaim: boolean): NewClaims {
    if (this.#clockWatch.work()) this.janitor.lookAgain();
    for (const change of this.#changes) change(work);
    if (this.#cursor !== null) this.#spool.events.saveCursor(this.#cursor);
    this.intake.takeBack(this.#pending.ended, work);
    /* Also what was not noticed yet: else a permit goes to bulk while something urgent is there already. */
    if (this.#takeNews() || this.#hasNews) {
      this.#hasNews = false;
      this.janitor.noticeNews();
      this.intake.readNews(work);
    }
    this.#operator.work(work);
    this.inbox.work(work);
    this.janitor.due(work, (row) => this.intake.offer(row, row, work));
    this.intake.scan(work);
    this.janitor.expire(work, () => this.intake.sources);
    const claims: NewClaims = mayClaim && !this.isHeld ? this.#claim(work) : new Map();
    const ended = this.#pending.ended.length;
    this.sweeper.sweep(work, { ended, hasRoom: ended + work.claims.length === 0 });
    this.janitor.lookAhead();
    return claims;
  }

  #claim(work: Work): NewClaims {
    const wanted = new Map<AccountQueue, number>();
    for (const queue of this.#queues.values()) {
      wanted.set(queue, queue.slots.free + this.#prefetch.size - queue.prefetched.length);
    }
    return this.#claimer.claim(wanted, work);
  }
}
