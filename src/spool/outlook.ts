/**
 * What stands before a message that is ready: counts over the ready index, of one moment. For people who ask;
 * a count reads every row that waits in the account.
 */
import type { Database } from 'better-sqlite3';
import type { Defaults } from './queries.ts';
import { READY } from './schema.ts';

/** Rows of one (sender, campaign, priority) that are ready. */
export interface ReadyCount {
  /** As the lane is called; '' = none, and the account has none. */
  readonly sender: string;
  readonly campaign: string | null;
  readonly priority: number;
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
  /** Rows of its own campaign and priority that go before it. */
  readonly own: number;
}

export interface Asked {
  readonly id: number;
  readonly account: string;
  readonly sender: string;
  readonly priority: number;
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
      own: aheadOf(db, asked.id),
    };
  })();
}

/** Ready rows of an account by lane, campaign and priority. */
export function readyOf(db: Database, account: string, defaults: Defaults): readonly ReadyCount[] {
  const sender = defaults.senders.get(account) ?? '';
  return db
    .prepare<[string, string, number], ReadyCount>(
      `SELECT coalesce(sender, ?) AS sender, campaign, priority, count(*) AS count FROM messages
        WHERE ${READY} AND (account = ? OR (? AND account IS NULL)) GROUP BY 1, 2, 3`,
    )
    .all(sender, account, defaults.account === account ? 1 : 0);
}

function aheadOf(db: Database, id: number): number {
  return (
    db
      .prepare<[number], number>(
        `SELECT count(*) FROM messages AS other, messages AS own WHERE own.id = ?
          AND other.state IN ('queued','retry') AND other.due_at IS NULL
          AND other.account IS own.account AND other.sender IS own.sender
          AND other.campaign IS own.campaign AND other.priority = own.priority
          AND (coalesce(other.expires_at, 1e11), other.id) < (coalesce(own.expires_at, 1e11), own.id)`,
      )
      .pluck()
      .get(id) ?? 0
  );
}
