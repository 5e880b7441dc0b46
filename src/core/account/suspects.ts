/**
 * Remembers the messages that suspended an account lately. They are not the next probe, and one that suspends again
 * although another got through in between is itself the trouble (CONTRACT.md §5).
 *
 * Always holds: bounded; the one remembered longest is forgotten first. Instants are Unix seconds.
 */
const SUSPECTS_MAX = 64;

interface Suspect {
  since: number;
  hasBeenPassed: boolean;
}

export class Suspects {
  readonly #suspects = new Map<number, Suspect>();

  get size(): number {
    return this.#suspects.size;
  }

  has(messageId: number): boolean {
    return this.#suspects.has(messageId);
  }

  remember(messageId: number, now: number): void {
    if (this.#suspects.has(messageId)) return;
    if (this.#suspects.size >= SUSPECTS_MAX) {
      const [oldest] = this.#suspects.keys();
      if (oldest !== undefined) this.#suspects.delete(oldest);
    }
    this.#suspects.set(messageId, { since: now, hasBeenPassed: false });
  }

  forget(messageId: number): void {
    this.#suspects.delete(messageId);
  }

  /**
   * A message that was claimed at that instant got through: it has passed every suspect from before. One that
   * was out already when a suspect was refused says nothing of it.
   */
  pass(claimedAt: number): void {
    for (const suspect of this.#suspects.values()) {
      if (claimedAt >= suspect.since) suspect.hasBeenPassed = true;
    }
  }

  /** Moves every instant: the wall clock was set by `by` seconds (below 0: back). */
  shift(seconds: number): void {
    for (const suspect of this.#suspects.values()) suspect.since += seconds;
  }

  /** Whether another message got through since this one suspended. */
  hasBeenPassed(messageId: number): boolean {
    return this.#suspects.get(messageId)?.hasBeenPassed === true;
  }
}
