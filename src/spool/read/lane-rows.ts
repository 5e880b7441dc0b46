/**
 * Reads every account and its lanes at one moment, for people who ask. The daemon does not use it: a count reads every
 * row that waits.
 */
import type { Database } from 'better-sqlite3';
import { readFlows, THROTTLED_OVER_S } from './lane-traffic.ts';
import {
  CIRCUIT_COLUMNS,
  LANE_COLUMNS,
  readAccount,
  type AccountReading,
  type CircuitColumns,
  type Looking,
} from './standing.ts';
import type { Defaults } from '../write/selection.ts';

/** A row of `accounts`, or of `senders` when `sender` is not null. */
export interface LaneRow extends Omit<CircuitColumns, 'blocked_until'> {
  readonly account: string;
  readonly sender: string | null;
  /** Requests that may be open at a time, and what is available of them (null = all); null for a sender. */
  readonly configured_concurrency: number | null;
  readonly learned_concurrency: number | null;
}

/** The rows of accounts and senders; an account comes before its senders. */
export function laneRows(db: Database): readonly LaneRow[] {
  return db
    .prepare<[], LaneRow>(
      `SELECT name AS account, NULL AS sender, ${LANE_COLUMNS}, configured_concurrency,
         learned_concurrency FROM accounts
       UNION ALL SELECT account, sender, ${LANE_COLUMNS}, NULL, NULL FROM senders ORDER BY account, sender`,
    )
    .all();
}

/** Rows that wait for an instant. */
export interface LaterCount {
  readonly sender: string;
  readonly count: number;
  /** Of these, kept back by quiet hours, and when the first of them may go (Unix seconds). */
  readonly quiet: number;
  readonly quietUntil: number | null;
}

export interface LaneReading extends AccountReading {
  readonly later: readonly LaterCount[];
}

/** Every account that the daemon knew when it last ran, by name. */
export function readLanes(db: Database, looking: Looking): readonly LaneReading[] {
  return db.transaction((): readonly LaneReading[] => {
    const flows = readFlows(db, looking.now, THROTTLED_OVER_S);
    const later = readLater(db, looking.defaults);
    const accounts = db
      .prepare<[], CircuitColumns & { readonly name: string }>(
        `SELECT name, ${CIRCUIT_COLUMNS} FROM accounts ORDER BY name`,
      )
      .all();
    return accounts.map(({ name: account, ...circuit }) => ({
      ...readAccount(db, { account, circuit, flows: flows.get(account) }, looking),
      later: later.get(account) ?? [],
    }));
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
