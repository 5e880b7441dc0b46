/**
 * Counts messages by state, campaign and name, over the whole spool. A count reads every message once; nothing here is
 * for the daemon's hot path.
 */
import { statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import { type State, STATES } from '../../core/message/message.ts';
import { countLate } from './late.ts';
import { type ControlRecord, openControlRows } from './queries.ts';
import { type LaneRow, laneRows } from './lane-rows.ts';
import { OLDEST_FINAL } from '../write/retention-deletes.ts';
import { countUnmatched } from '../write/receipt-rows.ts';
import { walSize } from '../file/wal.ts';

export interface StateCount {
  readonly state: State;
  readonly count: number;
  /** Unix seconds at which the oldest message of the state was dropped. */
  readonly oldest_at: number;
}

/** The latest event of a message; `recipient` in full, null where the message is gone. */
export interface MoveRow {
  readonly at: number;
  readonly id: number;
  readonly account: string | null;
  readonly sender: string | null;
  readonly recipient: string | null;
  readonly from: State | null;
  readonly to: State | null;
  readonly reason: string | null;
  readonly code: number | null;
}

export interface Statistics {
  /** States that hold messages, in the order of CONTRACT.md §14. */
  readonly states: readonly StateCount[];
  /** Queued messages whose send_at is still to come (part of `queued`). */
  readonly scheduled: number;
  /** Waiting messages that cannot make their deadline at the present rate, at least; they are kept until then. */
  readonly late: number;
  readonly lanes: readonly LaneRow[];
  readonly control: readonly ControlRecord[];
  /** Receipts that are about no message of this spool. */
  readonly unmatched: number;
  /** When the last receipt came (Unix seconds); null = none is kept. */
  readonly lastReceiptAt: number | null;
}

const LATEST_MOVES = `SELECT e.at, e.message_id AS id, e.account, e.sender, m.recipient, e.from_state AS "from",
  e.to_state AS "to", e.reason, a.status AS code
  FROM (SELECT * FROM events ORDER BY seq DESC LIMIT +?) e
  LEFT JOIN messages m ON m.id = e.message_id
  LEFT JOIN attempts a ON a.message_id = e.message_id AND a.number = e.attempt
  WHERE e.message_id IS NOT NULL ORDER BY e.seq DESC`;

/** The statistics of one moment. `now` is in Unix seconds. */
export function statisticsOf(db: Database, now: number): Statistics {
  const states = db.prepare<[], StateCount>(
    `SELECT state, count(*) AS count, min(created_at) AS oldest_at FROM messages GROUP BY state`,
  );
  const scheduled = db
    .prepare<[number], number>(
      `SELECT count(*) FROM messages WHERE due_at > ? AND state = 'queued'`,
    )
    .pluck();
  return db.transaction((): Statistics => {
    const lanes = laneRows(db);
    return {
      states: inOrder(states.all()),
      scheduled: scheduled.get(now) ?? 0,
      late: countLate(db, lanes, now),
      lanes,
      control: openControlRows(db),
      unmatched: countUnmatched(db),
      lastReceiptAt: lastReceiptAt(db),
    };
  })();
}

export function latestMoves(db: Database, limit: number): readonly MoveRow[] {
  return db.prepare<[number], MoveRow>(LATEST_MOVES).all(limit);
}

function lastReceiptAt(db: Database): number | null {
  const sql = 'SELECT received_at FROM receipts ORDER BY id DESC LIMIT 1';
  const at: unknown = db.prepare(sql).pluck().get();
  return typeof at === 'number' ? at : null;
}

/** The senders of an account that have a row of their own; null = of all accounts. */
export function senderNames(db: Database, account: string | null): readonly string[] {
  const sql = 'SELECT DISTINCT sender FROM senders WHERE :account IS NULL OR account = :account';
  return db.prepare<[{ account: string | null }], string>(sql).pluck().all({ account });
}

/** Whether a message has this value. Reads every message if none has, unless it is a campaign. */
export function hasMessageWith(
  db: Database,
  asked: Readonly<Partial<Record<'account' | 'sender' | 'campaign' | 'reason', string>>>,
): boolean {
  return Object.entries(asked).every(
    ([column, value]) =>
      db.prepare<[string]>(`SELECT 1 FROM messages WHERE ${column} = ? LIMIT 1`).get(value) !==
      undefined,
  );
}

/** The accounts that the daemon knew when it last ran. */
export function accountNames(db: Database): readonly string[] {
  return db
    .prepare(`SELECT name FROM accounts WHERE name <> '*' ORDER BY name`)
    .pluck()
    .all() as string[];
}

export interface Storage {
  readonly fileBytes: number;
  /** Of those, free: what is pruned leaves room that what comes uses. */
  readonly freeBytes: number;
  readonly walBytes: number;
  /** When the message ended that ended first (Unix seconds); null = none has. */
  readonly oldestFinalAt: number | null;
}

/** `db` is the spool at `path`. */
export function storageOf(db: Database, path: string): Storage {
  const pragma = (name: string): number => db.pragma(name, { simple: true }) as number;
  return {
    fileBytes: statSync(path).size,
    freeBytes: pragma('freelist_count') * pragma('page_size'),
    walBytes: walSize(path),
    oldestFinalAt: db.prepare<[], number | null>(OLDEST_FINAL).pluck().get() ?? null,
  };
}

export interface CampaignState {
  readonly state: State;
  readonly count: number;
  /** Parts that the gateway accepted, and what they cost (EUR); null = none is known. */
  readonly parts: number | null;
  readonly price: number | null;
}

export interface CampaignProgress {
  readonly states: readonly CampaignState[];
  /** When its first message was inserted, and when the latest one changed (Unix seconds); null = it has none. */
  readonly firstAt: number | null;
  readonly changedAt: number | null;
}

export function progressOf(db: Database, campaign: string): CampaignProgress {
  const states = db.prepare<[string], CampaignState>(
    `SELECT state, count(*) AS count, sum(parts) AS parts, sum(price) AS price FROM messages
      WHERE campaign = ? GROUP BY state`,
  );
  const times = db.prepare<[string], Pick<CampaignProgress, 'firstAt' | 'changedAt'>>(
    'SELECT min(created_at) AS firstAt, max(updated_at) AS changedAt FROM messages WHERE campaign = ?',
  );
  const { firstAt = null, changedAt = null } = times.get(campaign) ?? {};
  return { states: inOrder(states.all(campaign)), firstAt, changedAt };
}

/* In the order of CONTRACT.md §14. */
function inOrder<T extends { readonly state: State }>(rows: readonly T[]): readonly T[] {
  return rows.toSorted((a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state));
}

/** Names of campaigns, in order, at most `limit`; one seek a name. */
export function campaignNames(db: Database, limit: number): readonly string[] {
  const next = db
    .prepare<[string]>('SELECT campaign FROM messages WHERE campaign > ? ORDER BY campaign LIMIT 1')
    .pluck();
  const names: string[] = [];
  for (let name = next.get(''); typeof name === 'string'; name = next.get(name)) {
    /* Bytes that are not UTF-8 are found again: SQLite gets others back. They sort last. */
    if (names.at(-1) === name) break;
    names.push(name);
    if (names.length >= limit) break;
  }
  return names;
}
