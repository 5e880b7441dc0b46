/**
 * Counts what goes before a message that is ready, over the ready index at one moment. Only commands ask for it:
 * a count reads every row that waits in the account.
 */
import type { Database, Statement } from 'better-sqlite3';
import { type Content, predictParts } from '../../core/message/parts.ts';
import { isRetryRank, levelOf, rankOf, type SourceKey } from '../../core/message/sort-key.ts';
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

/** Rows of one rank of a source, as the rows name it. */
export interface RankCount extends SourceKey {
  readonly rank: number;
  readonly count: number;
  readonly firstId: number;
}

export interface Asked {
  readonly id: number;
  readonly account: string;
  readonly sender: string;
  readonly campaign: string | null;
  readonly priority: number;
  readonly isRetry: 0 | 1;
  /** By which it has its turn (Unix seconds). */
  readonly deadline: number;
  /** How long rows without a deadline of their own may be sent. */
  readonly validityMs: number;
}

/** What is ready of an account, by source and rank. */
export function sourcesOf(db: Database, account: string, defaults: Defaults): readonly RankCount[] {
  const count = db.prepare<[string | null], RankCount>(
    `SELECT account, sender, campaign, ${RANK} AS rank, count(*) AS count, min(id) AS firstId
      FROM messages WHERE ${READY} AND account IS +? GROUP BY account, sender, campaign, ${RANK}`,
  );
  const names = defaults.account === account ? [account, null] : [account];
  return names.flatMap((name) => count.all(name));
}

/** The same by lane, campaign, priority and kind; NULL in `sender` is the lane of `defaultSender`. */
export function countsOf(
  sources: readonly RankCount[],
  defaultSender: string,
): readonly Omit<ReadyCount, 'parts'>[] {
  const counts = new Map<string, Omit<ReadyCount, 'parts'>>();
  for (const { sender: named, campaign, rank, count, firstId } of sources) {
    const sender = named ?? defaultSender;
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

/**
 * By lane: rows of the asked one's campaign, priority and kind that go before it. Within a campaign rows go by
 * deadline and age, whatever their lane; without a deadline of its own, a row has that of its validity.
 */
export function aheadOf(
  db: Database,
  asked: Asked,
  {
    sources,
    defaultSender,
  }: { readonly sources: readonly RankCount[]; readonly defaultSender: string },
): ReadonlyMap<string, number> {
  const { id, campaign, priority, deadline, validityMs } = asked;
  const isRetry = asked.isRetry === 1;
  const dated = rankOf({ priority, isRetry, expiresAt: 0 });
  const undated = rankOf({ priority, isRetry, expiresAt: null });
  const where = `${READY} AND account IS +? AND sender IS +? AND campaign IS +? AND ${RANK} = ?`;
  const own = db
    .prepare<(string | number | null)[], number>(
      `SELECT count(*) FROM messages WHERE ${where} AND (expires_at, id) < (?, ?)`,
    )
    .pluck();
  const byValidity = db
    .prepare<(string | number | null)[], number>(
      `SELECT count(*) FROM messages WHERE ${where}
        AND (max(created_at, coalesce(send_at, 0)) + ?, id) < (?, ?)`,
    )
    .pluck();
  const ahead = new Map<string, number>();
  for (const source of sources) {
    if (source.campaign !== campaign) continue;
    const place = [source.account, source.sender, campaign, source.rank] as const;
    let count = 0;
    if (source.rank === dated) count = own.get(...place, deadline, id) ?? 0;
    if (source.rank === undated) {
      count = byValidity.get(...place, validityMs / 1000, deadline, id) ?? 0;
    }
    const lane = source.sender ?? defaultSender;
    if (count > 0) ahead.set(lane, (ahead.get(lane) ?? 0) + count);
  }
  return ahead;
}

const LOWEST_LEVEL = 9;

export interface GateRow {
  readonly state: string;
  readonly reason: string | null;
  readonly since: number;
  readonly next_probe_at: number | null;
  readonly configured_rate: number | null;
  readonly learned_rate: number | null;
  /** The gateway asked to wait so long (Unix seconds); may be over. */
  readonly blocked_until: number | null;
}

/** Where a message stands. Lanes by their senders; '' = none, and the account has none. */
export interface Standing {
  /** Null = the daemon never knew the account. */
  readonly account: GateRow | null;
  /** By sender: those with a limit or a stop of their own. */
  readonly senders: ReadonlyMap<string, GateRow>;
  readonly ready: readonly ReadyCount[];
  readonly since: ReadonlyMap<string, number>;
  readonly flows: ReadonlyMap<string, Flow>;
  /** The account's windows, and its senders' and groups'. */
  readonly caps: readonly UsageWindowRow[];
  /** By lane: rows of its own campaign, priority and kind that go before it. */
  readonly ahead: ReadonlyMap<string, number>;
}

/** Accounts and senders as `GateRow`. */
export const GATE =
  'state, reason, since, next_probe_at, configured_rate, learned_rate, blocked_until';

/** How rows are looked at. */
export interface Looking {
  readonly defaults: Defaults;
  /** Unix seconds. */
  readonly now: number;
  /** Accounts some of whose rules count parts. */
  readonly inParts: ReadonlySet<string>;
}

/** Where a ready message stands in its account, NULL resolved as the daemon does. */
export function standingOf(db: Database, asked: Asked, looking: Looking): Standing {
  const { defaults, now } = looking;
  return db.transaction((): Standing => {
    const { account } = asked;
    const sources = sourcesOf(db, account, defaults);
    const ready = piled(db, { account, sources }, looking);
    const defaultSender = defaults.senders.get(account) ?? '';
    const gate = db.prepare<[string], GateRow>(`SELECT ${GATE} FROM accounts WHERE name = ?`);
    return {
      account: gate.get(account) ?? null,
      senders: gatesOfSenders(db, account),
      ready,
      since: waitingSince(db, ready),
      flows: readFlows(db, now, USED_OVER_S).get(account) ?? new Map<string, Flow>(),
      caps: usageWindowsOf(db, now, account),
      ahead: aheadOf(db, asked, { sources, defaultSender }),
    };
  })();
}

/** By sender: those of an account with a limit or a stop of their own. */
export function gatesOfSenders(db: Database, account: string): ReadonlyMap<string, GateRow> {
  const rows = db
    .prepare<[string], GateRow & { readonly sender: string }>(
      `SELECT sender, ${GATE} FROM senders WHERE account = ?`,
    )
    .all(account);
  return new Map(rows.map((row) => [row.sender, row]));
}

/** Ready rows of an account by lane, campaign, priority and kind. */
export function readyOf(db: Database, account: string, looking: Looking): readonly ReadyCount[] {
  const sources = sourcesOf(db, account, looking.defaults);
  return piled(db, { account, sources }, looking);
}

function piled(
  db: Database,
  { account, sources }: { readonly account: string; readonly sources: readonly RankCount[] },
  { defaults, inParts }: Looking,
): readonly ReadyCount[] {
  const rows = countsOf(sources, defaults.senders.get(account) ?? '');
  if (!inParts.has(account)) return rows.map((row) => ({ ...row, parts: 1 }));
  const sample = new Sample(db, account, defaults);
  return rows.map((row) => ({ ...row, parts: sample.partsOf(row) }));
}

/**
 * Since when (Unix seconds) rows have stood in each lane without a break, by lane: at least as long as the
 * oldest that is ready could have gone.
 */
export function waitingSince(
  db: Database,
  ready: readonly ReadyCount[],
): ReadonlyMap<string, number> {
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

/** Rows looked at of each: so many at either end. */
const ROWS = 50;
/** Looked at in all; what comes after that is taken to be as the others are. */
const PILES_MAX = 100;

/** Rows of one source from one rank to another. The index on what is ready gives them at either end. */
const rowsOf = (order: string): string =>
  `SELECT ${CONTENT} FROM messages WHERE ${READY} AND account IS +? AND sender IS +?
    AND campaign IS +? AND ${RANK} BETWEEN ? AND ? ORDER BY ${order} LIMIT ${ROWS}`;
export const FIRST_ROWS = rowsOf(TURN);
export const LAST_ROWS = rowsOf(`${RANK} DESC, expires_at DESC, id DESC`);

type Range = [string | null, string | null, string | null, number, number];

export class Sample {
  readonly #account: string;
  readonly #defaults: Defaults;
  readonly #ends: readonly Statement<Range, Content>[];
  #piles = 0;
  #rows = 0;
  #parts = 0;

  constructor(db: Database, account: string, defaults: Defaults) {
    this.#account = account;
    this.#defaults = defaults;
    this.#ends = [FIRST_ROWS, LAST_ROWS].map((sql) => db.prepare<Range, Content>(sql));
  }

  /** Parts that one of these rows is likely to become, on average. */
  partsOf(ready: Pick<ReadyCount, 'sender' | 'campaign' | 'priority' | 'isRetry'>): number {
    this.#piles += 1;
    const found = this.#piles > PILES_MAX ? [] : this.#rowsOf(ready).map(predictParts);
    const parts = found.reduce((sum, one) => sum + one, 0);
    this.#rows += found.length;
    this.#parts += parts;
    if (found.length > 0) return parts / found.length;
    return this.#rows === 0 ? 1 : this.#parts / this.#rows;
  }

  /* NULL and the default that it stands for are one lane. */
  #rowsOf({ sender, campaign, priority, isRetry }: Parameters<Sample['partsOf']>[0]): Content[] {
    const dated = rankOf({ priority, isRetry: isRetry === 1, expiresAt: 0 });
    const undated = rankOf({ priority, isRetry: isRetry === 1, expiresAt: null });
    const { account, senders } = this.#defaults;
    const accounts = account === this.#account ? [account, null] : [this.#account];
    const own = (senders.get(this.#account) ?? '') === sender ? [sender, null] : [sender];
    return accounts.flatMap((name) =>
      own.flatMap((from) =>
        this.#ends.flatMap((end) => end.all(name, from, campaign, dated, undated)),
      ),
    );
  }
}
