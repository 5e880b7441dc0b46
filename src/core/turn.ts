/**
 * Whose turn it is within a campaign: larger priority, then earlier deadline (rows without one after those
 * with), then age. The spool's index and the lanes in memory agree on it.
 *
 * A row that cannot make its deadline needs no place of its own: its turn comes after its deadline, when it
 * expires, so that it never takes a permit from one that can.
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

/** The rows of a source that have one priority. */
export interface StrandKey extends SourceKey {
  readonly priority: number;
}
