/**
 * Adapts the number of requests that an account may have open to its answers: fewer after status 10, HTTP 429 and a
 * request that was not answered in time, more again while all are used.
 *
 * Always holds: never more than is configured. An unanswered request that was open alone changes nothing: a gateway
 * that is down closes no slot by its probes.
 */
import { ConcurrencyWindow } from '../../limiter/concurrency-window.ts';
import type { AccountQueue } from '../schedule/account-queue.ts';
import type { Pending } from '../work.ts';
import { startWait, type LaneAnswer } from './throttle-response.ts';

/** The wait after a status 10, which names none. */
const WAIT_MS = 1_000;

export class ConcurrencyFeedback {
  readonly #queue: AccountQueue;
  readonly #pending: Pending;
  readonly #window: ConcurrencyWindow;

  /** `concurrency`: requests open at a time, as configured. */
  constructor(queue: AccountQueue, pending: Pending, concurrency: number) {
    this.#queue = queue;
    this.#pending = pending;
    this.#window = new ConcurrencyWindow(concurrency);
  }

  configure(concurrency: number): void {
    this.#window.setMost(concurrency);
    this.#adopt();
  }

  /** A request came to its end; its own slot is at work still. */
  heard(answer: LaneAnswer): void {
    const { acts, isAnswered, nowMs } = answer;
    if (acts.some(({ kind }) => kind === 'narrow')) this.#refused(answer);
    else if (isAnswered && acts.length === 0) {
      this.#window.accepted(this.#queue.slots.busy, nowMs);
      this.#adopt();
    }
  }

  #refused({ acts, isAnswered, sentAtMs, now, nowMs }: LaneAnswer): void {
    const { name: account, slots, limits } = this.#queue;
    if (!isAnswered && slots.busy <= 1) return;
    if (!this.#window.refused(sentAtMs, nowMs)) return;
    this.#adopt();
    const isAskedToWait = acts.some(({ kind }) => kind === 'wait');
    if (!isAnswered || isAskedToWait) return;
    const wait = { account, limit: limits.account, pending: this.#pending };
    startWait(wait, { waitMs: WAIT_MS, reason: 'too-many-binds' }, { now, nowMs });
  }

  #adopt(): void {
    const { name: account, slots } = this.#queue;
    const { size, most: configured } = this.#window;
    if (size === slots.concurrency) return;
    slots.concurrency = size;
    const learned = size < configured ? size : null;
    this.#pending.widths.push({ account, configured, learned });
  }
}
