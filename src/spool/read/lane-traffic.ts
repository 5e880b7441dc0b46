/**
 * Counts what each lane did in the last seconds, from the newest events: it costs what happened lately and not what the
 * spool holds, and the daemon writes nothing for it.
 */
import type { Database } from 'better-sqlite3';

/** Seconds over which the use of a lane is counted. */
export const USED_OVER_S = 10;
/** Seconds over which throttled answers are counted. */
export const THROTTLED_OVER_S = 60;
/** Events are in the order of their commits; their instants may be off by this (s). */
const DISORDER_S = 5;
const PAGE = 1_000;
/** A minute of 1,000 a second, with their receipts. */
const EVENTS_MAX = 200_000;

/** Requests that were answered, in the lane they went out in. */
export interface Flow {
  /** In the last `USED_OVER_S`. */
  readonly used: number;
  /** When the first and the last of these were (Unix seconds); Infinity and -Infinity = there is none. */
  readonly firstAt: number;
  readonly lastAt: number;
  /** Of those in the last `THROTTLED_OVER_S`, throttled. */
  readonly throttled: number;
}

export const NO_FLOW: Flow = { used: 0, firstAt: Infinity, lastAt: -Infinity, throttled: 0 };

export function together(flows: readonly Flow[]): Flow {
  return flows.reduce(
    (a, b) => ({
      used: a.used + b.used,
      firstAt: Math.min(a.firstAt, b.firstAt),
      lastAt: Math.max(a.lastAt, b.lastAt),
      throttled: a.throttled + b.throttled,
    }),
    NO_FLOW,
  );
}

/* Every request that left ends in an event that its message leaves `sending` with. */
const FLOWS = `SELECT account, coalesce(sender, '') AS sender, sum(at >= @usedFrom) AS used,
    coalesce(min(iif(at >= @usedFrom, at, NULL)), 9e999) AS firstAt,
    coalesce(max(iif(at >= @usedFrom, at, NULL)), -9e999) AS lastAt,
    sum(reason IS 'throttled') AS throttled
  FROM events WHERE seq >= @seq AND at BETWEEN @from AND @now AND from_state = 'sending'
    AND reason IS NOT 'not-sent' AND account IS NOT NULL GROUP BY 1, 2`;

/** What lanes did in the last `overS` seconds, by account and sender. `now` is in Unix seconds. */
export function readFlows(
  db: Database,
  now: number,
  overS: number,
): ReadonlyMap<string, ReadonlyMap<string, Flow>> {
  const from = now - overS;
  const rows = db
    .prepare<[object], Flow & { readonly account: string; readonly sender: string }>(FLOWS)
    .all({ seq: firstSince(db, from - DISORDER_S), from, now, usedFrom: now - USED_OVER_S });
  const flows = new Map<string, Map<string, Flow>>();
  for (const { account, sender, ...flow } of rows) {
    flows.set(account, (flows.get(account) ?? new Map<string, Flow>()).set(sender, flow));
  }
  return flows;
}

/* An event before those of an instant: events have no index by it. */
function firstSince(db: Database, at: number): number {
  const newest = db.prepare<[], number | null>('SELECT max(seq) FROM events').pluck().get() ?? 0;
  const isBefore = db
    .prepare<[number, number], number>(
      'SELECT at < ? FROM events WHERE seq >= ? ORDER BY seq LIMIT 1',
    )
    .pluck();
  let seq = newest - PAGE;
  while (seq > Math.max(0, newest - EVENTS_MAX) && isBefore.get(at, seq) === 0) seq -= PAGE;
  return seq;
}
