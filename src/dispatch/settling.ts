/** Waits, for a limited time, until nothing is out and everything that was decided is on disk. */

export class Settling {
  readonly #isSettled: () => boolean;
  #onSettled: (() => void) | null = null;

  constructor(isSettled: () => boolean) {
    this.#isSettled = isSettled;
  }

  /** Resolves when it is so, or when the time is up. */
  wait(limitMs: number): Promise<void> {
    if (this.#isSettled()) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.end(), limitMs);
      this.#onSettled = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends the waiting now. */
  end(): void {
    const onSettled = this.#onSettled;
    this.#onSettled = null;
    onSettled?.();
  }

  /** Something was committed. */
  look(): void {
    if (this.#onSettled !== null && this.#isSettled()) this.end();
  }
}
