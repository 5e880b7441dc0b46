/**
 * The rows of `accounts` and `senders`: what the lanes in memory are worth remembering over a restart, and
 * what operators read.
 */
import { pluck } from '../sql/bulk.ts';
import type { CircuitChange } from '../../core/account/account-circuit.ts';
import type { LaneReason } from '../../core/account/stop-reasons.ts';
import type { Database, Statement } from 'better-sqlite3';

export interface CircuitRow {
  readonly account: string;
  /** Null = the account itself. */
  readonly sender: string | null;
  readonly state: 'active' | 'suspended' | 'paused';
  readonly reason: LaneReason | null;
  readonly since: number;
  readonly nextProbeAt: number | null;
}

/** The row of a circuit that changed. */
export function circuitRowOf(account: string, change: CircuitChange, now: number): CircuitRow {
  const { state, sender, reason } = change;
  return {
    account,
    sender,
    state: state.kind,
    reason: state.kind === 'active' ? null : reason,
    since: state.kind === 'active' ? now : state.since,
    nextProbeAt: state.kind === 'suspended' ? state.nextProbeAt : null,
  };
}

export interface LearnedRateRow {
  readonly account: string;
  readonly sender: string | null;
  readonly configuredRate: number | null;
  readonly learnedRate: number | null;
  readonly now: number;
}

/** The gateway asked an account or a sender to wait. */
export interface BlockRow {
  readonly account: string;
  readonly sender: string | null;
  /** Unix seconds. */
  readonly until: number;
  readonly now: number;
}

/** How many requests an account may have open. */
export interface WidthRow {
  readonly account: string;
  readonly configured: number;
  /** What is available of it; null = all. */
  readonly learned: number | null;
}

type CircuitValues = [string, string, string, string | null, number, number | null];

export class CircuitRows {
  readonly #account: Statement;
  readonly #sender: Statement<CircuitValues>;
  readonly #accountRate: Statement;
  readonly #senderRate: Statement;
  readonly #width: Statement<[number, number | null, string]>;
  readonly #rows: Statement<[], CircuitRow>;
  readonly #learned: Statement<[string], number | null>;
  readonly #learnedOfSender: Statement<[string, string], number | null>;
  readonly #forget: Statement<[string]>;
  readonly #blockAccount: Statement<[number, string]>;
  readonly #blockSender: Statement<[string, string, number, number]>;
  readonly #blocks: Statement<[number, number], Omit<BlockRow, 'now'>>;

  constructor(db: Database) {
    const gate = `state = excluded.state, reason = excluded.reason, since = excluded.since,
      next_probe_at = excluded.next_probe_at`;
    const rate = 'configured_rate = excluded.configured_rate, learned_rate = excluded.learned_rate';
    this.#account = db.prepare(
      `INSERT INTO accounts (name, state, reason, since, next_probe_at) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT(name) DO UPDATE SET ${gate}`,
    );
    this.#sender = db.prepare(
      `INSERT INTO senders (account, sender, state, reason, since, next_probe_at)
        VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT(account, sender) DO UPDATE SET ${gate}`,
    );
    this.#accountRate = db.prepare(
      `INSERT INTO accounts (name, since, configured_rate, learned_rate) VALUES (?, ?, ?, ?)
        ON CONFLICT(name) DO UPDATE SET ${rate}`,
    );
    this.#senderRate = db.prepare(
      `INSERT INTO senders (account, sender, since, configured_rate, learned_rate)
        VALUES (?, ?, ?, ?, ?) ON CONFLICT(account, sender) DO UPDATE SET ${rate}`,
    );
    this.#width = db.prepare(
      'UPDATE accounts SET configured_concurrency = ?, learned_concurrency = ? WHERE name = ?',
    );
    this.#rows = db.prepare(
      `SELECT name AS account, NULL AS sender, state, reason, since, next_probe_at AS nextProbeAt
        FROM accounts UNION ALL
        SELECT account, sender, state, reason, since, next_probe_at FROM senders`,
    );
    this.#learned = pluck(db, 'SELECT learned_rate FROM accounts WHERE name = ?');
    this.#learnedOfSender = pluck(
      db,
      'SELECT learned_rate FROM senders WHERE account = ? AND sender = ?',
    );
    this.#forget = db.prepare('DELETE FROM accounts WHERE name = ?');
    this.#blockAccount = db.prepare('UPDATE accounts SET blocked_until = ? WHERE name = ?');
    this.#blockSender = db.prepare(
      `INSERT INTO senders (account, sender, since, blocked_until) VALUES (?, ?, ?, ?)
        ON CONFLICT(account, sender) DO UPDATE SET blocked_until = excluded.blocked_until`,
    );
    this.#blocks = db.prepare(
      `SELECT name AS account, NULL AS sender, blocked_until AS until FROM accounts
        WHERE blocked_until > ? UNION ALL
        SELECT account, sender, blocked_until FROM senders WHERE blocked_until > ?`,
    );
  }

  all(): readonly CircuitRow[] {
    return this.#rows.all();
  }

  write(row: CircuitRow): void {
    const rest = [row.state, row.reason, row.since, row.nextProbeAt] as const;
    if (row.sender === null) this.#account.run(row.account, ...rest);
    else this.#sender.run(row.account, row.sender, ...rest);
  }

  writeRate(row: LearnedRateRow): void {
    const rest = [row.now, row.configuredRate, row.learnedRate] as const;
    if (row.sender === null) this.#accountRate.run(row.account, ...rest);
    else this.#senderRate.run(row.account, row.sender, ...rest);
  }

  writeBlock({ account, sender, until, now }: BlockRow): void {
    if (sender === null) this.#blockAccount.run(until, account);
    else this.#blockSender.run(account, sender, now, until);
  }

  /** Waits that are not over. `now` in Unix seconds. */
  blocks(now: number): readonly Omit<BlockRow, 'now'>[] {
    return this.#blocks.all(now, now);
  }

  /** Of an account that has a row. */
  writeWidth({ account, configured, learned }: WidthRow): void {
    this.#width.run(configured, learned, account);
  }

  /** The limit the gateway named last; null = it never did. */
  learnedRate(account: string, sender: string | null = null): number | null {
    if (sender !== null) return this.#learnedOfSender.get(account, sender) ?? null;
    return this.#learned.get(account) ?? null;
  }

  forget(account: string): void {
    this.#forget.run(account);
  }
}
