/**
 * What lower priorities are owed: priority is strict but for a reserve, a share of the permits that goes to
 * lower priorities than the highest that waits.
 *
 * Always holds: of n permits spent while a lower priority waited, at least `reserve × n - 1` and at most
 * `reserve × n + 1` went to lower ones. Proof: `owed` grows by `reserve` with each, falls by 1 with each that
 * went to a lower one, and stays within 0 and 1. While no lower one waits, nothing is owed to it.
 */

/** Ten tenths are not one. */
const ROUNDING = 1e-9;

/** Permits owed to lower priorities, from 0 to 1. */
export type Owed = number;

export const NOTHING_OWED: Owed = 0;

/** Whether the next permit is for a lower priority, if one waits. `reserve` is a share, 0 to 0.5. */
export function isOwed(owed: Owed, reserve: number): boolean {
  return reserve > 0 && owed + reserve >= 1 - ROUNDING;
}

/** What is owed after a permit for which a lower priority waited, too; `wentBelow`: it got it. */
export function owedAfter(owed: Owed, reserve: number, wentBelow: boolean): Owed {
  return wentBelow ? Math.max(0, owed + reserve - 1) : owed + reserve;
}
