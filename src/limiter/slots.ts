/**
 * Limits the open requests of an account by p-queue's concurrency. Its jobs are slots, not messages: a slot takes the
 * next claimed message when its request completes, and ends when nothing is ready. So the backlog never waits in
 * p-queue, which slows with its length.
 */
import PQueue from 'p-queue';

/** Runs one slot; calls `end` exactly once, when it finds nothing to do. */
export type Slot = (end: () => void) => void;

export class Slots {
  readonly #queue: PQueue;
  readonly #onBug: (error: unknown) => void;

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

  /** Slots at work or about to be. */
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

  onIdle(): Promise<void> {
    return this.#queue.onIdle();
  }
}
