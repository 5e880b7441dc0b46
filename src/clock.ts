/**
 * The two clocks, as values that are handed over: wall clock for what people wrote (send_at, expiry),
 * monotonic for waits. A step of the wall clock never moves a wait.
 */
export interface Clock {
  /** Unix seconds. */
  readonly now: () => number;
  /** Milliseconds since some fixed instant; never goes back. */
  readonly monotonicMs: () => number;
}

export const systemClock: Clock = {
  now: () => Date.now() / 1000,
  monotonicMs: () => performance.now(),
};
