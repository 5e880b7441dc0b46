/**
 * Builds the parts of the daemon from the configuration, starts them, and takes them down in the opposite order.
 *
 * Always holds: the spool is owned before it is opened for work, and given up last.
 */
import { systemClock, type Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { Policy } from '../core/account/policy.ts';
import { adviceOf, type Stop } from '../core/account/stops.ts';
import type { AccountQueue } from '../dispatch/schedule/account-queue.ts';
import { Dispatcher, type DrainLimits } from '../dispatch/loop/dispatcher.ts';
import type { BalanceAnswer } from '../dispatch/feedback/circuit-probes.ts';
import { recall, spentToday } from '../dispatch/feedback/budgets.ts';
import type { AccountLimits } from '../dispatch/feedback/account-throttle.ts';
import { fetchBalance } from '../gateway/account-api.ts';
import { isoOf, type EventEntry } from '../log/event-lines.ts';
import { SpoolOpening, StartWait, type OwnedSpool } from './open-at-start.ts';
import { StatusSource } from './status-source.ts';
import { describeWrongPermissions } from '../spool/file/permissions.ts';
import { DaySpend } from '../spool/write/day-spend.ts';
import type { Spool } from '../spool/spool.ts';
import { whenFree } from '../spool/file/open.ts';
import { AccountRates } from './account-rates.ts';
import { beginLog, sayRestored, writeLateLines } from './log-replay.ts';
import { AccountFactory } from './account-factory.ts';
import { Inbound } from './inbound.ts';
import { Reload } from './reload.ts';
import { makePolicy } from './make-policy.ts';
import { SpoolGuard } from './spool-guard.ts';
import { StartBrokenOff, takeDown, type RunningParts } from './shutdown.ts';
import { StatusLog, type Output } from '../log/status-log.ts';
import type { HealthFacts } from '../systemd/pulse.ts';
import { readVersion } from '../version.ts';

/** The time limit of a stop, and the part of it for answers to open requests. TimeoutStopSec of the unit is longer. */
const STOP_MS = 45_000;
const ANSWERS_MS = 35_000;
const NO_TIME: DrainLimits = { answersMs: 0, totalMs: 0 };
/** The longest wait at the end for a place of the log that takes no lines. */
const LOG_MS = 1_000;

export interface DaemonOptions {
  readonly clock?: Clock;
  /** Takes the lines of the status log instead of standard output. */
  readonly logOutput?: Output;
  /** The start waits until something outside changes. The log says so. */
  readonly onWaiting?: () => void;
  /** The daemon cannot go on. The log says so. */
  readonly onFatal: (error: unknown) => void;
}

interface Started extends RunningParts {
  readonly reload: Reload;
}

export class Daemon implements AsyncDisposable {
  /** What is in force. */
  #config: Config;
  #policy: Policy;
  readonly #options: DaemonOptions;
  readonly #clock: Clock;
  readonly #log: StatusLog;
  readonly #factory: AccountFactory;
  readonly #rates: AccountRates;
  readonly #status: StatusSource;
  readonly #inbound: Inbound;
  readonly #wait: StartWait;
  #started: Started | null = null;
  #starting: Promise<void> | null = null;
  readonly #stopAsked = new AbortController();
  #hasFailed = false;
  #kick = (): void => undefined;
  /** One after another, and none before the start is over. */
  #reloads: Promise<void> = Promise.resolve();
  #guard: SpoolGuard | null = null;

  constructor(config: Config, options: DaemonOptions) {
    this.#config = config;
    this.#policy = makePolicy(config);
    this.#options = options;
    const clock = options.clock ?? systemClock;
    this.#clock = clock;
    const log = new StatusLog({
      ...config.log,
      ...(options.logOutput && { output: options.logOutput }),
    });
    this.#log = log;
    const inForce = { clock, log, config: () => this.#config };
    this.#factory = new AccountFactory({
      ...inForce,
      policy: () => this.#policy,
      onReady: () => this.#kick(),
      onFatal: options.onFatal,
    });
    this.#wait = new StartWait({
      clock,
      path: config.spool.path,
      signal: this.#stopAsked.signal,
      onWait: (stop) => this.#waits(stop),
    });
    this.#status = new StatusSource({ ...inForce, waiting: () => this.#wait.stop });
    this.#inbound = new Inbound(inForce);
    this.#rates = new AccountRates(clock, log);
  }

  /** The address for receipts, as "127.0.0.1:8026"; null = nowhere. */
  get receiptsAddress(): string | null {
    return this.#inbound.address;
  }

  /**
   * Opens the log file again, and reads and takes up the configuration again. Resolves when it is in force, or was
   * refused, which the log says. Never rejects.
   */
  reload(load: () => Config): Promise<void> {
    this.#log.reopen();
    const run = async (): Promise<void> => {
      const reload = this.#started?.reload;
      await reload?.run(this.#config, load, () => this.#started !== null);
    };
    this.#reloads = this.#reloads.then(run).catch(this.fail);
    return this.#reloads;
  }

  /** All are zero before the start and after the end. */
  get health(): HealthFacts {
    return this.#status.health;
  }

  /** Open requests. Reads nothing from the spool. */
  get inFlight(): number {
    return this.#started?.dispatcher.inFlight ?? 0;
  }

  /** Why the start waits, with what to do; null = it does not. */
  get waiting(): string | null {
    const { stop } = this.#wait;
    return stop === null ? null : adviceOf(stop, (at) => isoOf(at) ?? '?');
  }

  /** Turns of the loop and tries of a waiting start; the watchdog expects more each time. */
  get turns(): number {
    return this.#wait.tries + (this.#started?.dispatcher.turns ?? 0);
  }

  /** The address of the admin listener, as "127.0.0.1:8027"; null = nowhere. */
  get adminAddress(): string | null {
    return this.#status.address;
  }

  /** Takes the spool, settles what a crash left, and begins to send. Throws SpoolError. */
  start(): Promise<void> {
    this.#starting = this.#start();
    return this.#starting;
  }

  async #start(): Promise<void> {
    const { path, own } = this.#config.spool;
    const facts = { version: readVersion(), node: process.version, pid: process.pid, spool: path };
    this.#log.say('daemon.started', facts);
    this.#warn(this.#config.warnings);
    const over = Promise.withResolvers<undefined>();
    this.#reloads = over.promise;
    const opening = new SpoolOpening(path, own);
    try {
      await this.#status.listen();
      const opened = await this.#wait.whenPossible(() => opening.open(this.#stopAsked.signal));
      const { warning } = opened.own;
      this.#warn([...(warning === null ? [] : [warning]), ...describeWrongPermissions(path)]);
      await this.#begin(opened);
    } catch (error) {
      if (this.#started === null) {
        await this.#inbound[Symbol.asyncDispose]();
        opening.giveUp();
      }
      await this.#status[Symbol.asyncDispose]();
      throw error;
    } finally {
      over.resolve(undefined);
    }
  }

  #warn(warnings: readonly string[]): void {
    for (const warning of warnings) this.#log.say('daemon.warning', { warning });
  }

  /* Receipts are answered 503 meanwhile, so that the gateway sends them again. */
  async #waits({ reason, meaning: missing, remedy }: Stop): Promise<void> {
    await this.#inbound.listen();
    const admin = this.adminAddress ?? undefined;
    this.#log.say('daemon.waiting', { reason, missing, remedy, admin });
    this.#options.onWaiting?.();
  }

  /** Stops claiming, waits for open requests, releases the other claims, and closes the spool. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /**
   * The same; a start in progress is broken off. Takes a limited time, whatever happens. Resolves to the number of
   * outcomes that could not be written: only the log has them.
   */
  async stop(): Promise<number> {
    this.#stopAsked.abort(new StartBrokenOff());
    const isBrokenOff = await this.#brokenOff();
    await this.#guard?.untilEnded();
    const started = this.#started;
    if (started === null) {
      if (isBrokenOff) this.#log.say('daemon.stopped', {});
      await this.#log.drain(LOG_MS);
      return 0;
    }
    this.#started = null;
    this.#status.drain();
    this.#log.say('daemon.draining', { in_flight: started.dispatcher.inFlight });
    const limits = isBrokenOff ? NO_TIME : { answersMs: ANSWERS_MS, totalMs: STOP_MS };
    const unwritten = await takeDown(started, this.#log, limits);
    await this.#guard?.untilEnded();
    started.daySpend.stop();
    await this.#status[Symbol.asyncDispose]();
    if (unwritten === 0) this.#log.say('daemon.stopped', {});
    else this.#log.say('daemon.stopped', { unwritten }, 'error');
    await this.#log.drain(LOG_MS);
    return unwritten;
  }

  /* `start` rejects with any other error. */
  async #brokenOff(): Promise<boolean> {
    try {
      await this.#starting;
      return false;
    } catch (error) {
      return error instanceof StartBrokenOff;
    }
  }

  /** The daemon cannot go on: logs it once, and calls `onFatal`. */
  readonly fail = (error: unknown): void => {
    /* After the spool was replaced, errors of SQLite are expected. */
    if (this.#hasFailed || this.#guard?.isOurs() === false) return;
    this.#hasFailed = true;
    this.#log.say('daemon.failed', { error: String(error) });
    this.#options.onFatal(error);
  };

  async #begin({ own, spool, ownership }: OwnedSpool): Promise<void> {
    const queues = new Map<string, AccountQueue>();
    const daySpend = new DaySpend({
      folder: own,
      spent: () => spentToday(queues),
      onTrouble: (error) =>
        this.#warn([`today's spend of accounts cannot be kept in ${own.path}: ${String(error)}`]),
    });
    const limits = new Map<string, AccountLimits>();
    const inbound = this.#inbound;
    try {
      await this.#work({ spool, ownership, daySpend, queues, limits, inbound });
    } catch (error) {
      /* Open timers and connections would keep the process alive. */
      if (this.#started === null) {
        daySpend.stop();
        for (const queue of queues.values()) await queue.stop();
        spool.close();
      }
      throw error;
    }
  }

  async #work(parts: Omit<RunningParts, 'dispatcher'>): Promise<void> {
    const { spool, queues, limits, inbound, daySpend } = parts;
    const [clock, log] = [this.#clock, this.#log];
    const opening: EventEntry[] = [];
    for (const account of this.#config.accounts) {
      this.#stopAsked.signal.throwIfAborted();
      const { name, rate: configuredRate, concurrency } = account;
      const ceiling = await this.#rates.rateOf(account, spool, opening);
      limits.set(name, { configuredRate, concurrency, ceiling });
      queues.set(name, this.#factory.make(account, ceiling, spool));
    }
    const { onIgnored, lookups, since, onEvents } = inbound;
    const dispatcher = new Dispatcher({
      ...{ spool, queues, limits, clock, log, opening, onEvents },
      policy: () => this.#policy,
      random: Math.random,
      askBalance: (name) => this.#askBalance(name),
      receipts: { onIgnored, lookups, since },
      onFatal: this.fail,
    });
    this.#guard = new SpoolGuard({ spool, dispatcher, log, onLockLost: this.fail });
    sayRestored(spool, log);
    const { waitMaxMs } = this.#policy;
    const known = { clock, waitMaxMs, spentSince: daySpend.spentSince };
    for (const { queue, change } of recall(spool, queues, known))
      dispatcher.circuitChanged(queue, change);
    await this.#wait.whenPossible(() => this.#writeStart(spool, queues));
    writeLateLines(spool, log);
    /* First: no message is sent before its receipt can be taken. */
    await inbound.open(dispatcher);
    const running: RunningParts = { ...parts, dispatcher };
    this.#started = { ...running, reload: this.#reloadOf(running) };
    this.#status.show(running);
    await this.#wait.whenPossible(() => dispatcher.start(this.#stopAsked.signal));
    inbound.notify(spool, dispatcher);
    /* Not before: a claim made while the start waits for a lock would be taken for one of a crash. */
    this.#kick = dispatcher.kick;
    this.#status.ready();
    const receipts = inbound.address ?? undefined;
    const admin = this.adminAddress ?? undefined;
    log.say('daemon.ready', { accounts: [...queues.keys()], receipts, admin });
  }

  async #writeStart(spool: Spool, queues: ReadonlyMap<string, AccountQueue>): Promise<void> {
    const write = (): object => {
      beginLog(spool);
      this.#writeRows(spool, queues);
      return queues;
    };
    await whenFree(spool.path, () => spool.transaction(write), this.#stopAsked.signal);
  }

  #writeRows(spool: Spool, queues: ReadonlyMap<string, AccountQueue>): void {
    spool.noteConfigRead(Date.now() / 1000);
    this.#rates.writeRows(spool, this.#config.accounts, queues);
  }

  #reloadOf(running: RunningParts): Reload {
    const { spool, queues, dispatcher, inbound } = running;
    return new Reload({
      ...running,
      ...{ clock: this.#clock, log: this.#log, rates: this.#rates, factory: this.#factory },
      adopt: (config) => {
        const before = this.#config;
        this.#config = config;
        this.#policy = makePolicy(config);
        dispatcher.stats.configure();
        inbound.adopt(before, spool, dispatcher).catch(this.fail);
      },
      writeRows: () => this.#writeRows(spool, queues),
    });
  }

  async #askBalance(name: string): Promise<BalanceAnswer> {
    const account = this.#config.accounts.find((one) => one.name === name);
    if (account === undefined) return null;
    const answer = await fetchBalance(account);
    if (answer.ok) this.#started?.dispatcher.stats.counters.balance(name, answer.balance);
    return answer;
  }
}
