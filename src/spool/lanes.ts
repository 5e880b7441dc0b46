/**
 * What the spool knows of lanes at one moment, for people who ask: what was set and learned, what stands in
 * them, and what they did of late. Nothing here is for the daemon's hot path.
 *
 * What lanes did is read from the newest events backwards, so that it costs what happened lately and not what
 * the spool holds; the daemon writes nothing for it.
 */
import type { Database } from 'better-sqlite3';
import { GATE, gatesOfSenders, readyOf, type GateRow, type ReadyCount } from './outlook.ts';
import type { Defaults } from './queries.ts';

/** What a lane uses is counted over so long (s). */
export const USED_OVER_S = 10;
/** What was throttled is counted over so long (s). */
export const THROTTLED_OVER_S = 60;
/** Events are in the order of their commits; their instants are, but for so much (s). */
const DISORDER_S = 5;
const PAGE = 1_000;
/** A minute of 1,000 a second, with their receipts. */
const EVENTS_MAX = 200_000;

/** Requests that were answered. */
export interface Flow {
  /** In the last `USED_OVER_S`. */
  readonly used: number;
  /** Of those in the last `THROTTLED_OVER_S`, throttled. */
  readonly throttled: number;
}

/** Rows that wait for an instant. */
export interface LaterCount {
  readonly sender: string;
  readonly count: number;
  /** Of these, kept back by quiet hours, and when the first of them may go (Unix seconds). */
  readonly quiet: number;
  readonly quietUntil: number | null;
}

/** An account and what is known of its lanes; senders as the lanes are called, '' = none. */
export interface LaneReading {
  readonly account: string;
  readonly gate: GateRow;
  /** Those with a limit or a stop of their own. */
  readonly senders: ReadonlyMap<string, GateRow>;
  readonly ready: readonly ReadyCount[];
  readonly later: readonly LaterCount[];
  readonly flows: ReadonlyMap<string, Flow>;
}

/** Every account that the daemon knew when it last ran, by name. `now` is in Unix seconds. */
export function readLanes(db: Database, defaults: Defaults, now: number): readonly LaneReading[] {
  return db.transaction((): readonly LaneReading[] => {
    const flows = readFlows(db, now);
    const later = readLater(db, defaults);
    const accounts = db
      .prepare<[], GateRow & { readonly name: string }>(
        `SELECT name, ${GATE} FROM accounts ORDER BY name`,
      )
      .all();
    return accounts.map(({ name: account, ...gate }) => ({
      ...{ account, gate },
      senders: gatesOfSenders(db, account),
      ready: readyOf(db, account, defaults),
      later: later.get(account) ?? [],
      flows: flows.get(account) ?? new Map<string, Flow>(),
    }));
  })();
}

type EventRow = readonly [
  seq: number,
  at: number,
  account: string | null,
  sender: string | null,
  from: string | null,
  reason: string | null,
];

/** What lanes did of late, by account and sender. `now` is in Unix seconds. */
export function readFlows(
  db: Database,
  now: number,
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
    for (const row of rows) count(flows, row, now);
    const [seq, at] = rows.at(-1) ?? [0, 0];
    if (rows.length < PAGE || at < now - THROTTLED_OVER_S - DISORDER_S) break;
    before = seq;
  }
  return flows;
}

/* Every request that left ends in an event that its message leaves `sending` with. */
function count(flows: Map<string, Map<string, Flow>>, row: EventRow, now: number): void {
  const [, at, account, sender, from, reason] = row;
  if (from !== 'sending' || reason === 'not-sent' || account === null) return;
  if (at < now - THROTTLED_OVER_S || at > now) return;
  const lanes = flows.get(account) ?? new Map<string, Flow>();
  flows.set(account, lanes);
  const { used, throttled } = lanes.get(sender ?? '') ?? { used: 0, throttled: 0 };
  lanes.set(sender ?? '', {
    used: used + Number(at >= now - USED_OVER_S),
    throttled: throttled + Number(reason === 'throttled'),
  });
}

type LaterRow = LaterCount & { readonly account: string | null; readonly sender: string | null };

function readLater(db: Database, defaults: Defaults): ReadonlyMap<string, readonly LaterCount[]> {
  const rows = db
    .prepare<[], LaterRow>(
      `SELECT account, sender, count(*) AS count, sum(reason IS 'quiet-hours') AS quiet,
        min(CASE WHEN reason = 'quiet-hours' THEN due_at END) AS quietUntil FROM messages
        WHERE state IN ('queued','retry') AND due_at IS NOT NULL GROUP BY 1, 2`,
    )
    .all();
  const accounts = new Map<string, LaterCount[]>();
  for (const { account, sender, ...later } of rows) {
    const name = account ?? defaults.account;
    if (name === null) continue;
    const own = accounts.get(name) ?? [];
    own.push({ ...later, sender: sender ?? defaults.senders.get(name) ?? '' });
    accounts.set(name, own);
  }
  return accounts;
}
