/**
 * Sets the pace a little below a known limit. Pacing exactly at the limit is unstable: jitter pushes single requests
 * over it, and where refused calls count too it never recovers.
 */
import { burstOf } from './meter.ts';

/** An account's limit: requests that leave evenly may come this close. */
export const ACCOUNT_GUARD = 0.948;
/** This close where nothing is refused: nearer, jitter alone would push requests over it. */
const NEAREST = 0.985;
/** Kept below the share at which caught-up permits would make one too many. */
const STRICTLY = 0.001;
/** A number's limit of one a second: exactly 1000 ms apart is still throttled, 1100 ms is not. */
export const SENDER_GUARD = 1 / 1.1;

/** Requests per second of an account without a known limit (Vonage's default). */
export const DEFAULT_LIMIT = 30;

export function paceOf(limit: number): number {
  return limit * ACCOUNT_GUARD;
}

/** The share of an account's limit that may be aimed at where nothing is refused. No second holds more than the limit,
 *  also with permits that are caught up after a late timer. */
export function nearestOf(limit: number): number {
  return Math.min(NEAREST, 1 - (burstOf(limit) - 1) / limit - STRICTLY);
}

export function senderPaceOf(limit: number): number {
  return limit * SENDER_GUARD;
}
