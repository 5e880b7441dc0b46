/**
 * What answers do to the number of requests an account may have open: fewer after status 10, HTTP 429 and a
 * request that was not answered in time, more again while all of them are used. Owns what is remembered
 * between answers; the number is decided by the window of `limiter/`.
 *
 * Always holds: the slots allow what the window says, and never more than is configured. A request that was
 * open alone and got no answer was not one too many: a gateway that is down closes no slot by its probes.
 */
import { ConcurrencyWindow } from '../../limiter/concurrency-window.ts';
import type { AccountQueue } from '../schedule/account-queue.ts';
import type { Pending } from '../work.ts';
import { startWait, type Answer } from './throttle-response.ts';

/** First wait after a status 10, which names none. */
const WAIT_MS = 1_000;
const REASON = 'too-many-binds';

export interface ConcurrencyFeedbackParts {
  readonly queue: AccountQueue;
  readonly pending: Pending;
  /** Requests open at a time, as configured. */
  readonly concurrency: number;
}

export class ConcurrencyFeedback {
  readonly #parts: ConcurrencyFeedbackParts;
  readonly #window: ConcurrencyWindow;

  constructor(parts: ConcurrencyFeedbackParts) {
    this.#parts = parts;
    this.#window = new ConcurrencyWindow(parts.concurrency);
  }

  /** So many are configured from now on. */
  configure(concurrency: number): void {
    this.#window.setMost(concurrency);
    this.#adopt();
  }

  /** A request came to its end; its own slot is at work still. */
  heard(answer: Answer): void {
    const { acts, isAnswered, nowMs } = answer;
    if (acts.some(({ kind }) => kind === 'narrow')) this.#refused(answer);
    else if (isAnswered && acts.length === 0) {
      this.#window.accepted(this.#parts.queue.slots.busy, nowMs);
      this.#adopt();
    }
  }

  #refused({ acts, isAnswered, sentAtMs, now, nowMs }: Answer): void {
    if (!isAnswered && this.#parts.queue.slots.busy <= 1) return;
    if (!this.#window.refused(sentAtMs, nowMs)) return;
    this.#adopt();
    const isAskedToWait = acts.some(({ kind }) => kind === 'wait');
    if (!isAnswered || isAskedToWait) return;
    const { queue, pending } = this.#parts;
    const wait = { account: queue.name, limit: queue.limits.account, pending };
    startWait(wait, { waitMs: WAIT_MS, reason: REASON }, { now, nowMs });
  }

  #adopt(): void {
    const { queue, pending } = this.#parts;
    const { size, most } = this.#window;
    if (size === queue.slots.concurrency) return;
    queue.slots.concurrency = size;
    pending.widths.push({
      account: queue.name,
      configured: most,
      learned: size < most ? size : null,
    });
  }
}
