/**
 * One step: one write transaction, in which everything that waits for one is done. Outcomes of the last turn,
 * news of other programs, what operators asked, receipts, what time brought, and the next claims, in this
 * order: whatever keeps a message from being sent comes before it is claimed.
 *
 * Always holds: what is in memory is forgotten only when the transaction is on disk; after a roll-back
 * everything that was read in it is read again.
 */
import type { Clock } from '../clock.ts';
import type { Claim } from '../core/claim.ts';
import type { Entry } from '../events.ts';
import type { Spool } from '../spool/spool.ts';
import type { StatusLog } from '../status-log.ts';
import { Claimer } from './claimer.ts';
import type { Claims } from './courier.ts';
import type { Desk } from './desk.ts';
import { Inbox, type InboxParts } from './inbox.ts';
import { Intake } from './intake.ts';
import { Janitor } from './janitor.ts';
import type { Lookups } from './lookups.ts';
import { Operator } from './operator.ts';
import { Outcomes, type AccountLimits } from './outcomes.ts';
import { Reconciler } from './reconciler.ts';
import { Reserve } from './reserve.ts';
import { isEmpty, nothingPending, type Rules, type Work } from './work.ts';
import { Writer } from './writer.ts';

export interface StepParts {
  readonly spool: Spool;
  readonly desks: ReadonlyMap<string, Desk>;
  readonly limits: ReadonlyMap<string, AccountLimits>;
  readonly rules: Rules;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: StatusLog;
  readonly receipts: Pick<InboxParts, 'apiKeys' | 'isSigned' | 'onIgnored'> & {
    /** Null = the gateway's reports are not asked. */
    readonly lookups: Lookups | null;
    /** Since when receipts can reach us (Unix seconds); Infinity = they cannot yet. */
    readonly since: () => number;
  };
  /** Events were committed. */
  readonly onEvents: () => void;
  /** What the start found out: written with the first step. */
  readonly opening: readonly Entry[];
}

/** What a step cannot do by itself. */
export interface StepHooks {
  /** A gate changed: what is in hand may have to come back. */
  readonly onGate: (desk: Desk) => void;
  /** There is something to write. */
  readonly kick: () => void;
  /** Whether somebody else has committed since this was last asked. */
  readonly takeNews: () => boolean;
}

export class Step {
  readonly outcomes: Outcomes;
  readonly intake: Intake;
  readonly janitor: Janitor;
  /** Where receipts and reports are brought to. */
  readonly inbox: Inbox;
  readonly #spool: Spool;
  readonly #desks: ReadonlyMap<string, Desk>;
  readonly #pending = nothingPending();
  readonly #claimer: Claimer;
  readonly #operator: Operator;
  readonly #reconciler: Reconciler;
  readonly #reserve = new Reserve();
  readonly #writer: Writer;
  readonly #takeNews: () => boolean;
  #hasNews = false;
  /** How far the application was told; null = as the spool has it. */
  #cursor: number | null = null;

  constructor(parts: StepParts, hooks: StepHooks) {
    const { spool, desks, rules, clock, log, receipts } = parts;
    const pending = this.#pending;
    pending.entries.push(...parts.opening);
    this.#spool = spool;
    this.#desks = desks;
    this.#takeNews = hooks.takeNews;
    const reconciler = new Reconciler(spool, rules);
    this.intake = new Intake(spool, desks, rules);
    this.#claimer = new Claimer(spool, rules, () => this.intake.distrust());
    this.#operator = new Operator({
      ...{ spool, desks, rules },
      offer: (row, work) => this.intake.offer(row, row, work),
      onGate: hooks.onGate,
    });
    const isCancelAsked = (id: number): boolean => this.#operator.isCancelAsked(id);
    this.outcomes = new Outcomes({ ...parts, pending, isCancelAsked });
    this.#reconciler = reconciler;
    const { defaultAccount } = rules;
    this.inbox = new Inbox({
      ...receipts,
      ...{ spool, clock, reconciler, defaultAccount },
      kick: hooks.kick,
    });
    const { lookups, since: receiptsSince } = receipts;
    const hasReports = (): boolean => this.inbox.hasReports;
    this.janitor = new Janitor({ spool, rules, reconciler, lookups, receiptsSince, hasReports });
    this.#writer = new Writer({
      ...{ spool, rules, clock, log, pending },
      onEvents: parts.onEvents,
      onSettled: (ended, work) => {
        this.#operator.settled(ended.claim.id, ended.settlement.to, work);
        reconciler.settled(ended, work);
      },
    });
  }

  /** Attempts that ended and are not on disk. */
  get ended(): number {
    return this.#pending.ended.length;
  }

  /** Whether attempts that ended are all that a step would write, as far as is known. */
  get hasOutcomesAlone(): boolean {
    return this.ended > 0 && !this.#hasNews && this.inbox.size === 0 && !this.#operator.isBusy;
  }

  /** Whether everything that was decided is on disk. */
  get isClean(): boolean {
    return isEmpty(this.#pending) && this.inbox.size === 0 && this.#cursor === null;
  }

  /** An operator's request is being worked through, or more wait: another step is needed. */
  get isBusy(): boolean {
    return this.#operator.isBusy;
  }

  /** The application was told so far. */
  saveCursor(seq: number): void {
    this.#cursor = seq;
  }

  /** Somebody else committed. */
  noticeNews(): void {
    this.#hasNews = true;
  }

  /** Whether slots are about to find nothing in hand. */
  get isReserveLow(): boolean {
    for (const desk of this.#desks.values()) {
      if (desk.slots.busy > 0 && this.#reserve.isLow(desk.hand.length)) return true;
    }
    return false;
  }

  /** Settles what a crash left open, some at a time; returns how many, 0 when nothing is left. */
  rescue(): number | 'busy' {
    const done = this.#writer.transact((work) => ({ rescued: this.janitor.rescue(work) }));
    if (done === 'busy') return done;
    this.#committed();
    return done.rescued;
  }

  /**
   * 'busy' = another program holds the lock, and nothing happened. Throws what made it roll back: call
   * `distrust` then.
   */
  run(mayClaim: boolean): Claims | 'busy' {
    this.#reserve.note(this.#pending.ended.length);
    this.inbox.giveUp();
    const done = this.#writer.transact((work) => ({ claims: this.#work(work, mayClaim) }));
    if (done === 'busy') return done;
    this.#committed();
    return done.claims;
  }

  /** The step was rolled back: whatever was read in it is read again. */
  distrust(): void {
    this.#operator.distrust();
    this.#reconciler.distrust();
    this.inbox.distrust();
    this.intake.distrust();
  }

  #work(work: Work, mayClaim: boolean): Claims {
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
    const claims = new Map<Desk, readonly Claim[]>();
    if (!mayClaim || this.#operator.isBusy) return claims;
    for (const desk of this.#desks.values()) {
      const wanted = desk.slots.free + this.#reserve.size - desk.hand.length;
      claims.set(desk, wanted > 0 ? this.#claimer.claim(desk, wanted, work) : []);
    }
    return claims;
  }

  #committed(): void {
    this.#cursor = null;
    this.#operator.committed();
    this.#reconciler.committed();
    this.inbox.committed();
  }
}
