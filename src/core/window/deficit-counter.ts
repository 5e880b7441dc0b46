/**
 * Counts the permits that are owed to those behind: lower priorities have a share against the highest that waits
 * (the reserve), and retries have a share against first attempts.
 *
 * Always holds: of n permits spent while both waited, at least `share × n - 1` and at most `share × n + 1` went
 * to those behind. Proof: `owed` grows by `share` with each permit, falls by 1 with each that went to one behind,
 * and stays within 0 and 1. While none of them waits, nothing is owed.
 */

/**
 * The share of an account's permits that retries get while first attempts wait. It keeps the end of an outage of
 * the gateway from becoming a storm of retries. Without first attempts, retries get all permits. A single retry
 * waits for at most 4 first attempts.
 */
export const RETRY_SHARE = 0.2;

/** Ten tenths are not one. */
const ROUNDING = 1e-9;

/** Permits owed to those behind, from 0 to 1. */
export type Deficit = number;

export const NOTHING_OWED: Deficit = 0;

/** Whether the next permit is for one behind, if one waits. `share` is 0 to 0.5. */
export function isOwed(owed: Deficit, share: number): boolean {
  return share > 0 && owed + share >= 1 - ROUNDING;
}

/** What is owed after a permit for which one behind waited, too; `wentBehind`: it got it. */
export function owedAfter(owed: Deficit, share: number, wentBehind: boolean): Deficit {
  return wentBehind ? Math.max(0, owed + share - 1) : owed + share;
}
