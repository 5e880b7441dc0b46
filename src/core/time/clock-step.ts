/**
 * Measures steps of the wall clock: what it moved beyond the time that passed. Waits are kept on disk as instants of the
 * wall clock, so a step must move them too. What people wrote (send_at, expires_at) stays.
 */

/** What the clocks of the machine show at one moment. */
export interface Clocks {
  /** Wall clock, Unix seconds. */
  readonly now: number;
  /** Monotonic clock in ms: it is slewed as the wall clock is, and never steps. */
  readonly monotonicMs: number;
}

export interface ClockReading extends Clocks {
  /** How long the machine slept since it was booted, in ms: the monotonic clock stands still meanwhile. */
  readonly sleptMs: number;
}

/** Less is the clocks' own inaccuracy. */
const STEP_MIN_S = 1;
/** The system tells how long it slept in whole seconds. */
const SLEPT_MIN_MS = 2_000;

/** Whether the two clocks moved apart between two moments: the wall clock was set, or the machine slept. */
export function hasDrifted(before: Clocks, after: Clocks): boolean {
  return Math.abs(driftBetween(before, after)) >= STEP_MIN_S;
}

/** Seconds that the wall clock was set forward (or, below 0, back) between two readings of one boot; 0 = none. */
export function stepBetween(before: ClockReading, after: ClockReading): number {
  const sleptMs = after.sleptMs - before.sleptMs;
  const drift = driftBetween(before, after);
  const step = Math.abs(sleptMs) < SLEPT_MIN_MS ? drift : drift - sleptMs / 1000;
  return Math.abs(step) < STEP_MIN_S ? 0 : step;
}

function driftBetween(before: Clocks, after: Clocks): number {
  return after.now - before.now - (after.monotonicMs - before.monotonicMs) / 1000;
}
