/**
 * Posts committed events of messages, accounts and senders to the application's URL: oldest first, many in one request
 * and one request at a time.
 *
 * Always holds: a batch that was not taken is posted again unchanged, with the same id, until it is; nothing later is
 * posted before it and nothing is left out. A batch that was taken but not saved when the process died is posted again.
 * Sending never waits for the receiver: events are read a hundred at a time, between steps, and there is one timer.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import { retryDelayMs } from '../core/message/retry-policy.ts';
import type { CommittedEvent } from '../spool/write/event-log.ts';
import { BATCH_MAX, batchOf, type EventBatch } from './batch.ts';
import { keyOf, post, signedHeaders, type PostFailure } from './post.ts';

const BACK_OFF = { firstDelayMs: 1_000, factor: 2, maxDelayMs: 300_000 };
const RETRY_AFTER_MAX_MS = 900_000;
/** Events gather for this long after a batch that was not full, so that not every commit makes a request. */
const GATHER_MS = 50;
/** After a full batch: a backlog is posted at 10,000 events a second and leaves most of the CPU to sending. */
const BREATH_MS = 10;
/** How often events are read without news. */
const LOOK_EVERY_MS = 5_000;
/** The longest timer, so that a moved clock is noticed. */
const SLEEP_MAX_MS = 1_000;
/** How often a series of failures is reported after the first. */
const SAID_EVERY_MS = 3_600_000;

/** A series of failures so far. `detail` is a short word for an operator. */
export interface Trouble {
  readonly failures: number;
  readonly detail: string;
}

export interface NotifierTarget {
  readonly url: string;
  /** `whsec_` and base64, or any text. */
  readonly secret: string;
  /** For one whole request. */
  readonly timeoutMs: number;
}

export interface NotifierParts extends NotifierTarget {
  readonly clock: Clock;
  /** Committed events with a `seq` above `after`, oldest first. Never called inside a transaction. */
  readonly read: (after: number, limit: number) => readonly CommittedEvent[];
  /** The last `seq` that was taken; the present end of `events` for a new URL. */
  readonly cursor: number;
  /** Called with `cursor` at the start, then with each `seq` that was taken. Events after a lost one are posted again. */
  readonly save: (seq: number) => void;
  /** Called at the first failure of a series, then once an hour. */
  readonly onTrouble: (facts: Trouble) => void;
  /** A series of failures is over. */
  readonly onWell: (facts: { readonly failures: number; readonly lasted_ms: number }) => void;
  /** In [0, 1), to spread retries; default Math.random. */
  readonly random?: () => number;
}

export class Notifier implements AsyncDisposable {
  readonly #parts: NotifierParts;
  #key: Buffer;
  #target: NotifierTarget;
  readonly #running: Promise<void>;
  #cursor: number;
  /** Posted until it is taken; null = to be read. */
  #batch: EventBatch | null = null;
  #open: AbortController | null = null;
  #hasNews = true;
  #isStopped = false;
  /** Monotonic: the earliest time to post news, and the time to read events without news. */
  #notBeforeMs = -Infinity;
  #lookAtMs = -Infinity;
  #failures = 0;
  #failingSinceMs = 0;
  #saidAtMs = -Infinity;
  #awake: (() => void) | null = null;

  /** Begins with the next turn of the event loop. */
  constructor(parts: NotifierParts) {
    this.#parts = parts;
    this.#key = keyOf(parts.secret);
    this.#target = parts;
    this.#cursor = parts.cursor;
    this.#running = this.#run();
  }

  /** From the next request on. A batch that waits after a failure is tried at once. */
  adopt(target: NotifierTarget): void {
    this.#target = target;
    this.#key = keyOf(target.secret);
    this.#notBeforeMs = -Infinity;
    this.wake();
  }

  /** Something was committed. Costs nothing while a request is open or a retry waits. */
  wake(): void {
    this.#hasNews = true;
    if (this.#parts.clock.monotonicMs() >= this.#notBeforeMs) this.#awake?.();
  }

  /** Breaks off the open request. A batch that was not taken is posted after the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    this.#open?.abort();
    this.#awake?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    await nextTurn();
    /* Without it, the next start would skip what happens before the first batch is taken. */
    this.#parts.save(this.#cursor);
    while (await this.#isDue()) {
      /* Before anything is read: later commits are news again. */
      this.#hasNews = false;
      this.#lookAtMs = this.#parts.clock.monotonicMs() + LOOK_EVERY_MS;
      const failure = await this.#step();
      if (failure === null) this.#succeeded();
      else if (!this.#isStopped) this.#failed(failure);
    }
  }

  /* Waits until it is time, at least one turn of the event loop. False = stopped. */
  async #isDue(): Promise<boolean> {
    await nextTurn();
    while (!this.#isStopped) {
      const dueAtMs = this.#hasNews ? this.#notBeforeMs : this.#lookAtMs;
      const leftMs = dueAtMs - this.#parts.clock.monotonicMs();
      if (leftMs <= 0) return true;
      await this.#sleep(Math.min(leftMs, SLEEP_MAX_MS));
    }
    return false;
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      /* A daemon that could not start is not kept alive by it. */
      timer.unref();
      this.#awake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /* Null = all is well. */
  async #step(): Promise<PostFailure | null> {
    try {
      this.#batch ??= this.#gather();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { detail: `events cannot be read: ${why}`, retryAfterMs: null };
    }
    return this.#batch === null ? null : await this.#post(this.#batch);
  }

  #gather(): EventBatch | null {
    const events = this.#parts.read(this.#cursor, BATCH_MAX);
    const last = events.at(-1);
    if (last === undefined) return null;
    const batch = batchOf(events);
    if (batch === null) this.#advance(last.seq);
    return batch;
  }

  async #post(batch: EventBatch): Promise<PostFailure | null> {
    const { clock } = this.#parts;
    const { url, timeoutMs } = this.#target;
    const headers = signedHeaders(this.#key, batch, clock.now());
    const open = new AbortController();
    this.#open = open;
    if (this.#isStopped) open.abort();
    const failure = await post({ url, headers, body: batch.body, timeoutMs, now: clock.now }, open);
    this.#open = null;
    if (failure === null) this.#taken(batch);
    return failure;
  }

  #taken(batch: EventBatch): void {
    const nowMs = this.#parts.clock.monotonicMs();
    this.#batch = null;
    this.#advance(batch.lastSeq);
    this.#notBeforeMs = nowMs + (batch.isFull ? BREATH_MS : GATHER_MS);
  }

  /* There may be more. */
  #advance(seq: number): void {
    this.#cursor = seq;
    this.#hasNews = true;
    this.#parts.save(seq);
  }

  #failed({ detail, retryAfterMs }: PostFailure): void {
    const { clock, onTrouble, random = Math.random } = this.#parts;
    const nowMs = clock.monotonicMs();
    if (this.#failures === 0) this.#failingSinceMs = nowMs;
    this.#failures += 1;
    const delayMs =
      retryAfterMs === null
        ? retryDelayMs(this.#failures, BACK_OFF, random())
        : Math.min(Math.max(retryAfterMs, BACK_OFF.firstDelayMs), RETRY_AFTER_MAX_MS);
    this.#notBeforeMs = nowMs + delayMs;
    this.#hasNews = true;
    if (this.#failures > 1 && nowMs - this.#saidAtMs < SAID_EVERY_MS) return;
    this.#saidAtMs = nowMs;
    onTrouble({ failures: this.#failures, detail });
  }

  #succeeded(): void {
    if (this.#failures === 0) return;
    const lasted_ms = this.#parts.clock.monotonicMs() - this.#failingSinceMs;
    this.#parts.onWell({ failures: this.#failures, lasted_ms });
    this.#failures = 0;
  }
}
