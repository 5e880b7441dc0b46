/**
 * The heart: permit → claim with attempt on disk → send → classify → settle → apply.
 *
 * One step is one write transaction: outcomes of the last turn, what operators asked, what time brought,
 * and the next claims. No timer decides when: what is ready when the last step ends is the next one.
 *
 * Always holds: a request leaves only after its attempt is on disk; an outcome stays in memory until it is on
 * disk; a lock held by another program, or a full disk, delays a step and loses nothing. Nothing is held
 * across an await.
 */
import type { Clock } from '../clock.ts';
import type { Claim } from '../core/claim.ts';
import type { Entry } from '../events.ts';
import { isFull } from '../spool/open.ts';
import type { Spool } from '../spool/spool.ts';
import type { Watcher } from '../spool/watcher.ts';
import type { StatusLog } from '../status-log.ts';
import { Claimer } from './claimer.ts';
import { Courier, type Claims } from './courier.ts';
import type { Desk } from './desk.ts';
import { Intake } from './intake.ts';
import { Janitor } from './janitor.ts';
import { Operator } from './operator.ts';
import { Outcomes, type AccountLimits } from './outcomes.ts';
import { Probes, type AskBalance } from './probes.ts';
import { isEmpty, nothingPending, type Pending, type Rules, type Work } from './work.ts';
import { Writer } from './writer.ts';

/** Claimed rows in memory beyond the free slots: what ends within a few steps, at most this many. */
const RESERVE_MAX = 128;
const STEPS_AHEAD = 4;
/** A step that found the spool locked tries again after this long. */
const BUSY_WAIT_MS = 3;
/** A step that found the disk full, and how often it says so. */
const FULL_WAIT_MS = 1_000;
const FULL_SAID_EVERY_MS = 60_000;
/** Timers reach no further than this, so that a step of the wall clock is noticed. */
const SLEEP_MAX_MS = 1_000;

export interface DispatcherParts {
  readonly spool: Spool;
  readonly desks: ReadonlyMap<string, Desk>;
  readonly limits: ReadonlyMap<string, AccountLimits>;
  readonly rules: Rules;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: StatusLog;
  readonly askBalance: AskBalance;
  /** What the start found out: written with the first step. */
  readonly opening: readonly Entry[];
  /** The daemon cannot go on: a bug, or a broken spool. */
  readonly onFatal: (error: unknown) => void;
}

export class Dispatcher {
  readonly #parts: DispatcherParts;
  readonly #outcomes: Outcomes;
  readonly #intake: Intake;
  readonly #claimer: Claimer;
  readonly #janitor: Janitor;
  readonly #operator: Operator;
  readonly #probes: Probes;
  readonly #courier: Courier;
  readonly #writer: Writer;
  readonly #pending: Pending = nothingPending();
  #watcher: Watcher | null = null;
  #timer: NodeJS.Timeout | null = null;
  #isScheduled = false;
  #hasNews = false;
  #isDraining = false;
  #isStopped = false;
  #isRescued = false;
  #seenEnded = 0;
  #endedPerStep = 0;
  #saidFullAtMs = -Infinity;
  #onSettled: (() => void) | null = null;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    this.#pending.entries.push(...parts.opening);
    const { spool, desks, rules, clock, random, limits } = parts;
    this.#operator = new Operator({
      spool,
      desks,
      rules,
      offer: (row, work) => this.#intake.offer(row, row, work),
      onGate: (desk) => this.#courier.takeBack(desk, null),
    });
    this.#outcomes = new Outcomes({
      rules,
      clock,
      random,
      limits,
      pending: this.#pending,
      isCancelAsked: (id) => this.#operator.isCancelAsked(id),
    });
    this.#writer = new Writer({
      spool,
      clock,
      log: parts.log,
      pending: this.#pending,
      onSettled: (id, to, work) => this.#operator.settled(id, to, work),
    });
    this.#courier = new Courier({ clock, outcomes: this.#outcomes, kick: this.kick });
    this.#intake = new Intake(spool, desks, rules);
    this.#claimer = new Claimer(spool, rules, () => this.#intake.distrust());
    this.#janitor = new Janitor(spool, rules);
    this.#probes = new Probes({
      desks,
      clock,
      askBalance: parts.askBalance,
      lastPrice: (account) => this.#outcomes.lastPrice(account),
      onChange: (desk, change) => {
        this.#outcomes.changed(desk, [change], clock.now());
        this.kick();
      },
    });
  }

  /** Settles what a crash left open, then begins. Throws SpoolError. */
  async start(): Promise<void> {
    await this.#rescue();
    this.#isRescued = true;
    this.#watcher = this.#parts.spool.watch({
      onCommit: () => this.#notice(),
      isIdle: () => this.inFlight === 0 && !this.#isScheduled && !this.#intake.hasWork,
      onBlind: (error) => this.#parts.log.say('warn', 'daemon.blind', { error: String(error) }),
    });
    this.kick();
  }

  /** Something may be possible now that was not before: a step follows this turn of the event loop. */
  readonly kick = (): void => {
    if (this.#isScheduled || this.#isStopped || !this.#isRescued) return;
    this.#isScheduled = true;
    setImmediate(this.#turn);
  };

  /** Stops claiming, gives back what has not left, and waits for what has, at most `limitMs`. */
  async drain(limitMs: number): Promise<void> {
    this.#isDraining = true;
    for (const desk of this.#parts.desks.values()) this.#courier.takeBack(desk, null);
    this.kick();
    await this.#settled(limitMs);
    this.#courier.abandon();
    await this.#settled(limitMs);
    this.#stop();
  }

  get inFlight(): number {
    return this.#courier.inFlight;
  }

  #stop(): void {
    this.#isStopped = true;
    this.#watcher?.stop();
    this.#probes.stop();
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #rescue(): Promise<void> {
    for (;;) {
      const stepped = this.#writer.transact((work) => ({ rescued: this.#janitor.rescue(work) }));
      if (stepped === 'busy') await pause(BUSY_WAIT_MS);
      else if (stepped.rescued === 0) return;
    }
  }

  /* Resolves when nothing is out and everything decided is on disk, or when the time is up. */
  #settled(limitMs: number): Promise<void> {
    if (this.inFlight === 0 && isEmpty(this.#pending)) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      this.#onSettled = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #notice(): void {
    this.#hasNews = true;
    if (!this.#isScheduled && !this.#isStopped) this.#step();
  }

  /* A step when the turn brought nothing new, or most of the reserve is used; else another turn. */
  readonly #turn = (): void => {
    this.#isScheduled = false;
    if (this.#isStopped) return;
    const brought = this.#pending.ended.length - this.#seenEnded;
    this.#seenEnded = this.#pending.ended.length;
    if (brought > 0 && !this.#isReserveLow()) this.kick();
    else this.#step();
  };

  #isReserveLow(): boolean {
    for (const desk of this.#parts.desks.values()) {
      if (desk.slots.busy > 0 && desk.hand.length * 4 <= this.#reserve()) return true;
    }
    return false;
  }

  /* What is sent while a step or two are written: slots must not run dry, and no more than that. */
  #reserve(): number {
    return Math.min(RESERVE_MAX, Math.floor(this.#endedPerStep * STEPS_AHEAD));
  }

  #step(): void {
    this.#seenEnded = 0;
    this.#endedPerStep += (this.#pending.ended.length - this.#endedPerStep) / 4;
    try {
      const stepped = this.#writer.transact((work) => this.#work(work));
      if (stepped === 'busy') {
        this.#sleep(BUSY_WAIT_MS);
        return;
      }
      this.#operator.committed();
      if (this.#pending.ended.length > 0) this.kick();
      this.#courier.handOut(stepped.claims);
    } catch (error) {
      this.#failed(error);
      return;
    }
    this.#janitor.lookAgain();
    setImmediate(this.#sleepUntilNext);
    if (this.#onSettled !== null && this.inFlight === 0 && isEmpty(this.#pending)) {
      const onSettled = this.#onSettled;
      this.#onSettled = null;
      onSettled();
    }
  }

  #work(work: Work): { readonly claims: Claims } {
    this.#intake.takeBack(this.#pending.ended, work);
    if (this.#hasNews) {
      this.#hasNews = false;
      this.#janitor.noticeNews();
      this.#intake.readNews(work);
    }
    this.#operator.work(work);
    this.#janitor.due(work, (row) => this.#intake.offer(row, row, work));
    this.#intake.scan(work);
    this.#janitor.expire(work, () => this.#intake.sources);
    const claims = new Map<Desk, readonly Claim[]>();
    if (this.#isDraining || this.#operator.isBusy) return { claims };
    for (const desk of this.#parts.desks.values()) {
      const wanted = desk.slots.free + this.#reserve() - desk.hand.length;
      claims.set(desk, wanted > 0 ? this.#claimer.claim(desk, wanted, work) : []);
    }
    return { claims };
  }

  #failed(error: unknown): void {
    this.#operator.distrust();
    this.#intake.distrust();
    if (!isFull(error)) {
      this.#parts.onFatal(error);
      return;
    }
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - this.#saidFullAtMs >= FULL_SAID_EVERY_MS) {
      this.#saidFullAtMs = nowMs;
      this.#parts.log.say('error', 'daemon.disk-full', {
        remedy: 'make room where the spool is; nothing is lost, and nothing is sent meanwhile',
        waiting: this.#pending.ended.length,
      });
    }
    this.#sleep(FULL_WAIT_MS);
  }

  /* Comes once what was handed out is written: finding the next instant takes as long as a request. */
  readonly #sleepUntilNext = (): void => {
    if (this.#isScheduled || this.#isStopped) return;
    if (this.#operator.isBusy) {
      this.kick();
      return;
    }
    const { clock, desks } = this.#parts;
    const nowMs = clock.monotonicMs();
    const instants = [nowMs + SLEEP_MAX_MS, this.#janitor.expiryAtMs, this.#intake.scanAt];
    const dueAt = this.#janitor.nextDueAt;
    if (dueAt !== null) instants.push(nowMs + (dueAt - clock.now()) * 1000);
    if (!this.#isDraining) {
      for (const desk of desks.values()) {
        const at = desk.wakeAt(nowMs);
        if (at !== null) instants.push(at);
      }
    }
    this.#sleep(Math.max(0, Math.min(...instants) - nowMs));
  };

  #sleep(waitMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(this.kick, waitMs);
  }
}

function pause(waitMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, waitMs));
}
