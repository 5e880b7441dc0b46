/**
 * The composition root: configuration → parts → start. It builds every part once, tells each only what it
 * uses, and takes them down in the opposite order.
 *
 * Always holds: the spool is owned before it is opened for work, and given up last.
 */
import { systemClock, type Clock } from '../clock.ts';
import type { AccountConfig, Config } from '../config/config.ts';
import type { Policy } from '../core/account/policy.ts';
import { adviceOf, type Stop } from '../core/account/stops.ts';
import type { AccountQueue } from '../dispatch/schedule/account-queue.ts';
import { Dispatcher } from '../dispatch/loop/dispatcher.ts';
import type { BalanceAnswer } from '../dispatch/feedback/circuit-probes.ts';
import { askBalance, recall } from '../dispatch/feedback/budgets.ts';
import type { AccountLimits } from '../dispatch/send/outcomes.ts';
import { keepDaySpend, sayRestored } from './retention-policy.ts';
import { isoOf, type Entry } from '../log/event-lines.ts';
import { Opening, StartWait, type Opened } from './open-at-start.ts';
import { NOT_AT_WORK, Overview, vitalsOf } from './status-source.ts';
import { describeWrongPermissions } from '../spool/file/permissions.ts';
import type { DaySpend } from '../spool/write/day-spend.ts';
import type { Spool } from '../spool/spool.ts';
import { whenFree } from '../spool/file/open.ts';
import { AccountRates } from './account-rates.ts';
import { writeAccountRows } from './account-rows.ts';
import { beginLog, writeLateLines } from './log-replay.ts';
import { AccountFactory } from './account-factory.ts';
import { Reception } from './inbound.ts';
import { Reload, type ReloadParts } from './reload.ts';
import { byName, makePolicy } from './make-policy.ts';
import { stopsNow } from './current-stops.ts';
import { SpoolGuard } from './spool-guard.ts';
import { StartBrokenOff, takeDown, type Running } from './shutdown.ts';
import { StatusLog, type Output } from '../log/status-log.ts';
import type { Vitals } from '../systemd/pulse.ts';

/** The time limit of a stop, and the part of it for answers to open requests. TimeoutStopSec of the unit is longer. */
const STOP_MS = 45_000;
const ANSWERS_MS = 35_000;
/** A place of the log that takes no lines is waited for so long at the end. */
const LOG_MS = 1_000;

export interface DaemonOptions {
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Where the status log's standard output goes; default descriptor 1. */
  readonly logFd?: number;
  /** Takes the status log's lines in the place of standard output. */
  readonly logOutput?: Output;
  /** The start waits until something outside changes. It has been said in the log. */
  readonly onWaiting?: () => void;
  /** The daemon cannot go on. It has been said in the log. */
  readonly onFatal: (error: unknown) => void;
}

interface Started extends Running {
  readonly queues: Map<string, AccountQueue>;
  readonly reload: Reload;
  readonly daySpend: DaySpend;
  readonly stops: () => readonly Stop[];
}

export class Daemon implements AsyncDisposable {
  /** What is in force. */
  #config: Config;
  #accounts: ReadonlyMap<string, AccountConfig>;
  #policy: Policy;
  readonly #maker: AccountFactory;
  readonly #options: DaemonOptions;
  readonly #clock: Clock;
  readonly #log: StatusLog;
  readonly #rates: AccountRates;
  #started: Started | null = null;
  #starting: Promise<void> | null = null;
  readonly #stopAsked = new AbortController();
  #hasFailed = false;
  #kick = (): void => undefined;
  /** One after another, and none before the start is over. */
  #reloads: Promise<void> = Promise.resolve();
  #overview: Overview | null = null;
  readonly #reception: Reception;
  #guard: SpoolGuard | null = null;
  readonly #wait: StartWait;

  constructor(config: Config, options: DaemonOptions) {
    this.#config = config;
    this.#accounts = byName(config);
    this.#policy = makePolicy(config);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#maker = new AccountFactory({
      clock: this.#clock,
      config: () => this.#config,
      account: (name) => this.#accounts.get(name),
      onReady: () => this.#kick(),
      onFatal: options.onFatal,
    });
    this.#wait = new StartWait({
      clock: this.#clock,
      path: config.spool.path,
      signal: this.#stopAsked.signal,
      onWait: (stop) => this.#waits(stop),
    });
    this.#log = new StatusLog({
      ...config.log,
      ...(options.logFd ? { fd: options.logFd } : {}),
      ...(options.logOutput ? { output: options.logOutput } : {}),
    });
    this.#reception = new Reception({ config, clock: this.#clock, log: this.#log });
    this.#rates = new AccountRates({ clock: this.#clock, log: this.#log });
  }

  get log(): StatusLog {
    return this.#log;
  }

  /** Where receipts come in, as "127.0.0.1:8026"; null = nowhere. */
  get receiptsAddress(): string | null {
    return this.#reception.address;
  }

  /**
   * Opens the log anew, reads the configuration again and goes on by it; resolves when it is in force, or was
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

  /** How the daemon is; nothing is going on before the start and after the end. */
  get vitals(): Vitals {
    return this.#started === null ? NOT_AT_WORK : vitalsOf(this.#started);
  }

  /** Requests that are out. Reads nothing of the spool. */
  get inFlight(): number {
    return this.#started?.dispatcher.inFlight ?? 0;
  }

  /** Why the start waits, with what to do; null = it does not. */
  get waiting(): string | null {
    const { stop } = this.#wait;
    return stop === null ? null : adviceOf(stop, (at) => isoOf(at) ?? '?');
  }

  /** How often the loop went round, or a waiting start tried again; a watchdog waits for more. */
  get turns(): number {
    return this.#wait.tries + (this.#started?.dispatcher.turns ?? 0);
  }

  /** Where health and metrics are, as "127.0.0.1:8027"; null = nowhere. */
  get adminAddress(): string | null {
    return this.#overview?.address ?? null;
  }

  /** Takes the spool, settles what a crash left, and begins to send. Throws SpoolError. */
  start(version: string): Promise<void> {
    this.#starting = this.#start(version);
    return this.#starting;
  }

  async #start(version: string): Promise<void> {
    const { path } = this.#config.spool;
    const node = process.version;
    this.#log.say('daemon.started', { version, node, pid: process.pid, spool: path });
    for (const warning of this.#config.warnings) this.#log.say('daemon.warning', { warning });
    const over = Promise.withResolvers<undefined>();
    this.#reloads = over.promise;
    const { recipients } = this.#config.log;
    const overview = new Overview({
      clock: this.#clock,
      version,
      spoolPath: path,
      recipients,
      waiting: () => this.#wait.stop,
    });
    this.#overview = overview;
    const opening = new Opening(path, this.#config.spool.own);
    try {
      await overview.listen(this.#config.admin, this.#log);
      const opened = await this.#wait.whenPossible(() => opening.open(this.#stopAsked.signal));
      const { warning } = opened.own;
      for (const each of [
        ...(warning === null ? [] : [warning]),
        ...describeWrongPermissions(path),
      ])
        this.#log.say('daemon.warning', { warning: each });
      await this.#begin(opened, overview);
    } catch (error) {
      if (this.#started === null) {
        await this.#reception[Symbol.asyncDispose]();
        opening.giveUp();
      }
      await overview[Symbol.asyncDispose]();
      throw error;
    } finally {
      over.resolve(undefined);
    }
  }

  /* Receipts are answered 503 meanwhile, so that the gateway comes again. */
  async #waits({ reason, meaning: missing, remedy }: Stop): Promise<void> {
    await this.#reception.listen();
    const admin = this.adminAddress ?? undefined;
    this.#log.say('daemon.waiting', { reason, missing, remedy, admin });
    this.#options.onWaiting?.();
  }

  /** Stops claiming, waits for open requests, releases the other claims, and closes the spool. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /**
   * The same; a start that goes on is broken off. Takes a limited time, whatever happens. Resolves to how many
   * outcomes could not be written: they are in the log, and nowhere else.
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
    this.#overview?.drain();
    this.#log.say('daemon.draining', { in_flight: started.dispatcher.inFlight });
    const unwritten = await takeDown(started, {
      log: this.#log,
      limits: isBrokenOff
        ? { answersMs: 0, totalMs: 0 }
        : { answersMs: ANSWERS_MS, totalMs: STOP_MS },
    });
    await this.#guard?.untilEnded();
    started.daySpend.stop();
    await this.#overview?.[Symbol.asyncDispose]();
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

  /** The daemon cannot go on: says so once, and tells whoever started it. */
  readonly fail = (error: unknown): void => {
    /* What SQLite says of a spool that was replaced is no news. */
    if (this.#hasFailed || this.#guard?.isOurs() === false) return;
    this.#hasFailed = true;
    this.#log.say('daemon.failed', { error: String(error) });
    this.#options.onFatal(error);
  };

  /* What was opened for nothing would keep the process. */
  async #begin({ own, spool, ownership }: Opened, overview: Overview): Promise<void> {
    const queues = new Map<string, AccountQueue>();
    const daySpend = keepDaySpend(own, queues, this.#log);
    const reception = this.#reception;
    try {
      await this.#work({ spool, ownership, queues, reception, daySpend }, overview);
    } catch (error) {
      if (this.#started === null) {
        daySpend.stop();
        for (const queue of queues.values()) await queue.stop();
        spool.close();
      }
      throw error;
    }
  }

  async #work(
    parts: Omit<Started, 'dispatcher' | 'reload' | 'stops'>,
    overview: Overview,
  ): Promise<void> {
    const { spool, ownership, queues, reception, daySpend } = parts;
    const limits = new Map<string, AccountLimits>();
    const opening: Entry[] = [];
    for (const account of this.#config.accounts) {
      this.#stopAsked.signal.throwIfAborted();
      const { name, rate: configuredRate, concurrency } = account;
      const ceiling = await this.#rates.rateOf(account, spool, opening);
      limits.set(name, { configuredRate, concurrency, ceiling });
      queues.set(name, this.#maker.make(account, ceiling, spool));
    }
    const dispatcher = new Dispatcher({
      spool,
      queues,
      limits,
      policy: () => this.#policy,
      clock: this.#clock,
      random: this.#options.random ?? Math.random,
      log: this.#log,
      opening,
      askBalance: (name) => this.#askBalance(name),
      receipts: {
        onIgnored: reception.onIgnored,
        lookups: reception.lookups,
        since: reception.since,
      },
      onEvents: reception.onEvents,
      onFatal: this.fail,
    });
    this.#guard = new SpoolGuard({ spool, dispatcher, log: this.#log, onLockLost: this.fail });
    sayRestored(spool, this.#log);
    const { waitMaxMs } = this.#policy;
    const known = { clock: this.#clock, waitMaxMs, spentSince: daySpend.spentSince };
    for (const { queue, change } of recall(spool, queues, known))
      dispatcher.gateChanged(queue, change);
    await this.#wait.whenPossible(() => this.#writeStart(spool, queues));
    writeLateLines(spool, this.#log);
    /* First: nothing is sent whose receipt nobody would take. */
    await reception.open(dispatcher);
    const reload = this.#reloadOf({ spool, queues, dispatcher, reception, daySpend }, limits);
    const startedAt = this.#clock.now();
    const facts = { clock: this.#clock, config: () => this.#config, log: this.#log, startedAt };
    const stops = (): readonly Stop[] => stopsNow({ ...facts, spool, dispatcher });
    this.#started = {
      ...{ spool, ownership, queues, dispatcher, reception, reload, daySpend, stops },
    };
    overview.show({ dispatcher, queues, limits, stops });
    await this.#wait.whenPossible(() => dispatcher.start(this.#stopAsked.signal));
    reception.notify(spool, dispatcher);
    /* Not before: a claim made while the start waits for a lock would be taken for one of a crash. */
    this.#kick = dispatcher.kick;
    overview.ready();
    const receipts = reception.address ?? undefined;
    const admin = this.adminAddress ?? undefined;
    this.#log.say('daemon.ready', { accounts: [...queues.keys()], receipts, admin });
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
    const slots = (name: string): number | undefined => queues.get(name)?.slots.concurrency;
    const now = this.#clock.now();
    spool.noteConfigRead(Date.now() / 1000);
    writeAccountRows(spool, { accounts: this.#accounts, asked: this.#rates.asked, slots, now });
  }

  #reloadOf(
    parts: Omit<Started, 'reload' | 'ownership' | 'stops'>,
    limits: ReloadParts['limits'],
  ): Reload {
    const { spool, dispatcher, queues, reception, daySpend } = parts;
    return new Reload({
      spentSince: daySpend.spentSince,
      ...{ spool, dispatcher, queues, limits, clock: this.#clock, log: this.#log },
      rateOf: (account, entries) => this.#rates.rateOf(account, spool, entries),
      maker: this.#maker,
      adopt: (config) => {
        this.#config = config;
        this.#accounts = byName(config);
        this.#policy = makePolicy(config);
        dispatcher.stats.configure();
        reception.adopt(config, spool, dispatcher).catch(this.fail);
      },
      writeRows: () => this.#writeRows(spool, queues),
    });
  }

  async #askBalance(name: string): Promise<BalanceAnswer> {
    const account = this.#accounts.get(name);
    if (account === undefined) return { kind: 'unknown' };
    return askBalance(account, this.#started?.queues.get(name)?.circuit, (euros) =>
      this.#started?.dispatcher.stats.counters.balance(name, euros),
    );
  }
}
