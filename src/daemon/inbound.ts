/**
 * Connects the daemon with the receipt listener, the questions to the gateway's reports,
 * and the web-hook out. Built before the spool is opened, taken down before it is closed.
 *
 * Always holds: none of it delays sending. What is refused or ignored is counted, and logged at most once a minute for
 * each reason, without its content.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../clock.ts';
import type { AccountConfig, Config } from '../config/config.ts';
import {
  DEFAULT_RECEIPTS_PATH,
  STRANGERS_REMEDY,
  STRANGERS_WARNING,
  isOpenToStrangers,
} from '../config/checks.ts';
import { remedyOf, type IgnoredReason } from '../core/receipt/receipt.ts';
import type { Dispatcher } from '../dispatch/loop/dispatcher.ts';
import type { Inbox } from '../dispatch/receive/inbox.ts';
import { Lookups } from '../dispatch/receive/report-lookups.ts';
import {
  fetchReportsByIds,
  fetchReportsTo,
  type ReportAnswer,
  type ReportsTarget,
} from '../gateway/reports-api.ts';
import { Notifier } from '../notify/notifier.ts';
import { ReceiptListener, type ListenerOptions } from '../receipts/receipt-listener.ts';
import { passedDescriptor } from '../systemd/passed-descriptor.ts';
import type { Spool } from '../spool/spool.ts';
import type { StatusLog } from '../log/status-log.ts';

const SAID_EVERY_MS = 60_000;
const REPORT_MS = 30_000;

export interface InboundParts {
  /** The configuration in force. */
  readonly config: () => Config;
  readonly clock: Clock;
  readonly log: StatusLog;
}

export class Inbound implements AsyncDisposable {
  /** Asks the gateway's reports, where the configuration allows it. */
  readonly lookups: Lookups;
  readonly #parts: InboundParts;
  readonly #said = new Map<string, { atMs: number; unsaid: number }>();
  #dispatcher: Dispatcher | null = null;
  #listener: ReceiptListener | null = null;
  #notifier: Notifier | null = null;
  /** Start of taking receipts (monotonic ms); null = they are not taken. */
  #sinceMs: number | null = null;

  constructor(parts: InboundParts) {
    this.#parts = parts;
    this.lookups = this.#makeLookups();
  }

  /** Start of taking receipts (Unix seconds); Infinity = they are not taken. */
  readonly since = (): number => {
    const { clock } = this.#parts;
    if (this.#sinceMs === null) return Infinity;
    return clock.now() - (clock.monotonicMs() - this.#sinceMs) / 1000;
  };

  /** The address for receipts; null = none. */
  get address(): string | null {
    return this.#listener?.address ?? null;
  }

  /** A receipt changed nothing. Repeats are ordinary and not logged. */
  readonly onIgnored = (reason: IgnoredReason): void => {
    if (reason !== 'repeat') this.#ignored(reason);
  };

  /** Events were committed. */
  readonly onEvents = (): void => this.#notifier?.wake();

  /** Begins to take receipts. Throws ListenError. */
  async open(dispatcher: Dispatcher): Promise<void> {
    await this.listen();
    this.#dispatcher = dispatcher;
    if (this.#listener !== null) this.#sinceMs = this.#parts.clock.monotonicMs();
  }

  /** Begins to listen; until `open`, each receipt is answered 503 and sent again. Throws ListenError. */
  async listen(): Promise<void> {
    const config = this.#parts.config();
    const { receipts } = config;
    if (!receipts.expect || this.#listener !== null) return;
    this.#listener = await ReceiptListener.start({
      listen: receipts.listen,
      fd: passedDescriptor('receipts', process.env, process.pid),
      ...believed(config),
      now: this.#parts.clock.now,
      take: (receipt, stray) => this.#take(receipt, stray),
      onRefused: (reason) => {
        this.#dispatcher?.stats.ignored(reason);
        this.#ignored(reason);
      },
    });
    this.#warnOfStrangers(null);
  }

  /* False = it is answered 503 and sent again: the start is not over. */
  async #take(...brought: Parameters<Inbox['take']>): Promise<boolean> {
    const dispatcher = this.#dispatcher;
    return dispatcher?.isStarted === true && (await dispatcher.inbox.take(...brought));
  }

  /** Begins to post to the web-hook, if there is one. */
  notify(spool: Spool, dispatcher: Dispatcher): void {
    const { clock, log } = this.#parts;
    const { notify } = this.#parts.config();
    if (notify === null) return;
    this.#notifier = new Notifier({
      ...notify,
      clock,
      read: (after, limit) => spool.events.after(after, limit),
      cursor: spool.events.cursor() ?? spool.events.lastSeq(),
      save: (seq) => dispatcher.saveCursor(seq),
      onTrouble: (facts) => log.say('daemon.notify-failed', facts),
      onWell: (facts) => log.say('daemon.notify-works', facts),
    });
  }

  /** The configuration is no longer `before`. The listener stays where it is. */
  async adopt(before: Config, spool: Spool, dispatcher: Dispatcher): Promise<void> {
    const config = this.#parts.config();
    this.#warnOfStrangers(before);
    this.#listener?.adopt(believed(config));
    if (isDeepStrictEqual(config.notify, before.notify)) return;
    const notifier = this.#notifier;
    if (notifier === null) this.notify(spool, dispatcher);
    else if (config.notify !== null) notifier.adopt(config.notify);
    else {
      this.#notifier = null;
      await notifier[Symbol.asyncDispose]();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.lookups.stop();
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
          this.#parts.log.say('daemon.reports-failed', { account, reason, count });
        });
      },
    });
  }

  async #ask(
    name: string,
    fetch: (target: ReportsTarget) => Promise<ReportAnswer>,
  ): Promise<ReportAnswer> {
    const config = this.#parts.config();
    const account = config.accounts.find((one) => one.name === name);
    if (account !== undefined) return fetch(targetOf(account, config, this.#parts.clock));
    const detail = 'that account is not configured';
    return { ok: false, reason: 'no-credentials', retryAfterMs: null, detail };
  }

  #ignored(reason: IgnoredReason): void {
    this.#seldom(`ignored ${reason}`, (count) => {
      const remedy = reason === 'other-path' ? this.#pathRemedy : (remedyOf(reason) ?? undefined);
      this.#parts.log.say('receipt.ignored', { reason, count, remedy });
    });
  }

  /* A configured path may be a secret and is not named. */
  get #pathRemedy(): string {
    const { path } = this.#parts.config().receipts;
    const named = path === DEFAULT_RECEIPTS_PATH ? `, which is ${path}` : '';
    return (
      'receipts came to another path and are lost: the delivery receipt URL at the gateway must end with ' +
      `receipts.path${named}; correct the URL, or set receipts.path and send SIGHUP`
    );
  }

  /* `before` null = the daemon starts. */
  #warnOfStrangers(before: Config | null): void {
    const config = this.#parts.config();
    if (!config.receipts.expect || !isOpenToStrangers(config)) return;
    if (before !== null && isOpenToStrangers(before)) return;
    this.#parts.log.say('daemon.warning', {
      warning: STRANGERS_WARNING,
      remedy: STRANGERS_REMEDY,
    });
  }

  /* At most once a minute; `count` is the number since the last time. */
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

function believed({ receipts }: Config): Pick<ListenerOptions, 'path' | 'signature'> {
  const { path, signatureMethod: method, signatureSecrets: secrets } = receipts;
  return { path, signature: { method, secrets } };
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
