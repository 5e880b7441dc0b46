/**
 * What stands before a message that is ready: counts over the ready index, of one moment. For people who ask;
 * a count reads every row that waits in the account.
 */
import type { Database } from 'better-sqlite3';
import type { Defaults } from './queries.ts';
import { AGAIN, READY } from './schema.ts';

/** Rows of one (sender, campaign, priority) and kind that are ready. */
export interface ReadyCount {
  /** As the lane is called; '' = none, and the account has none. */
  readonly sender: string;
  readonly campaign: string | null;
  readonly priority: number;
  /** 1 = they were tried before, and that counted. */
  readonly isRetry: 0 | 1;
  readonly count: number;
}

export interface GateRow {
  readonly state: string;
  readonly reason: string | null;
  readonly since: number;
  readonly next_probe_at: number | null;
  readonly configured_rate: number | null;
  readonly learned_rate: number | null;
}

/** Where a message stands. */
export interface Standing {
  /** Null = the daemon never knew the account. */
  readonly account: GateRow | null;
  /** By sender: those with a limit or a stop of their own. */
  readonly senders: ReadonlyMap<string, GateRow>;
  readonly ready: readonly ReadyCount[];
  /** Rows of its own campaign, priority and kind that go before it. */
  readonly own: number;
}

export interface Asked {
  readonly id: number;
  readonly account: string;
  readonly sender: string;
  readonly priority: number;
  /** How long rows without a deadline of their own may be sent. */
  readonly validityMs: number;
}

const GATE = 'state, reason, since, next_probe_at, configured_rate, learned_rate';

/** Where a ready message stands in its account, with NULL resolved as the daemon does. */
export function standingOf(db: Database, asked: Asked, defaults: Defaults): Standing {
  return db.transaction((): Standing => {
    const { account } = asked;
    const gate = db.prepare<[string], GateRow>(`SELECT ${GATE} FROM accounts WHERE name = ?`);
    const senders = db
      .prepare<[string], GateRow & { readonly sender: string }>(
        `SELECT sender, ${GATE} FROM senders WHERE account = ?`,
      )
      .all(account);
    return {
      account: gate.get(account) ?? null,
      senders: new Map(senders.map((row) => [row.sender, row])),
      ready: readyOf(db, account, defaults),
      own: aheadOf(db, asked),
    };
  })();
}

/** Ready rows of an account by lane, campaign and priority. */
export function readyOf(db: Database, account: string, defaults: Defaults): readonly ReadyCount[] {
  const sender = defaults.senders.get(account) ?? '';
  return db
    .prepare<[string, string, number], ReadyCount>(
      `SELECT coalesce(sender, ?) AS sender, campaign, priority, ${AGAIN} AS isRetry,
        count(*) AS count FROM messages
        WHERE ${READY} AND (account = ? OR (? AND account IS NULL)) GROUP BY 1, 2, 3, 4`,
    )
    .all(sender, account, defaults.account === account ? 1 : 0);
}

/* By deadline, as the lanes have it: without one of its own, a row has that of its validity. */
function aheadOf(db: Database, { id, validityMs }: Asked): number {
  const deadline = `coalesce(expires_at, max(created_at, coalesce(send_at, 0)) + ?)`;
  return (
    db
      .prepare<[number, number, number], number>(
        `WITH own AS (SELECT *, ${AGAIN} AS is_retry, ${deadline} AS deadline FROM messages WHERE id = ?)
          SELECT count(*) FROM messages, own WHERE messages.state IN ('queued','retry')
          AND messages.due_at IS NULL AND messages.account IS own.account
          AND messages.sender IS own.sender AND messages.campaign IS own.campaign
          AND messages.priority = own.priority
          AND (messages.attempts > 0 OR messages.state = 'retry') = own.is_retry
          AND (coalesce(messages.expires_at,
            max(messages.created_at, coalesce(messages.send_at, 0)) + ?), messages.id)
            < (own.deadline, own.id)`,
      )
      .pluck()
      .get(validityMs / 1000, id, validityMs / 1000) ?? 0
  );
}
