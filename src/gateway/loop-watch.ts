/**
 * Detects when the event loop last read its sockets. After a stall (SIGSTOP, a frozen machine, a disk that hangs in a
 * commit) an answer or the end of a connection may be unread in a socket, so a time-out or an idle connection must not
 * be believed before the loop has polled once.
 *
 * Always holds: watching never keeps the process alive and never makes the loop turn by itself.
 */

/** A longer silence of the loop is a stall, or the loop waited for events: the two look the same from inside. */
const STALL_MS = 250;

export class LoopWatch {
  /** When the latest check phase began, and the one before: between the two the loop has polled. */
  #markedAtMs = -Infinity;
  #polledAfterMs = -Infinity;
  /** How many gateways rely on it. */
  #users = 0;

  /** Whether what the sockets hold was read a moment ago. */
  get hasJustPolled(): boolean {
    return performance.now() - this.#polledAfterMs <= STALL_MS;
  }

  start(): void {
    this.#users += 1;
    if (this.#users === 1) this.#again();
  }

  stop(): void {
    this.#users -= 1;
  }

  /** A connection was made just now: the loop has polled. */
  notePolled(): void {
    this.#polledAfterMs = performance.now();
  }

  /** Calls back when a whole poll has begun and ended after this call. */
  afterPoll(then: () => void): void {
    /* The first one may run in the check phase of this turn, before the loop polls again. */
    setImmediate(() => setImmediate(then));
  }

  /* An immediate without a reference runs in each turn of the loop, and lets the poll of the turn block. */
  #again(): void {
    setImmediate(this.#mark).unref();
  }

  readonly #mark = (): void => {
    if (this.#users === 0) return;
    this.#polledAfterMs = this.#markedAtMs;
    this.#markedAtMs = performance.now();
    this.#again();
  };
}
