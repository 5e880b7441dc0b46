/**
 * How fast to go where a limit is known: a little below it. Pacing exactly at the limit is unstable, because
 * jitter pushes single requests over it, and where refused calls count too it never recovers.
 */
import { burstOf } from './meter.ts';

/** An account's limit: requests that leave evenly may come this close. */
export const ACCOUNT_GUARD = 0.948;
/** Where nothing is refused, this close: nearer, jitter alone would push requests over it. */
const NEAREST = 0.985;
/** Below the share at which what is caught up would make one too many. */
const STRICTLY = 0.001;
/** A number's limit of one a second: exactly 1000 ms apart is still throttled, 1100 ms is not. */
export const SENDER_GUARD = 1 / 1.1;

/** Requests per second of an account of which nobody named a limit (Vonage's default). */
export const DEFAULT_LIMIT = 30;

/** Requests per second to aim at under an account's limit. */
export function paceOf(limit: number): number {
  return limit * ACCOUNT_GUARD;
}

/** The share of an account's limit that may be aimed at where nothing is refused: also with what is caught up
 *  after a late timer, no second then holds more than the limit. */
export function nearestOf(limit: number): number {
  return Math.min(NEAREST, 1 - (burstOf(limit) - 1) / limit - STRICTLY);
}

/** Messages per second to aim at under a sender's limit. */
export function senderPaceOf(limit: number): number {
  return limit * SENDER_GUARD;
}
