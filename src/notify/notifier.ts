/**
 * Tells the application's URL what has become of messages, accounts and senders: committed events, oldest
 * first, many in one request and one request at a time.
 *
 * Always holds: a batch that was not taken is posted again as it is, under the same id, until it is; nothing
 * later goes before it and nothing is left out. What was taken but not yet saved when the process died is
 * posted again. Whatever the receiver does, sending never waits for it: events are read a hundred at a time,
 * between steps, and there is one timer.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import { retryDelayMs } from '../core/message/retry-policy.ts';
import type { CommittedEvent } from '../spool/write/event-log.ts';
import { BATCH_MAX, batchOf, type Batch } from './batch.ts';
import { keyOf, post, signedHeaders, type Failure, type Outcome } from './post.ts';

const BACK_OFF = { firstDelayMs: 1_000, factor: 2, maxDelayMs: 300_000 };
const RETRY_AFTER_MAX_MS = 900_000;
/** After a batch that was not full the next one gathers for this long: a commit is no reason for a request. */
const GATHER_MS = 50;
/** After a full one: a backlog goes out at 10,000 events a second and leaves most of the core to sending. */
const BREATH_MS = 10;
/** How often events are looked for that nobody spoke of. */
const LOOK_EVERY_MS = 5_000;
/** Timers reach no further than this, so that a clock that was moved is noticed. */
const SLEEP_MAX_MS = 1_000;
/** How often a row of failures is spoken of after the first. */
const SAID_EVERY_MS = 3_600_000;

/** A row of failures so far. `detail` is a short word for an operator. */
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
  /** The last `seq` that was taken; the present end of `events` for a URL that was never told anything. */
  readonly cursor: number;
  /** Called with `cursor` at the start, then with each `seq` that was taken. What is lost is posted again. */
  readonly save: (seq: number) => void;
  /** The first failure of a row, then one an hour. */
  readonly onTrouble: (facts: Trouble) => void;
  /** A row of failures is over. */
  readonly onWell: (facts: { readonly failures: number; readonly lastedMs: number }) => void;
  /** In [0, 1), to spread retries; default Math.random. */
  readonly random?: () => number;
}

export class Notifier implements AsyncDisposable {
  readonly #parts: NotifierParts;
  #key: Buffer;
  #target: NotifierTarget;
  readonly #running: Promise<void>;
  #cursor: number;
  /** What is being posted until it is taken; null = to be read. */
  #batch: Batch | null = null;
  #open: AbortController | null = null;
  #hasNews = true;
  #isStopped = false;
  /** Monotonic: news waits for the one; without news events are looked at when it is time for the other. */
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

  /** From the next request on; what waits after a failure is tried at once. */
  adopt(target: NotifierTarget): void {
    this.#target = target;
    this.#key = keyOf(target.secret);
    this.#notBeforeMs = -Infinity;
    this.wake();
  }

  /** Something was committed. Costs nothing while a request is open or a retry waits for its time. */
  wake(): void {
    this.#hasNews = true;
    if (this.#parts.clock.monotonicMs() >= this.#notBeforeMs) this.#awake?.();
  }

  /** Breaks off the open request. What was not taken is posted after the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    this.#open?.abort();
    this.#awake?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    await nextTurn();
    /* Without it, what happens before the first batch is taken would be skipped by the next start. */
    this.#parts.save(this.#cursor);
    while (await this.#isDue()) {
      /* Before anything is read: what is committed from here on is news again. */
      this.#hasNews = false;
      this.#lookAtMs = this.#parts.clock.monotonicMs() + LOOK_EVERY_MS;
      const outcome = await this.#step();
      if (outcome?.kind !== 'failed') this.#succeeded();
      else if (!this.#isStopped) this.#failed(outcome);
    }
  }

  /* Waits for its time, then says whether to go on. At least one turn of the event loop for the others. */
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

  /* Null = there was nothing to tell. */
  async #step(): Promise<Outcome | null> {
    try {
      this.#batch ??= this.#gather();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { kind: 'failed', detail: `events cannot be read: ${why}`, retryAfterMs: null };
    }
    return this.#batch === null ? null : await this.#post(this.#batch);
  }

  #gather(): Batch | null {
    const events = this.#parts.read(this.#cursor, BATCH_MAX);
    const last = events.at(-1);
    if (last === undefined) return null;
    const batch = batchOf(events);
    if (batch === null) this.#advance(last.seq);
    return batch;
  }

  async #post(batch: Batch): Promise<Outcome> {
    const { clock } = this.#parts;
    const { url, timeoutMs } = this.#target;
    const headers = signedHeaders(this.#key, batch, clock.now());
    const open = new AbortController();
    this.#open = open;
    if (this.#isStopped) open.abort();
    const outcome = await post({ url, headers, body: batch.body, timeoutMs, now: clock.now }, open);
    this.#open = null;
    if (outcome.kind === 'taken') this.#taken(batch);
    return outcome;
  }

  #taken(batch: Batch): void {
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

  #failed({ detail, retryAfterMs }: Failure): void {
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
    const lastedMs = this.#parts.clock.monotonicMs() - this.#failingSinceMs;
    this.#parts.onWell({ failures: this.#failures, lastedMs });
    this.#failures = 0;
  }
}
