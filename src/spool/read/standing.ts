/**
 * Reads how an account and its lanes are at one moment: limits, stops, what is ready, recent traffic and windows; and
 * counts what goes before one message. Only commands ask for it: a count reads every row that waits in the account.
 */
import type { Database } from 'better-sqlite3';
import { type Content, predictParts } from '../../core/message/parts.ts';
import { isRetryRank, levelOf, rankOf, type RowQueueKey } from '../../core/message/sort-key.ts';
import { CONTENT } from '../schema/bounded.ts';
import { type UsageWindowRow, usageWindowsOf } from '../write/usage-window-rows.ts';
import { type Flow, readFlows, USED_OVER_S } from './lane-traffic.ts';
import type { Defaults } from '../write/selection.ts';
import { RANK, READY, TURN } from '../schema/schema.ts';

/** Rows of one (sender, campaign, priority) and kind that are ready. */
export interface ReadyCount {
  /** As the lane is called; '' = none, and the account has none. */
  readonly sender: string;
  readonly campaign: string | null;
  readonly priority: number;
  /** 1 = they were tried before, and that counted. */
  readonly isRetry: 0 | 1;
  readonly count: number;
  /** The oldest of them. */
  readonly firstId: number;
  /** Parts that one of them is likely to become, on average; 1 where nobody asked. */
  readonly parts: number;
}

/** A ready message, as far as its place among the others goes. */
export interface ReadyMessage extends Pick<ReadyCount, 'campaign' | 'priority' | 'isRetry'> {
  readonly id: number;
  readonly account: string;
  /** By which it has its turn (Unix seconds). */
  readonly deadline: number;
  /** How long rows without a deadline of their own may be sent. */
  readonly validityMs: number;
}

/** Accounts that rows name for this one: NULL stands for the default. */
function namesOf(account: string, defaults: Defaults): readonly (string | null)[] {
  return defaults.account === account ? [account, null] : [account];
}

/* The first and the last rank of a kind: with a deadline of its own, and without. */
function ranksOf(kind: Pick<ReadyCount, 'priority' | 'isRetry'>): [number, number] {
  const row = { priority: kind.priority, isRetry: kind.isRetry === 1 };
  return [rankOf({ ...row, expiresAt: 0 }), rankOf({ ...row, expiresAt: null })];
}

const READY_BY_RANK = `SELECT account, sender, campaign, ${RANK} AS rank, count(*) AS count, min(id) AS firstId
  FROM messages WHERE ${READY} AND account IS +? GROUP BY account, sender, campaign, ${RANK}`;

/** Ready rows of an account by lane, campaign, priority and kind; NULL in `sender` is the account's default. */
export function countReady(
  db: Database,
  account: string,
  defaults: Defaults,
): readonly Omit<ReadyCount, 'parts'>[] {
  const select = db.prepare<[string | null], RowQueueKey & Pick<ReadyCount, 'count' | 'firstId'>>(
    READY_BY_RANK,
  );
  const rows = namesOf(account, defaults).flatMap((name) => select.all(name));
  const counts = new Map<string, Omit<ReadyCount, 'parts'>>();
  for (const { sender: named, campaign, rank, count, firstId } of rows) {
    const sender = named ?? defaults.senders.get(account) ?? '';
    const priority = LOWEST_LEVEL - levelOf(rank);
    const isRetry = isRetryRank(rank) ? 1 : 0;
    const key = JSON.stringify([sender, campaign, priority, isRetry]);
    const known = counts.get(key) ?? { count: 0, firstId: Infinity };
    counts.set(key, {
      ...{ sender, campaign, priority, isRetry },
      count: known.count + count,
      firstId: Math.min(known.firstId, firstId),
    });
  }
  return [...counts.values()];
}

const LOWEST_LEVEL = 9;

/* Within a campaign rows go by deadline and age, whatever their lane; without a deadline of its own, a row has that of
 * its validity: `deadlineOf` of core/message/row-check. */
const AHEAD = `SELECT sender, count(*) AS count FROM messages
  WHERE ${READY} AND account IS +? AND campaign IS +? AND ${RANK} BETWEEN ? AND ?
    AND (coalesce(expires_at, max(created_at, coalesce(send_at, 0)) + ?), id) < (?, ?) GROUP BY sender`;

/** By lane: rows of its campaign, priority and kind that go before a message. */
export function countAhead(
  db: Database,
  message: ReadyMessage,
  defaults: Defaults,
): ReadonlyMap<string, number> {
  const { id, account, campaign, deadline, validityMs } = message;
  const select = db.prepare<unknown[], { readonly sender: string | null; readonly count: number }>(
    AHEAD,
  );
  const ahead = new Map<string, number>();
  for (const name of namesOf(account, defaults)) {
    const rows = select.all(name, campaign, ...ranksOf(message), validityMs / 1000, deadline, id);
    for (const { sender, count } of rows) {
      const lane = sender ?? defaults.senders.get(account) ?? '';
      ahead.set(lane, (ahead.get(lane) ?? 0) + count);
    }
  }
  return ahead;
}

/** The limit and the stop of an account or a sender; rates are per second. */
export interface CircuitColumns {
  readonly state: 'active' | 'suspended' | 'paused';
  readonly reason: string | null;
  readonly since: number;
  readonly next_probe_at: number | null;
  readonly configured_rate: number | null;
  readonly learned_rate: number | null;
  /** The gateway asked to wait until then (Unix seconds); may be over. */
  readonly blocked_until: number | null;
}

export const LANE_COLUMNS = 'state, reason, since, next_probe_at, configured_rate, learned_rate';
export const CIRCUIT_COLUMNS = `${LANE_COLUMNS}, blocked_until`;

/** An account and what is known of its lanes. Lanes by their senders; '' = none, and the account has none. */
export interface AccountReading {
  readonly account: string;
  readonly circuit: CircuitColumns;
  /** Those with a limit or a stop of their own. */
  readonly senders: ReadonlyMap<string, CircuitColumns>;
  readonly ready: readonly ReadyCount[];
  /** Since when (Unix seconds) rows have stood in each lane without a break. */
  readonly since: ReadonlyMap<string, number>;
  readonly flows: ReadonlyMap<string, Flow>;
  /** The account's windows, and its senders' and groups'. */
  readonly caps: readonly UsageWindowRow[];
}

/** How rows are read. */
export interface Looking {
  readonly defaults: Defaults;
  /** Unix seconds. */
  readonly now: number;
  /** Accounts some of whose rules count parts. */
  readonly inParts: ReadonlySet<string>;
}

/** The account of a ready message, and by lane the rows of its campaign, priority and kind that go before it. */
export interface Standing extends AccountReading {
  readonly ahead: ReadonlyMap<string, number>;
}

/** Where a ready message stands in its account, NULL resolved as the daemon does; null = no daemon knew the account. */
export function standingOf(db: Database, message: ReadyMessage, looking: Looking): Standing | null {
  const { account } = message;
  const select = db.prepare<[string], CircuitColumns>(
    `SELECT ${CIRCUIT_COLUMNS} FROM accounts WHERE name = ?`,
  );
  return db.transaction((): Standing | null => {
    const circuit = select.get(account);
    if (circuit === undefined) return null;
    const flows = readFlows(db, looking.now, USED_OVER_S).get(account);
    const ahead = countAhead(db, message, looking.defaults);
    return { ...readAccount(db, { account, circuit, flows }, looking), ahead };
  })();
}

/** In a transaction. */
export function readAccount(
  db: Database,
  {
    account,
    circuit,
    flows = new Map<string, Flow>(),
  }: Pick<AccountReading, 'account' | 'circuit'> & {
    readonly flows: AccountReading['flows'] | undefined;
  },
  { defaults, now, inParts }: Looking,
): AccountReading {
  const senders = db
    .prepare<[string], CircuitColumns & { readonly sender: string }>(
      `SELECT sender, ${CIRCUIT_COLUMNS} FROM senders WHERE account = ?`,
    )
    .all(account);
  const partsOf = inParts.has(account) ? partsSample(db, account, defaults) : (): number => 1;
  const ready = countReady(db, account, defaults).map((row) => ({
    ...row,
    parts: partsOf(row),
  }));
  return {
    ...{ account, circuit, flows, ready },
    senders: new Map(senders.map((row) => [row.sender, row])),
    since: waitingSince(db, ready),
    caps: usageWindowsOf(db, now, account),
  };
}

/* At least as long as the oldest that is ready could have gone. */
function waitingSince(db: Database, ready: readonly ReadyCount[]): ReadonlyMap<string, number> {
  const read = db
    .prepare<[number], number>(
      'SELECT max(created_at, updated_at, coalesce(send_at, 0)) FROM messages WHERE id = ?',
    )
    .pluck();
  const since = new Map<string, number>();
  for (const { sender, firstId } of ready) {
    since.set(sender, Math.min(since.get(sender) ?? Infinity, read.get(firstId) ?? Infinity));
  }
  return since;
}

/** Rows that are read at either end of each count. */
const ROWS = 50;
/** Counts whose rows are read; the others are taken to be as these are. */
const SAMPLED_MAX = 100;

/** Rows of one source from one rank to another. The index on what is ready gives them at either end. */
const rowsOf = (order: string): string =>
  `SELECT ${CONTENT} FROM messages WHERE ${READY} AND account IS +? AND sender IS +?
    AND campaign IS +? AND ${RANK} BETWEEN ? AND ? ORDER BY ${order} LIMIT ${ROWS}`;
const FIRST_ROWS = rowsOf(TURN);
const LAST_ROWS = rowsOf(`${RANK} DESC, expires_at DESC, id DESC`);

type Range = [string | null, string | null, string | null, number, number];

/* Gives the parts that a row of a count is likely to become, on average. */
function partsSample(
  db: Database,
  account: string,
  defaults: Defaults,
): (counted: Omit<ReadyCount, 'parts'>) => number {
  const ends = [FIRST_ROWS, LAST_ROWS].map((sql) => db.prepare<Range, Content>(sql));
  const defaultSender = defaults.senders.get(account) ?? '';
  let [counts, rows, parts] = [0, 0, 0];
  return ({ sender, campaign, ...kind }) => {
    counts += 1;
    const names = counts > SAMPLED_MAX ? [] : namesOf(account, defaults);
    const senders = sender === defaultSender ? [sender, null] : [sender];
    const found = names.flatMap((name) =>
      senders.flatMap((from) =>
        ends.flatMap((end) => end.all(name, from, campaign, ...ranksOf(kind))),
      ),
    );
    const own = found.reduce((sum, row) => sum + predictParts(row), 0);
    rows += found.length;
    parts += own;
    if (found.length > 0) return own / found.length;
    return rows === 0 ? 1 : parts / rows;
  };
}
