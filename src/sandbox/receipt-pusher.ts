/**
 * Sends receipts when they are due, over kept-alive connections, and again where the API would.
 *
 * Always holds: pending receipts are counted in the ledger, each once; everything that waits is in one agenda under one
 * timer; a parcel keeps its bytes after its first try; after `close` nothing waits and nothing is sent. Due times are of
 * real time, written times of the sandbox's clock.
 */
import type { Dispatcher } from 'undici';
import { Agent, request } from 'undici';
import { codeOf } from '../core/text/error-code.ts';
import { Agenda } from './agenda.ts';
import type { Countable, SandboxLedger } from './sandbox-ledger.ts';
import type { News, ReceiptRequest } from './pushed-receipt.ts';
import { addressOf, pushOf } from './pushed-receipt.ts';
import type { ReceiptSettings } from './receipt-options.ts';

/** A receipt; a repeated one is the same parcel twice. */
export interface Parcel {
  readonly news: News;
  /** Null until its first try. */
  push: ReceiptRequest | null;
}

/** The tries of a parcel so far. */
interface Delivery {
  readonly parcel: Parcel;
  tries: number;
  /** Monotonic ms. */
  firstTriedAt: number;
}

/** Deliveries that are tried one after the other. */
interface DeliveryRun {
  readonly deliveries: readonly Delivery[];
  readonly onDone: () => void;
}

/** Time limit of a receiver; that of the API is not documented. */
const ANSWER_MS = 15_000;
const LONGEST_RETRY_MS = 900_000;
const GIVE_UP_MS = 86_400_000;
/** Longer waits are cut into pieces: a timer holds no more than 2^31 ms. */
const LONGEST_TIMER_MS = 86_400_000;

/** How long after its `tries`-th try a receipt is sent again, ms. */
export function retryWaitMs(retryMs: number, tries: number): number {
  return Math.min(LONGEST_RETRY_MS, retryMs * 2 ** (tries - 1));
}

/** Whether the API tries again after this answer; null = no answer. */
function comesAgain(httpStatus: number | null): boolean {
  return httpStatus === null || httpStatus === 429 || httpStatus >= 500;
}

/** The HTTP status; null = no whole answer. */
async function post(
  dispatcher: Dispatcher,
  url: string,
  push: ReceiptRequest,
): Promise<number | null> {
  const { method, headers, body } = push;
  try {
    const response = await request(addressOf(url, push), { dispatcher, method, headers, body });
    await response.body.dump();
    return response.statusCode;
  } catch (error) {
    // Codes that begin with ERR_ are bugs of the sandbox; the rest comes from the network or the receiver.
    const code = codeOf(error);
    if (code === null || code.startsWith('ERR_')) throw error;
    return null;
  }
}

function agentOf({ concurrency }: ReceiptSettings): Agent {
  return new Agent({
    connections: concurrency,
    pipelining: 1,
    headersTimeout: ANSWER_MS,
    bodyTimeout: ANSWER_MS,
    connect: { timeout: ANSWER_MS },
  });
}

export class ReceiptPusher {
  readonly #ledger: SandboxLedger;
  readonly #now: () => number;
  readonly #agenda = new Agenda<DeliveryRun>();
  #settings: ReceiptSettings;
  #agent: Agent;
  /** Agents with another number of connections, which finish their requests. */
  readonly #formerAgents: Agent[] = [];
  #running = 0;
  #timer: NodeJS.Timeout | null = null;
  #timerAt = Infinity;
  #isClosed = false;
  #idle: (() => void)[] = [];

  /** `now` is Unix ms. */
  constructor(ledger: SandboxLedger, now: () => number, settings: ReceiptSettings) {
    this.#ledger = ledger;
    this.#now = now;
    this.#settings = settings;
    this.#agent = agentOf(settings);
  }

  /** Without a URL, what waits is abandoned. */
  change(settings: ReceiptSettings): void {
    if (settings.concurrency !== this.#settings.concurrency) {
      this.#formerAgents.push(this.#agent);
      this.#agent = agentOf(settings);
    }
    this.#settings = settings;
    if (settings.url === null) this.#drop();
    this.#pump();
  }

  /** Sends parcels one after the other, the first in `dueMs`; resolves when each has had its first try. */
  async send(parcels: readonly Parcel[], dueMs: number): Promise<void> {
    this.#ledger.pend(parcels.length);
    const deliveries = parcels.map((parcel) => ({ parcel, tries: 0, firstTriedAt: 0 }));
    await new Promise<void>((onDone) => {
      this.#agenda.add(performance.now() + dueMs, { deliveries, onDone });
      this.#pump();
    });
  }

  /** Resolves when no receipt is pending. */
  async idle(): Promise<void> {
    if (this.#ledger.receiptsPending === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Abandons waiting receipts and cuts open requests. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#drop();
    this.#arm();
    await Promise.all([this.#agent, ...this.#formerAgents].map((agent) => agent.destroy()));
  }

  /** Starts due deliveries while there are free places, and sets the timer for the next. */
  #pump(): void {
    while (!this.#isClosed && this.#running < this.#settings.concurrency) {
      const run = this.#agenda.take(performance.now());
      if (run === null) break;
      void this.#drive(run);
    }
    this.#arm();
  }

  /** Without a free place, the end of a run calls again. */
  #arm(): void {
    const hasPlace = this.#running < this.#settings.concurrency;
    const at = hasPlace ? (this.#agenda.nextAt ?? Infinity) : Infinity;
    if (at === this.#timerAt) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timerAt = at;
    if (at === Infinity) return;
    const aheadMs = Math.max(0, Math.ceil(at - performance.now()));
    this.#timer = setTimeout(
      () => {
        this.#timerAt = Infinity;
        this.#pump();
      },
      Math.min(LONGEST_TIMER_MS, aheadMs),
    );
  }

  async #drive({ deliveries, onDone }: DeliveryRun): Promise<void> {
    this.#running += 1;
    for (const delivery of deliveries) await this.#try(delivery);
    this.#running -= 1;
    onDone();
    this.#pump();
  }

  async #try(delivery: Delivery): Promise<void> {
    const { url } = this.#settings;
    if (url === null || this.#isClosed) {
      this.#end('receiptsAbandoned');
      return;
    }
    const { parcel } = delivery;
    parcel.push ??= pushOf(parcel.news, this.#settings, this.#now());
    if (delivery.tries === 0) delivery.firstTriedAt = performance.now();
    delivery.tries += 1;
    this.#ledger.count('receiptsSent');
    this.#settle(delivery, await post(this.#agent, url, parcel.push));
  }

  #settle(delivery: Delivery, httpStatus: number | null): void {
    if (httpStatus !== null && httpStatus >= 200 && httpStatus <= 299) {
      this.#end('receiptsAnswered');
      return;
    }
    if (httpStatus === null) this.#ledger.count('receiptsUnanswered');
    else this.#ledger.refuseReceipt(httpStatus);
    if (!comesAgain(httpStatus)) {
      this.#end(null);
      return;
    }
    const at = performance.now() + retryWaitMs(this.#settings.retryMs, delivery.tries);
    const isOver = this.#isClosed || at - delivery.firstTriedAt > GIVE_UP_MS;
    if (isOver) this.#end('receiptsAbandoned');
    else this.#agenda.add(at, { deliveries: [delivery], onDone: () => undefined });
  }

  /** Abandons waiting receipts. */
  #drop(): void {
    for (;;) {
      const run = this.#agenda.take(Infinity);
      if (run === null) return;
      run.deliveries.forEach(() => this.#end('receiptsAbandoned'));
      run.onDone();
    }
  }

  /** One fewer is pending. */
  #end(how: Countable | null): void {
    if (how !== null) this.#ledger.count(how);
    this.#ledger.pend(-1);
    if (this.#ledger.receiptsPending > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }
}
