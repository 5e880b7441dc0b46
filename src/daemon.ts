/**
 * The composition root: configuration → parts → start. It builds every part once, tells each only what it
 * uses, and takes them down in the opposite order.
 *
 * Always holds: the spool is owned before it is opened for work, and given up last.
 */
import { systemClock, type Clock } from './clock.ts';
import type { AccountConfig, Config } from './config/config.ts';
import { Desk } from './dispatch/desk.ts';
import { Dispatcher } from './dispatch/dispatcher.ts';
import { holdRulesOf } from './dispatch/holds.ts';
import type { BalanceAnswer } from './dispatch/probes.ts';
import { balanceAnswer, guarded, recall } from './dispatch/safety.ts';
import type { AccountLimits } from './dispatch/outcomes.ts';
import type { Rules } from './dispatch/work.ts';
import { limitLearned, type Entry } from './events.ts';
import { fetchBalance, fetchLimit } from './gateway/account-api.ts';
import { VonageGateway } from './gateway/vonage.ts';
import { Ownership } from './spool/ownership.ts';
import { findMisfits } from './spool/sharing.ts';
import { Spool } from './spool/spool.ts';
import { Reception } from './reception.ts';
import { NOT_AT_WORK, vitalsOf, type Vitals } from './vitals.ts';
import { StatusLog, type Output } from './status-log.ts';
import { DEFAULT_LIMIT, paceOf, senderPaceOf } from './throttle/pace.ts';
import { Pacer } from './throttle/pacer.ts';
import { Slots } from './throttle/slots.ts';

/** Asking the account for its limit may hold up the start this long. */
const ASK_MS = 5_000;
/** What is out may take this long to come back when the daemon leaves. */
const DRAIN_MS = 35_000;
/** The gateway's reports are asked of an uncertain message after this at the earliest. */
const LOOK_AFTER_MS = 60_000;
/** How often, and how long, a lock of another program is waited for at the start. */
const SPOOL_WAIT_MS = 20;
const SPOOL_WAITS_MAX = 250;

export interface DaemonOptions {
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Where the status log's standard output goes; default descriptor 1. */
  readonly logFd?: number;
  /** Takes the status log's lines in the place of standard output. */
  readonly logOutput?: Output;
  /** The daemon cannot go on. It has been said in the log. */
  readonly onFatal: (error: unknown) => void;
}

interface Started {
  readonly spool: Spool;
  readonly ownership: Ownership;
  readonly desks: ReadonlyMap<string, Desk>;
  readonly dispatcher: Dispatcher;
  readonly reception: Reception;
}

export class Daemon implements AsyncDisposable {
  readonly #config: Config;
  readonly #options: DaemonOptions;
  readonly #clock: Clock;
  readonly #log: StatusLog;
  /** Limits that accounts named themselves at the start (requests per second). */
  readonly #asked = new Map<string, number>();
  #started: Started | null = null;

  constructor(config: Config, options: DaemonOptions) {
    this.#config = config;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#log = new StatusLog({
      ...config.log,
      ...(options.logFd ? { fd: options.logFd } : {}),
      ...(options.logOutput ? { output: options.logOutput } : {}),
    });
  }

  get log(): StatusLog {
    return this.#log;
  }

  /** Where receipts come in, as "127.0.0.1:8026"; null = nowhere. */
  get receiptsAddress(): string | null {
    return this.#started?.reception.address ?? null;
  }

  /** How the daemon is; nothing is going on before the start and after the end. */
  get vitals(): Vitals {
    return this.#started === null ? NOT_AT_WORK : vitalsOf(this.#started);
  }

  /** How often the loop went round; a watchdog waits for more. */
  get turns(): number {
    return this.#started?.dispatcher.turns ?? 0;
  }

  /** Takes the spool, settles what a crash left, and begins to send. Throws SpoolError. */
  async start(version: string): Promise<void> {
    const { path } = this.#config.spool;
    const node = process.version;
    this.#log.say('info', 'daemon.started', { version, node, pid: process.pid, spool: path });
    for (const warning of this.#config.warnings)
      this.#log.say('warn', 'daemon.warning', { warning });
    const ownership = Ownership.take(path);
    try {
      const spool = await this.#openSpool();
      for (const { path: file, found, command } of findMisfits(path))
        this.#log.say('warn', 'daemon.warning', {
          warning: `${file} ${found}; mend it: ${command}`,
        });
      await this.#begin(spool, ownership);
    } catch (error) {
      ownership.release();
      throw error;
    }
  }

  /** Stops claiming, waits for what is out, gives back the rest, and lets go of the spool. */
  async [Symbol.asyncDispose](): Promise<void> {
    const started = this.#started;
    if (started === null) return;
    this.#started = null;
    this.#log.say('info', 'daemon.draining', { in_flight: started.dispatcher.inFlight });
    /* What was brought is stored and answered; what comes now waits for the next daemon. */
    await started.reception[Symbol.asyncDispose]();
    await started.dispatcher.drain(DRAIN_MS);
    await started.reception.stopNotifying();
    for (const desk of started.desks.values()) {
      await desk.stop();
    }
    started.spool.close();
    started.ownership.release();
    this.#log.say('info', 'daemon.stopped');
  }

  /* Another program may hold the lock for a moment just as we open. */
  async #openSpool(): Promise<Spool> {
    for (let tries = 1; ; tries += 1) {
      try {
        return Spool.open(this.#config.spool.path);
      } catch (error) {
        if (!Spool.isBusy(error) || tries >= SPOOL_WAITS_MAX) throw error;
        await new Promise((resolve) => setTimeout(resolve, SPOOL_WAIT_MS));
      }
    }
  }

  async #begin(spool: Spool, ownership: Ownership): Promise<void> {
    const limits = new Map<string, AccountLimits>();
    const desks = new Map<string, Desk>();
    const opening: Entry[] = [];
    let kick = (): void => undefined;
    for (const account of this.#config.accounts) {
      const { name, rate: configuredRate, concurrency } = account;
      const ceiling = await this.#rateOf(account, spool, opening);
      limits.set(name, { configuredRate, concurrency, ceiling });
      const rate = Math.min(ceiling, spool.gates.learnedRate(name) ?? ceiling);
      desks.set(
        account.name,
        this.#desk(account, { rate, spool }, () => kick()),
      );
    }
    const reception = new Reception({ config: this.#config, clock: this.#clock, log: this.#log });
    const dispatcher = new Dispatcher({
      spool,
      desks,
      limits,
      rules: rulesOf(this.#config),
      clock: this.#clock,
      random: this.#options.random ?? Math.random,
      log: this.#log,
      opening,
      askBalance: (name) => this.#askBalance(name),
      receipts: {
        apiKeys: new Map(this.#config.accounts.map(({ name, apiKey }) => [name, apiKey])),
        isSigned: this.#config.receipts.signatureSecrets.length > 0,
        onIgnored: reception.onIgnored,
        lookups: reception.lookups,
        since: reception.since,
      },
      onEvents: reception.onEvents,
      onFatal: (error) => {
        this.#log.say('error', 'daemon.failed', { error: String(error) });
        this.#options.onFatal(error);
      },
    });
    await this.#writeGates(spool, desks);
    /* First: nothing is sent whose receipt nobody would take. */
    await reception.open(dispatcher);
    this.#started = { spool, ownership, desks, dispatcher, reception };
    await dispatcher.start();
    reception.notify(spool, dispatcher);
    /* Not before: a claim made while the start waits for a lock would be taken for one of a crash. */
    kick = dispatcher.kick;
    const receipts = reception.address ?? undefined;
    this.#log.say('info', 'daemon.ready', { accounts: [...desks.keys()], receipts });
  }

  /* Requests per second: the configured one, else the account's own word, else the last one learned. */
  async #rateOf(account: AccountConfig, spool: Spool, opening: Entry[]): Promise<number> {
    if (account.rate !== null) return account.rate;
    const limit = await fetchLimit({ ...account, timeoutMs: Math.min(account.timeoutMs, ASK_MS) });
    if (limit.ok) {
      const facts = { at: this.#clock.now(), configured: null, limit: limit.rate };
      opening.push(limitLearned(account.name, facts));
      this.#asked.set(account.name, limit.rate);
      return limit.rate;
    }
    const rate = Math.max(spool.gates.learnedRate(account.name) ?? 0, DEFAULT_LIMIT);
    const warning =
      `accounts.${account.name}.rate is left out, and the account could not be asked ` +
      `(${limit.detail}); ${rate} requests a second are taken for granted`;
    this.#log.say('warn', 'daemon.warning', { warning });
    return rate;
  }

  #desk(
    account: AccountConfig,
    { rate, spool }: { readonly rate: number; readonly spool: Spool },
    onReady: () => void,
  ): Desk {
    const { monotonicMs, now } = this.#clock;
    return new Desk({
      name: account.name,
      defaultSender: account.sender,
      ...guarded(new VonageGateway({ ...account, now }), this.#config.safety, now),
      pacer: new Pacer({ rate: paceOf(rate), monotonicMs, onGrant: onReady }),
      slots: new Slots(account.concurrency, this.#options.onFatal),
      reserve: this.#config.fairness.reserve,
      validityMs: this.#config.messages.validityMs,
      senderRate: (sender) => account.senders.get(sender)?.rate ?? null,
      senderLearned: (sender) => spool.gates.learnedRate(account.name, sender),
      senderPacer: (limit, onGrant) =>
        new Pacer({ rate: senderPaceOf(limit), monotonicMs, onGrant }),
      onReady,
    });
  }

  /* Rows of configured accounts exist; what was suspended or paused before a restart still is. */
  async #writeGates(spool: Spool, desks: ReadonlyMap<string, Desk>): Promise<void> {
    const now = this.#clock.now();
    recall(spool, desks, { clock: this.#clock, waitMaxMs: this.#config.retry.maxDelayMs });
    const write = (): object => {
      for (const { account, sender } of spool.gates.all())
        if (sender === null && !desks.has(account)) spool.gates.forget(account);
      for (const account of this.#config.accounts) {
        const { name } = account;
        const asked = this.#asked.get(name) ?? null;
        const learned = spool.gates.learnedRate(name) ?? asked;
        const learnedRate = learned === null ? null : Math.min(learned, asked ?? learned);
        const rates = { learnedRate, now, account: name };
        spool.gates.writeRate({ ...rates, sender: null, configuredRate: account.rate });
        const width = { account: name, configured: account.concurrency, learned: null };
        spool.gates.writeWidth(width);
        for (const [sender, { rate }] of account.senders) {
          const learned = spool.gates.learnedRate(name, sender);
          const own = { learnedRate: learned, sender, configuredRate: rate };
          spool.gates.writeRate({ ...rates, ...own });
        }
      }
      return {};
    };
    while (spool.transaction(write) === 'busy') {
      await new Promise((resolve) => setTimeout(resolve, SPOOL_WAIT_MS));
    }
  }

  async #askBalance(name: string): Promise<BalanceAnswer> {
    const account = this.#config.accounts.find((one) => one.name === name);
    if (account === undefined) return { kind: 'unknown' };
    const balance = await fetchBalance(account);
    if (balance.ok) return balanceAnswer(balance.balance, this.#started?.desks.get(name)?.health);
    const isNo = balance.reason === 'wrong-credentials' || balance.reason === 'unreachable';
    return { kind: isNo ? 'refused' : 'unknown' };
  }
}

function rulesOf(config: Config): Rules {
  const { messages, retry, receipts } = config;
  return {
    settle: {
      retry,
      onUncertain: messages.onUncertain,
      uncertainAfterMs: messages.uncertainAfterMs,
      lookAfterMs: config.reconcile.reports ? LOOK_AFTER_MS : null,
      receipts: { expect: receipts.expect, timeoutMs: receipts.timeoutMs },
    },
    overrides: config.classify,
    receipts: {
      acceptedIsEnough: receipts.acceptedIsEnough,
      resend: receipts.resend,
      suppressAutomatically: config.suppress.automatic,
    },
    validityMs: messages.validityMs,
    defaultAccount: config.defaultAccount,
    holds: holdRulesOf({ quiet: config.quiet, ...config.safety }),
    defaultSenders: new Map(config.accounts.map(({ name, sender }) => [name, sender])),
    waitMaxMs: retry.maxDelayMs,
  };
}
