/**
 * Whose turn it is within a lane: larger priority, then earlier deadline (rows without one after those
 * with), then age. The spool's index and the lanes in memory agree on it.
 */
export interface Turn {
  readonly id: number;
  readonly priority: number;
  /** The row's own deadline (Unix seconds); null = none of its own. */
  readonly expiresAt: number | null;
}

/** Negative when `a` goes before `b`. */
export function compareTurns(a: Turn, b: Turn): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  if (a.expiresAt !== b.expiresAt) {
    if (a.expiresAt === null) return 1;
    if (b.expiresAt === null) return -1;
    return a.expiresAt - b.expiresAt;
  }
  return a.id - b.id;
}

/** Rows that share an index range: account, sender and campaign as the rows name them. */
export interface SourceKey {
  readonly account: string | null;
  readonly sender: string | null;
  readonly campaign: string | null;
}
