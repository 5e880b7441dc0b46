/**
 * What the spool knows of lanes at one moment, for people who ask: what was set and learned, what stands in
 * them, and what they did of late. Nothing here is for the daemon's hot path: a count reads every row that
 * waits.
 */
import type { Database } from 'better-sqlite3';
import { usageWindowsOf, type UsageWindowRow } from '../write/usage-window-rows.ts';
import { readFlows, THROTTLED_OVER_S, type Flow } from './lane-traffic.ts';
import {
  GATE,
  gatesOfSenders,
  readyOf,
  waitingSince,
  type GateRow,
  type Looking,
  type ReadyCount,
} from './standing.ts';
import type { Defaults } from '../write/selection.ts';

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
  /** Since when (Unix seconds) rows have stood in each lane without a break. */
  readonly since: ReadonlyMap<string, number>;
  readonly later: readonly LaterCount[];
  readonly flows: ReadonlyMap<string, Flow>;
  /** The account's windows, and its senders' and groups'. */
  readonly caps: readonly UsageWindowRow[];
}

/** Every account that the daemon knew when it last ran, by name. */
export function readLanes(db: Database, looking: Looking): readonly LaneReading[] {
  const { defaults, now } = looking;
  return db.transaction((): readonly LaneReading[] => {
    const flows = readFlows(db, now, THROTTLED_OVER_S);
    const later = readLater(db, defaults);
    const accounts = db
      .prepare<[], GateRow & { readonly name: string }>(
        `SELECT name, ${GATE} FROM accounts ORDER BY name`,
      )
      .all();
    return accounts.map(({ name: account, ...gate }) => {
      const ready = readyOf(db, account, looking);
      return {
        ...{ account, gate, ready },
        senders: gatesOfSenders(db, account),
        since: waitingSince(db, ready),
        later: later.get(account) ?? [],
        flows: flows.get(account) ?? new Map<string, Flow>(),
        caps: usageWindowsOf(db, now, account),
      };
    });
  })();
}

type LaterRow = Omit<LaterCount, 'sender'> & {
  readonly account: string | null;
  readonly sender: string | null;
};

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
