/**
 * How many requests an account may have open: p-queue's concurrency. Its jobs are slots, not messages: a
 * slot takes the next claimed message from its own completion and ends when nothing is ready, so that the
 * backlog never waits in the queue (which slows with what waits in it).
 */
import PQueue from 'p-queue';

/** Runs one slot; calls `end` exactly once, when it finds nothing to do. */
export type Slot = (end: () => void) => void;

export class Slots {
  readonly #queue: PQueue;
  readonly #onBug: (error: unknown) => void;

  /** `onBug` hears what a slot throws: nothing should. */
  constructor(concurrency: number, onBug: (error: unknown) => void) {
    this.#queue = new PQueue({ concurrency });
    this.#onBug = onBug;
  }

  get concurrency(): number {
    return this.#queue.concurrency;
  }

  set concurrency(concurrency: number) {
    this.#queue.concurrency = concurrency;
  }

  /** Slots at work, and those about to be. */
  get busy(): number {
    return this.#queue.pending + this.#queue.size;
  }

  /** Slots that may be added before the concurrency is reached. */
  get free(): number {
    return Math.max(0, this.#queue.concurrency - this.busy);
  }

  /** Whether more slots run than the concurrency allows: it was lowered, and one should end. */
  get isCrowded(): boolean {
    return this.#queue.pending > this.#queue.concurrency;
  }

  open(slot: Slot): void {
    this.#queue
      .add(
        () =>
          new Promise<void>((resolve) => {
            slot(resolve);
          }),
      )
      .catch(this.#onBug);
  }

  /** Resolves when no slot is at work. */
  onIdle(): Promise<void> {
    return this.#queue.onIdle();
  }
}
