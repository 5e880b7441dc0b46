/**
 * Decides whether a spool is an older state of itself, restored by cp, rsync, .backup or a snapshot. It compares what
 * the daemon remembers of the spool with the runs that the spool lists. A run is one start of the daemon. Each run
 * draws a nonce and notes which event came last before it.
 *
 * Always holds: a spool of which nothing is remembered (another spool, a memory that is new or gone) is
 * not rolled back, nor is one that went on elsewhere and came home.
 */

/** One start of the daemon, as the spool lists it. */
export interface SpoolRun {
  readonly nonce: string;
  /** The last `seq` of `events` before it. */
  readonly from: number;
}

/** What a spool says of itself. */
export interface RunHistory {
  /** Drawn when it was made, and kept by every copy; null = a version made it that drew none. */
  readonly identity: string | null;
  /** The latest runs, the last one at the end. */
  readonly runs: readonly SpoolRun[];
  /** The highest `seq` that `events` has given out. */
  readonly seq: number;
}

/** A state that a spool has been in. */
export interface Remembered {
  readonly identity: string;
  /** The run. */
  readonly nonce: string;
  /** In it, `events` came to this `seq` at least. */
  readonly seq: number;
}

/** `memory`: of each spool that was here, the last state that was noted. */
export function isRolledBack(history: RunHistory, memory: readonly Remembered[]): boolean {
  const { identity } = history;
  const own = memory.filter((state) => identity === null || identity === state.identity);
  return own.some((state) => !hasBeen(history, state));
}

/* Whether the state lies on the spool's own way. */
function hasBeen({ runs, seq }: RunHistory, state: Remembered): boolean {
  const index = runs.findLastIndex(({ nonce }) => nonce === state.nonce);
  const endedAt = runs[index + 1]?.from ?? seq;
  return index >= 0 && endedAt >= state.seq;
}
