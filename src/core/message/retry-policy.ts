/**
 * Decides when to try a message again after its own failure, and when to give up: two functions of numbers. The waits of
 * a lane are the throttle's and the circuit's; the validity is settle's.
 */
export interface RetryPolicy {
  /** How many attempts that count a message gets; a verdict may name fewer. */
  readonly maxAttempts: number;
  readonly firstDelayMs: number;
  /** At least 1. */
  readonly factor: number;
  readonly maxDelayMs: number;
}

/** How far a delay may lie from its nominal value, so that what failed together does not return together. */
export const JITTER = 0.1;

/**
 * Milliseconds until the next attempt, after `attempts` (from 1) that count: firstDelayMs * factor^(n-1)
 * within 10 %, never above maxDelayMs, never negative. `random` in [0, 1).
 */
export function retryDelayMs(
  attempts: number,
  policy: Omit<RetryPolicy, 'maxAttempts'>,
  random: number,
): number {
  const { firstDelayMs, factor, maxDelayMs } = policy;
  if (firstDelayMs <= 0) return 0; // 0 times an overflown power is NaN
  const nominal = Math.min(maxDelayMs, firstDelayMs * factor ** Math.max(0, attempts - 1));
  const shortest = nominal * (1 - JITTER);
  // Spread below the cap rather than cut off at it: half of all delays would be the cap itself.
  const longest = Math.min(maxDelayMs, nominal * (1 + JITTER));
  return Math.min(longest, shortest + (longest - shortest) * random);
}

/** Whether another attempt is allowed after `attempts` that count. */
export function mayRetry(attempts: number, maxAttempts: number): boolean {
  return attempts < maxAttempts;
}
