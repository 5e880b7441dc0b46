/**
 * When a message that is ready will go, by what stands before it. Pure; an estimate, never a promise: rows
 * that come later and go earlier, throttling and other users of the account are not in it.
 *
 * Within a priority campaigns share by turns, so that of every other campaign at most as many rows go first
 * as of one's own.
 */

/** Rows that share the turns of one priority. */
export interface Queue {
  /** Of higher priorities. */
  readonly higher: number;
  /** Of the same campaign and priority, before it. */
  readonly own: number;
  /** Of the same priority, each other campaign's. */
  readonly others: readonly number[];
}

/** A lane that has a limit of its own, and takes no more of the account than that. */
export interface LimitedLane {
  /** Messages per second. */
  readonly rate: number;
  /** Rows of it that would go before. */
  readonly ahead: number;
}

/** How many rows go first. */
export function aheadIn({ higher, own, others }: Queue): number {
  return others.reduce((sum, count) => sum + Math.min(count, own + 1), higher + own);
}

/**
 * How many rows go first, of one's own kind (first attempts or retries) and of the other, of which so many wait:
 * one's own kind has this share of the permits while both do, and all of them then.
 */
export function aheadBeside(ahead: number, others: number, share: number): number {
  return Math.floor(Math.min(ahead / share, ahead + others));
}

/**
 * Seconds until so many rows have gone at `rate` a second, while limited lanes take their share of it; a lane
 * that has nothing left takes none.
 */
export function secondsUntil(
  ahead: number,
  rate: number,
  limited: readonly LimitedLane[] = [],
): number {
  let left = ahead;
  let seconds = 0;
  const lanes = limited
    .filter((lane) => lane.ahead > 0)
    .map((lane) => ({ rate: lane.rate, endsAt: lane.ahead / lane.rate }))
    .toSorted((a, b) => a.endsAt - b.endsAt);
  let share = lanes.reduce((sum, lane) => sum + lane.rate, 0);
  for (const lane of lanes) {
    const free = Math.max(rate - share, rate * LEAST_SHARE);
    const gone = free * (lane.endsAt - seconds);
    if (gone >= left) return seconds + left / free;
    left -= gone;
    seconds = lane.endsAt;
    share -= lane.rate;
  }
  return seconds + left / rate;
}

/** What limited lanes leave to the others at the least, whatever their limits add up to. */
const LEAST_SHARE = 0.05;
