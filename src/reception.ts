/**
 * How word of messages comes in and goes out: the receipt listener, the questions to the gateway's reports,
 * and what the application is told. Built after the spool, taken down before it.
 *
 * Always holds: nothing of it stands in the way of sending. What is refused or ignored is counted, and
 * spoken of at most once a minute for each reason; never what it held.
 */
import type { Clock } from './clock.ts';
import type { AccountConfig, Config } from './config/config.ts';
import type { Dispatcher } from './dispatch/dispatcher.ts';
import { Lookups } from './dispatch/lookups.ts';
import {
  fetchReportsByIds,
  fetchReportsTo,
  type ReportAnswer,
  type ReportsTarget,
} from './gateway/reports-api.ts';
import { Notifier } from './notify/notifier.ts';
import { inheritedSocket } from './receipts/inherited-socket.ts';
import { ReceiptListener } from './receipts/listener.ts';
import type { Spool } from './spool/spool.ts';
import type { StatusLog } from './status-log.ts';

const SAID_EVERY_MS = 60_000;
const REPORT_MS = 30_000;

export interface ReceptionParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: StatusLog;
}

export class Reception implements AsyncDisposable {
  /** Null = the gateway's reports are not asked. */
  readonly lookups: Lookups | null;
  readonly #parts: ReceptionParts;
  readonly #said = new Map<string, { atMs: number; unsaid: number }>();
  #dispatcher: Dispatcher | null = null;
  #listener: ReceiptListener | null = null;
  #notifier: Notifier | null = null;
  #since = Infinity;

  constructor(parts: ReceptionParts) {
    this.#parts = parts;
    this.lookups = parts.config.reconcile.reports ? this.#makeLookups() : null;
  }

  /** Since when receipts can reach us (Unix seconds); Infinity = they cannot. */
  readonly since = (): number => this.#since;

  /** Where receipts are listened for; null = nowhere. */
  get address(): string | null {
    return this.#listener?.address ?? null;
  }

  /** A receipt changed nothing. A repeat is the ordinary thing and not worth a line. */
  readonly onIgnored = (reason: string): void => {
    if (reason !== 'repeat') this.#ignored(reason);
  };

  /** Events were committed. */
  readonly onEvents = (): void => this.#notifier?.wake();

  /** Begins to listen for receipts. Throws ListenerError. */
  async open(dispatcher: Dispatcher): Promise<void> {
    this.#dispatcher = dispatcher;
    const { receipts } = this.#parts.config;
    if (!receipts.expect) return;
    this.#listener = await ReceiptListener.start({
      listen: receipts.listen,
      fd: inheritedSocket(process.env, process.pid),
      path: receipts.path,
      signature: { method: receipts.signatureMethod, secrets: receipts.signatureSecrets },
      now: this.#parts.clock.now,
      take: (receipt) => dispatcher.inbox.take(receipt),
      onRefused: (reason) => {
        dispatcher.books.ignored(reason);
        this.#ignored(reason);
      },
    });
    this.#since = this.#parts.clock.now();
  }

  /** Begins to tell the application. */
  notify(spool: Spool, dispatcher: Dispatcher): void {
    const { config, clock, log } = this.#parts;
    if (config.notify === null) return;
    this.#notifier = new Notifier({
      ...config.notify,
      clock,
      read: (after, limit) => spool.events.after(after, limit),
      cursor: spool.events.cursor() ?? spool.events.lastSeq(),
      save: (seq) => dispatcher.saveCursor(seq),
      onTrouble: (facts) => log.say('warn', 'daemon.notify-failed', { ...facts }),
      onWell: (facts) => log.say('info', 'daemon.notify-works', { ...facts }),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.lookups?.stop();
    await this.#listener?.[Symbol.asyncDispose]();
  }

  /** After the last event is committed. */
  async stopNotifying(): Promise<void> {
    await this.#notifier?.[Symbol.asyncDispose]();
  }

  #makeLookups(): Lookups {
    return new Lookups({
      clock: this.#parts.clock,
      byIds: (name, ids) => this.#ask(name, (target) => fetchReportsByIds(target, ids)),
      byRecipient: (name, window) => this.#ask(name, (target) => fetchReportsTo(target, window)),
      onReceipts: (receipts) => this.#dispatcher?.inbox.hand(receipts),
      onAnswered: () => this.#dispatcher?.kick(),
      onTrouble: (account, reason) => {
        this.#seldom(`reports ${account}`, (count) => {
          this.#parts.log.say('warn', 'daemon.reports-failed', { account, reason, count });
        });
      },
    });
  }

  async #ask(
    name: string,
    fetch: (target: ReportsTarget) => Promise<ReportAnswer>,
  ): Promise<ReportAnswer> {
    const { config, clock } = this.#parts;
    const account = config.accounts.find((one) => one.name === name);
    if (account !== undefined) return fetch(targetOf(account, config, clock));
    const detail = 'that account is not configured';
    return { ok: false, reason: 'no-credentials', retryAfterMs: null, detail };
  }

  #ignored(reason: string): void {
    this.#seldom(`ignored ${reason}`, (count) => {
      this.#parts.log.say('warn', 'receipt.ignored', { reason, count });
    });
  }

  /* At most once a minute; `count` is how often it happened since. */
  #seldom(key: string, say: (count: number) => void): void {
    const nowMs = this.#parts.clock.monotonicMs();
    const said = this.#said.get(key) ?? { atMs: -Infinity, unsaid: 0 };
    this.#said.set(key, said);
    said.unsaid += 1;
    if (nowMs - said.atMs < SAID_EVERY_MS) return;
    say(said.unsaid);
    said.atMs = nowMs;
    said.unsaid = 0;
  }
}

function targetOf(account: AccountConfig, config: Config, clock: Clock): ReportsTarget {
  return {
    baseUrl: config.reconcile.baseUrl,
    apiKey: account.apiKey,
    apiSecret: account.apiSecret,
    timeoutMs: Math.min(account.timeoutMs, REPORT_MS),
    now: clock.now,
  };
}
