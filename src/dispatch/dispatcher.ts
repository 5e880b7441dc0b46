/**
 * The heart: permit → claim with attempt on disk → send → classify → settle → apply.
 *
 * Owns the loop. No timer decides when a step is due: what is ready when the last one ends is the next one,
 * but for outcomes just before a permit comes.
 *
 * Always holds: a request leaves only after its attempt is on disk; an outcome stays in memory until it is on
 * disk; a lock held by another program, or a full disk, delays a step and loses nothing. Nothing is held
 * across an await.
 */
import type { GateChange } from '../core/health.ts';
import type { TroubleFact } from '../core/stops.ts';
import { isOutOfRoom } from '../spool/room.ts';
import { whenFree } from '../spool/when-free.ts';
import type { Ended } from '../spool/settlements.ts';
import type { Watcher } from '../spool/watcher.ts';
import { Alarm } from './alarm.ts';
import type { Books } from './books.ts';
import { Courier } from './courier.ts';
import type { Desk } from './desk.ts';
import { FullDisk } from './full-disk.ts';
import { Gathering } from './gathering.ts';
import { LockHeld } from './lock-held.ts';
import { LongWal } from './long-wal.ts';
import type { Inbox } from './inbox.ts';
import type { AccountLimits } from './outcomes.ts';
import { Probes, type AskBalance } from './probes.ts';
import { Settling } from './settling.ts';
import { Step, type Change, type StepParts } from './step.ts';

/** A step that found the spool locked tries again after this long. */
const BUSY_WAIT_MS = 3;
/** How often the last one does. */
const LEAVES_MAX = 50;
/** A step that found the disk full does so after this. */
const FULL_WAIT_MS = 1_000;
/** How long to wait for open requests when the spool is broken. */
const BROKEN_ANSWERS_MS = 2_000;

export interface DispatcherParts extends StepParts {
  readonly askBalance: AskBalance;
  /** The daemon cannot go on: a bug, or a broken spool. */
  readonly onFatal: (error: unknown) => void;
}

/** How the loop gets on. */
export interface Progress {
  /** When a step was last committed (monotonic ms). */
  readonly steppedAtMs: number;
  /** Why the latest one was not; null = it was. */
  readonly trouble: TroubleFact['kind'] | null;
}

/** How long a stop may take. */
export interface DrainLimits {
  /** Milliseconds to wait for the answers to open requests. */
  readonly answersMs: number;
  /** All of it, writing included. */
  readonly totalMs: number;
}

export class Dispatcher {
  readonly #parts: DispatcherParts;
  readonly #step: Step;
  readonly #courier: Courier;
  readonly #probes: Probes;
  readonly #alarm: Alarm;
  readonly #fullDisk: FullDisk;
  readonly #lockHeld: LockHeld;
  /** Desks that are not asked any more, until what they have out is answered. */
  readonly #retiring = new Set<Desk>();
  readonly #longWal: LongWal;
  readonly #gathering: Gathering;
  readonly #settling: Settling;
  #watcher: Watcher | null = null;
  #isScheduled = false;
  #isDraining = false;
  #isStopped = false;
  /** The spool cannot be written, and waiting does not help. */
  #isBroken = false;
  #isRescued = false;
  #seenEnded = 0;
  #turns = 0;
  #progress: Progress;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    this.#progress = { steppedAtMs: parts.clock.monotonicMs(), trouble: null };
    const { desks, clock } = parts;
    const onGate: (desk: Parameters<Courier['takeBack']>[0]) => void = (desk) =>
      this.#courier.takeBack(desk, null);
    const takeNews = (): boolean => this.#watcher?.takeNews() === true;
    this.#step = new Step(parts, { onGate, kick: () => this.kick(), takeNews });
    const { outcomes, intake, janitor, sweeper } = this.#step;
    this.#courier = new Courier({ clock, outcomes, kick: this.kick });
    this.#alarm = new Alarm({ clock, desks, intake, janitor, sweeper, ring: this.kick });
    this.#gathering = new Gathering(clock, this.#alarm);
    this.#settling = new Settling(
      () => this.inFlight === 0 && (this.#isBroken || this.#step.isClean),
    );
    const spoolPath = parts.spool.path;
    this.#fullDisk = new FullDisk(clock, parts.log, spoolPath);
    this.#lockHeld = new LockHeld({ clock, log: parts.log, spoolPath });
    this.#longWal = new LongWal({
      ...{ wal: parts.spool.wal, clock, log: parts.log, spoolPath },
      onRelease: this.kick,
      takeForgotten: () => sweeper.takeForgotten(),
      onFatal: (error) => this.#broke(error),
    });
    this.#probes = new Probes({
      desks,
      clock,
      askBalance: parts.askBalance,
      lastPrice: (account) => outcomes.lastPrice(account),
      onChange: (desk, change) => {
        outcomes.changed(desk, [change], clock.now());
        this.kick();
      },
    });
  }

  /** Where receipts and reports are brought to. */
  get inbox(): Inbox {
    return this.#step.inbox;
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

  /** Other limits hold for a desk. */
  configure(desk: Desk, limits: AccountLimits): void {
    this.#step.outcomes.configure(desk, limits);
  }

  /** A gate was opened from outside. */
  gateChanged(desk: Desk, change: GateChange): void {
    this.#step.outcomes.changed(desk, [change], this.#parts.clock.now());
  }

  /** The desk is not asked any more: what has not left goes back. `change` is written once what has left is
   *  answered. */
  retire(desk: Desk, change: Change): void {
    this.#courier.takeBack(desk, null);
    this.#retiring.add(desk);
    desk.slots
      .onIdle()
      .then(async () => {
        this.#retiring.delete(desk);
        this.reconfigured(change);
        await desk.stop();
      })
      .catch(this.#parts.onFatal);
  }

  /** How many messages there are, and what was done. */
  get books(): Books {
    return this.#step.books;
  }

  get progress(): Progress {
    return this.#progress;
  }

  /** Requests that are out. */
  get inFlight(): number {
    return this.#courier.inFlight;
  }

  /** Requests that came back. */
  get ended(): number {
    return this.#courier.ended;
  }

  /**
   * How often the loop went round: at least once a second, also while another program holds the lock or the
   * disk is full.
   */
  get turns(): number {
    return this.#turns;
  }

  /** Outcomes that are not on disk: after a drain, those that are lost. */
  get unwritten(): readonly Ended[] {
    return this.#step.unwritten;
  }

  /** Settles what a crash left open, then begins. Throws SpoolError, and the reason of `signal` when it is aborted. */
  async start(signal: AbortSignal): Promise<void> {
    await this.#rescue(signal);
    this.#isRescued = true;
    this.#watcher = this.#parts.spool.watch({
      onCommit: () => this.#notice(),
      isIdle: () => this.inFlight === 0 && !this.#isScheduled && !this.#step.intake.hasWork,
      onBlind: (error) => this.#parts.log.say('warn', 'daemon.blind', { error: String(error) }),
    });
    this.books.start(this.#parts.onFatal);
    this.kick();
  }

  /** Something may be possible now that was not before: a step follows this turn of the event loop. */
  readonly kick = (): void => {
    if (this.#isScheduled || this.#isStopped || !this.#isRescued) return;
    this.#isScheduled = true;
    setImmediate(this.#turn);
  };

  /**
   * Stops claiming, releases claims whose request has not left, waits for open requests, and writes the outcomes.
   * `unwritten` then has what could not be written within the limits.
   */
  async drain({ answersMs, totalMs }: DrainLimits): Promise<void> {
    const endsAtMs = performance.now() + totalMs;
    this.#isDraining = true;
    for (const desk of this.#parts.desks.values()) this.#courier.takeBack(desk, null);
    this.kick();
    await this.#settling.wait(answersMs);
    this.#courier.abandon();
    await this.#settling.wait(Math.max(0, endsAtMs - performance.now()));
    this.#stop();
    if (this.#isBroken) this.#lastTry();
    await this.#leave();
    for (const desk of this.#retiring) await desk.stop();
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
  async #leave(): Promise<void> {
    try {
      for (let tries = 1; tries <= LEAVES_MAX && this.#step.leave() === 'busy'; tries += 1) {
        await pause(BUSY_WAIT_MS);
      }
    } catch (error) {
      if (!this.#isBroken && !isOutOfRoom(error, this.#parts.spool.path)) throw error;
    }
  }

  /** Stops at once: nothing is claimed, handed out or written any more. */
  halt(): void {
    this.#stop();
    for (const desk of this.#parts.desks.values()) this.#courier.takeBack(desk, null);
  }

  /** Whether what a crash left is settled: receipts can be stored from here on. */
  get isStarted(): boolean {
    return this.#isRescued;
  }

  #stop(): void {
    this.#isStopped = true;
    this.#watcher?.stop();
    this.books.stop();
    this.#probes.stop();
    this.#longWal.stop();
    this.#alarm.clear();
  }

  async #rescue(signal: AbortSignal): Promise<void> {
    const { path } = this.#parts.spool;
    while ((await whenFree(path, () => this.#step.rescue(), signal)) > 0);
  }

  #notice(): void {
    this.#step.noticeNews();
    if (!this.#isScheduled && !this.#isStopped) this.#run();
  }

  /* A step when the turn brought nothing new, or most of the reserve is used; else another turn. */
  readonly #turn = (): void => {
    this.#isScheduled = false;
    if (this.#isStopped) return;
    const brought = this.#step.ended - this.#seenEnded;
    this.#seenEnded = this.#step.ended;
    if (brought > 0 && !this.#step.isReserveLow) this.kick();
    else if (!this.#isGathering()) this.#run();
  };

  #isGathering(): boolean {
    return !this.#isDraining && this.#step.hasOutcomesAlone && this.#gathering.begin();
  }

  #run(): void {
    this.#turns += 1;
    if (this.#isBroken) this.#settling.look();
    if (this.#longWal.isHolding || this.#isBroken) return;
    this.#seenEnded = 0;
    this.#gathering.end();
    try {
      const claims = this.#step.run(!this.#isDraining);
      if (claims === 'busy') {
        this.#progress = { ...this.#progress, trouble: 'locked' };
        this.#lockHeld.busy();
        this.#alarm.set(BUSY_WAIT_MS);
        return;
      }
      this.#progress = { steppedAtMs: this.#parts.clock.monotonicMs(), trouble: null };
      this.#lockHeld.free();
      if (this.#step.ended > 0) this.kick();
      this.#courier.handOut(claims);
    } catch (error) {
      this.#failed(error);
      return;
    }
    setImmediate(this.#sleepUntilNext);
    this.#settling.look();
  }

  #failed(error: unknown): void {
    if (!isOutOfRoom(error, this.#parts.spool.path)) {
      this.#broke(error);
      return;
    }
    this.#progress = { ...this.#progress, trouble: 'disk-full' };
    this.#fullDisk.say(this.#step.ended);
    this.#alarm.set(FULL_WAIT_MS);
  }

  /* Nothing is claimed any more; whoever hears of it stops the daemon. */
  #broke(error: unknown): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.#progress = { ...this.#progress, trouble: 'io-error' };
    this.#alarm.clear();
    setTimeout(() => this.#settling.end(), BROKEN_ANSWERS_MS).unref();
    this.#parts.onFatal(error);
  }

  /* Comes once what was handed out is written: finding the next instant takes as long as a request. */
  readonly #sleepUntilNext = (): void => {
    if (this.#isStopped || this.#isBroken) return;
    const isIdle = !this.#isScheduled && !this.#gathering.isOn && !this.#step.isBusy;
    try {
      if (isIdle) this.#alarm.setForNext(!this.#isDraining && !this.#step.isHeld);
      else if (this.#step.isBusy) this.kick();
    } catch (error) {
      this.#failed(error);
      return;
    }
    this.#longWal.look(isIdle);
  };
}

function pause(waitMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, waitMs));
}
