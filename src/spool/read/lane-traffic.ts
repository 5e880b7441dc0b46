/**
 * What lanes did of late, read from the newest events backwards: it costs what happened lately and not what
 * the spool holds, and the daemon writes nothing for it.
 */
import type { Database } from 'better-sqlite3';

/** What a lane uses is counted over so long (s). */
export const USED_OVER_S = 10;
/** What was throttled is counted over so long (s). */
export const THROTTLED_OVER_S = 60;
/** Events are in the order of their commits; their instants are, but for so much (s). */
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

type EventRow = readonly [
  seq: number,
  at: number,
  account: string | null,
  sender: string | null,
  from: string | null,
  reason: string | null,
];

/** What lanes did in the last so many seconds, by account and sender. `now` is in Unix seconds. */
export function readFlows(
  db: Database,
  now: number,
  overS: number,
): ReadonlyMap<string, ReadonlyMap<string, Flow>> {
  const page = db
    .prepare(
      `SELECT seq, at, account, sender, from_state, reason FROM events WHERE seq < ?
        ORDER BY seq DESC LIMIT ${PAGE}`,
    )
    .raw();
  const flows = new Map<string, Map<string, Flow>>();
  let before = Number.MAX_SAFE_INTEGER;
  for (let read = 0; read < EVENTS_MAX; read += PAGE) {
    const rows = page.all(before) as EventRow[];
    for (const row of rows) count(flows, row, { now, overS });
    const [seq, at] = rows.at(-1) ?? [0, 0];
    if (rows.length < PAGE || at < now - overS - DISORDER_S) break;
    before = seq;
  }
  return flows;
}

/* Every request that left ends in an event that its message leaves `sending` with. */
function count(
  flows: Map<string, Map<string, Flow>>,
  row: EventRow,
  { now, overS }: { readonly now: number; readonly overS: number },
): void {
  const [, at, account, sender, from, reason] = row;
  if (from !== 'sending' || reason === 'not-sent' || account === null) return;
  if (at < now - overS || at > now) return;
  const lanes = flows.get(account) ?? new Map<string, Flow>();
  flows.set(account, lanes);
  const isUsed = at >= now - USED_OVER_S;
  const one = {
    used: Number(isUsed),
    firstAt: isUsed ? at : Infinity,
    lastAt: isUsed ? at : -Infinity,
    throttled: Number(reason === 'throttled'),
  };
  lanes.set(sender ?? '', together([lanes.get(sender ?? '') ?? NO_FLOW, one]));
}
