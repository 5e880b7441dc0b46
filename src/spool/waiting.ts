/**
 * Rows that are ready, counted as they lie in the ready index: read once in its order, and never sorted, a
 * million of them take half a second. For people who ask.
 */
import type { Database } from 'better-sqlite3';
import { isRetryRank, levelOf, rankOf, type SourceKey } from '../core/turn.ts';
import type { Defaults } from './queries.ts';
import { RANK, READY } from './schema.ts';

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
