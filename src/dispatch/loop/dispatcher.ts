/**
 * Runs the loop: one step after another, each as soon as there is something for it. Only outcomes wait, for a permit
 * that comes soon.
 *
 * Always holds: a request leaves only after its attempt is on disk; an outcome stays in memory until it is on disk; a
 * lock of another program, or a full disk, delays a step and loses nothing. Nothing is held across an await.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { CircuitChange } from '../../core/account/account-circuit.ts';
import { isOutOfRoom } from '../../spool/sql/spool-errors.ts';
import { whenFree } from '../../spool/file/open.ts';
import type { Ended } from '../../spool/write/settlements.ts';
import type { Watcher } from '../../spool/file/watcher.ts';
import type { Stats } from '../stats/live-stats.ts';
import { RequestSender } from '../send/sender.ts';
import type { AccountQueue } from '../schedule/account-queue.ts';
import { WalCheckpoints } from './wal-checkpoints.ts';
import type { Inbox } from '../receive/inbox.ts';
import { LoopMode } from './mode.ts';
import type { AccountLimits } from '../feedback/account-throttle.ts';
import { Probes, type AskBalance } from '../feedback/circuit-probes.ts';
import { SpoolTrouble, type LoopProgress } from './spool-trouble.ts';
import { LoopStep, type Change, type StepParts } from './transaction.ts';
import { WakeUp } from './wake-up.ts';

/** Until the next try after the spool was locked. */
const BUSY_WAIT_MS = 3;
/** Tries of the last transaction. */
const LEAVES_MAX = 50;
/** Until the next try after the disk was full. */
const FULL_WAIT_MS = 1_000;
/** For the answers to open requests when the spool is broken. */
const BROKEN_ANSWERS_MS = 2_000;

export interface DispatcherParts extends StepParts {
  readonly askBalance: AskBalance;
  /** The daemon cannot go on: a bug, or a broken spool. */
  readonly onFatal: (error: unknown) => void;
}

/** How long a stop may take. */
export interface DrainLimits {
  /** Milliseconds to wait for the answers to open requests. */
  readonly answersMs: number;
  /** All of it, writing included. */
  readonly totalMs: number;
}

export class Dispatcher {
  readonly inbox: Inbox;
  readonly stats: Stats;
  /** Steps that were tried: at least one a second, also while another program holds the lock or the disk is full. */
  turns = 0;
  readonly #parts: DispatcherParts;
  readonly #step: LoopStep;
  readonly #sender: RequestSender;
  readonly #probes: Probes;
  readonly #wakeUp: WakeUp;
  readonly #trouble: SpoolTrouble;
  readonly #mode = new LoopMode();
  /** Account queues that claim no more, until their open requests are answered. */
  readonly #retiring = new Set<AccountQueue>();
  readonly #checkpoints: WalCheckpoints;
  #watcher: Watcher | null = null;
  /** A turn follows. */
  #isScheduled = false;
  #seenEnded = 0;
  /** Ends the wait of a drain; null = none waits. */
  #onSettled: (() => void) | null = null;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    const { queues, clock, log } = parts;
    this.#step = new LoopStep(parts, {
      onCircuit: (queue) => this.#sender.takeBack(queue, null),
      kick: this.kick,
      takeNews: () => this.#watcher?.takeNews() === true,
    });
    const { outcomes, sweeper } = this.#step;
    this.inbox = this.#step.inbox;
    this.stats = this.#step.stats;
    this.#sender = new RequestSender({ clock, outcomes, kick: this.kick });
    this.#wakeUp = new WakeUp({ clock, queues, step: this.#step, wake: this.kick });
    const spoolPath = parts.spool.path;
    this.#trouble = new SpoolTrouble({ clock, log, spoolPath });
    this.#checkpoints = new WalCheckpoints({
      ...{ wal: parts.spool.wal, clock, log, spoolPath },
      onRelease: this.kick,
      takeForgotten: () => sweeper.takeForgotten(),
      onFatal: (error) => this.#broke(error),
    });
    this.#probes = new Probes({
      queues,
      clock,
      askBalance: parts.askBalance,
      lastPrice: (account) => outcomes.lastPrice(account),
      onChange: (queue, change) => {
        outcomes.changed(queue, [change], clock.now());
        this.kick();
      },
    });
  }

  /** The application was told so far; written with the next step. */
  saveCursor(seq: number): void {
    this.#step.saveCursor(seq);
  }

  /** A new configuration is in force from now on; `change` writes what it brings, with the next step. */
  reconfigured(change: Change): void {
    this.#step.reconfigured(change);
    this.kick();
  }

  /** Other limits hold for an account queue. */
  configure(queue: AccountQueue, limits: AccountLimits): void {
    this.#step.outcomes.configure(queue, limits);
  }

  /** A circuit was changed from outside. */
  circuitChanged(queue: AccountQueue, change: CircuitChange): void {
    this.#step.outcomes.changed(queue, [change], this.#parts.clock.now());
  }

  /** The account queue claims no more. `change` is written once its open requests are answered. */
  retire(queue: AccountQueue, change: Change): void {
    this.#sender.takeBack(queue, null);
    this.#retiring.add(queue);
    queue.slots
      .onIdle()
      .then(async () => {
        this.#retiring.delete(queue);
        this.reconfigured(change);
        await queue.stop();
      })
      .catch(this.#parts.onFatal);
  }

  get progress(): LoopProgress {
    return this.#trouble.progress;
  }

  /** Open requests. */
  get inFlight(): number {
    return this.#sender.inFlight;
  }

  /** Requests that came back. */
  get ended(): number {
    return this.#sender.ended;
  }

  /** Outcomes that are not on disk: after a drain, those that are lost. */
  get unwritten(): readonly Ended[] {
    return this.#step.unwritten;
  }

  /** Settles what a crash left open, then begins. Throws SpoolError, and the reason of `signal` when it is aborted. */
  async start(signal: AbortSignal): Promise<void> {
    const { path } = this.#parts.spool;
    while ((await whenFree(path, () => this.#step.rescue(), signal)) > 0);
    if (!this.#mode.move('running')) return;
    this.#watcher = this.#parts.spool.watch({
      onCommit: () => this.#notice(),
      isIdle: () => this.inFlight === 0 && !this.#isScheduled && !this.#step.intake.hasWork,
      onBlind: (error) => this.#parts.log.say('daemon.blind', { error: String(error) }),
    });
    this.stats.start(this.#parts.onFatal);
    this.kick();
  }

  /** Something may be possible now that was not before: a step follows this turn of the event loop. */
  readonly kick = (): void => {
    if (this.#isScheduled || !this.#mode.may.turn) return;
    this.#isScheduled = true;
    setImmediate(this.#turn);
  };

  /**
   * Stops claiming, releases claims whose request has not left, waits for open requests, and writes the outcomes.
   * `unwritten` then has what could not be written within the limits.
   */
  async drain({ answersMs, totalMs }: DrainLimits): Promise<void> {
    const endsAtMs = performance.now() + totalMs;
    this.#mode.move('draining');
    for (const queue of this.#parts.queues.values()) this.#sender.takeBack(queue, null);
    this.kick();
    await this.#settled(answersMs);
    this.#sender.abandon();
    await this.#settled(Math.max(0, endsAtMs - performance.now()));
    const isBroken = this.#mode.name === 'broken';
    this.#stop();
    if (isBroken) this.#lastTry();
    await this.#leave(isBroken);
    for (const queue of this.#retiring) await queue.stop();
  }

  /* No request is open, and everything that was decided is on disk, as far as it can be. */
  get #isSettled(): boolean {
    return this.inFlight === 0 && (!this.#mode.may.step || this.#step.isClean);
  }

  /* Resolves when it is so, or when the time is up. */
  #settled(limitMs: number): Promise<void> {
    if (this.#isSettled) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      this.#onSettled = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #lookSettled(): void {
    if (this.#onSettled !== null && this.#isSettled) this.#onSettled();
  }

  /* The disk may have come back, or only some of its pages are bad. */
  #lastTry(): void {
    try {
      this.#step.run(false);
    } catch {
      /* What is lost by it is in `unwritten`, and the error was reported. */
    }
  }

  /* What cannot be noted is no loss: the next start writes a few lines again. */
  async #leave(isBroken: boolean): Promise<void> {
    try {
      for (let tries = 1; tries <= LEAVES_MAX && this.#step.leave() === 'busy'; tries += 1) {
        await pause(BUSY_WAIT_MS);
      }
    } catch (error) {
      if (!isBroken && !isOutOfRoom(error, this.#parts.spool.path)) throw error;
    }
  }

  /** Stops at once: nothing is claimed, sent or written any more. */
  halt(): void {
    this.#stop();
    for (const queue of this.#parts.queues.values()) this.#sender.takeBack(queue, null);
  }

  /** Whether what a crash left is settled: receipts can be stored from here on. */
  get isStarted(): boolean {
    return this.#mode.may.step;
  }

  #stop(): void {
    this.#mode.move('stopped');
    this.#watcher?.stop();
    this.stats.stop();
    this.#probes.stop();
    this.#checkpoints.stop();
    this.#wakeUp.clear();
  }

  #notice(): void {
    this.#step.noticeNews();
    if (!this.#isScheduled && this.#mode.may.turn) this.#run();
  }

  /* A step when the turn brought no outcome, or few claims are prefetched; else another turn. */
  readonly #turn = (): void => {
    this.#isScheduled = false;
    if (!this.#mode.may.turn) return;
    const brought = this.#step.unwritten.length - this.#seenEnded;
    this.#seenEnded = this.#step.unwritten.length;
    const mayGather = this.#mode.may.claim && this.#step.hasOutcomesAlone;
    if (brought > 0 && !this.#step.isPrefetchLow) this.kick();
    else if (!mayGather || !this.#wakeUp.gather()) this.#run();
  };

  #run(): void {
    this.turns += 1;
    if (!this.#mode.may.step) this.#lookSettled();
    if (this.#checkpoints.isHolding || !this.#mode.may.step) return;
    this.#seenEnded = 0;
    this.#wakeUp.endGathering();
    try {
      const claims = this.#step.run(this.#mode.may.claim);
      if (claims === 'busy') {
        this.#trouble.locked();
        this.#wakeUp.after(BUSY_WAIT_MS);
        return;
      }
      this.#trouble.stepped();
      if (this.#step.unwritten.length > 0) this.kick();
      /* The step has committed: each attempt is on disk before its request leaves. */
      this.#sender.send(claims);
    } catch (error) {
      this.#failed(error);
      return;
    }
    setImmediate(this.#sleepUntilNext);
    this.#lookSettled();
  }

  #failed(error: unknown): void {
    if (!isOutOfRoom(error, this.#parts.spool.path)) {
      this.#broke(error);
      return;
    }
    this.#trouble.full(this.#step.unwritten.length);
    this.#wakeUp.after(FULL_WAIT_MS);
  }

  /* Nothing is claimed any more; `onFatal` stops the daemon. */
  #broke(error: unknown): void {
    if (!this.#mode.move('broken')) return;
    this.#trouble.broken();
    this.#wakeUp.clear();
    setTimeout(() => this.#onSettled?.(), BROKEN_ANSWERS_MS).unref();
    this.#parts.onFatal(error);
  }

  /* Comes once the requests have left: finding the next instant takes as long as a request. */
  readonly #sleepUntilNext = (): void => {
    if (!this.#mode.may.step) return;
    const isIdle = !this.#isScheduled && !this.#wakeUp.isGathering && !this.#step.isBusy;
    try {
      if (isIdle) this.#wakeUp.whenDue(this.#mode.may.claim && !this.#step.isHeld);
      else if (this.#step.isBusy) this.kick();
    } catch (error) {
      this.#failed(error);
      return;
    }
    this.#checkpoints.look(isIdle);
  };
}
