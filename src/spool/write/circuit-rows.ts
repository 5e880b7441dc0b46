/**
 * Writes and reads the rows of `accounts` and `senders`: what the limits and circuits in memory remember over a restart,
 * and what operators read.
 */
import { Statements } from '../sql/statements.ts';
import type { CircuitChange } from '../../core/account/account-circuit.ts';
import type { LaneReason } from '../../core/account/stop-reasons.ts';

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
export interface ConcurrencyRow {
  readonly account: string;
  readonly configured: number;
  /** What is available of it; null = all. */
  readonly learned: number | null;
}

const CIRCUIT = `state = excluded.state, reason = excluded.reason, since = excluded.since,
  next_probe_at = excluded.next_probe_at`;
const RATE = 'configured_rate = excluded.configured_rate, learned_rate = excluded.learned_rate';

type CircuitValues = [
  ...[state: string, reason: string | null, since: number, nextProbeAt: number | null],
];
type RateValues = [now: number, configured: number | null, learned: number | null];

export class CircuitRows extends Statements {
  readonly #account = this.run<[account: string, ...CircuitValues]>(
    `INSERT INTO accounts (name, state, reason, since, next_probe_at) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT(name) DO UPDATE SET ${CIRCUIT}`,
  );
  readonly #sender = this.run<[account: string, sender: string, ...CircuitValues]>(
    `INSERT INTO senders (account, sender, state, reason, since, next_probe_at)
      VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT(account, sender) DO UPDATE SET ${CIRCUIT}`,
  );
  readonly #accountRate = this.run<[account: string, ...RateValues]>(
    `INSERT INTO accounts (name, since, configured_rate, learned_rate) VALUES (?, ?, ?, ?)
      ON CONFLICT(name) DO UPDATE SET ${RATE}`,
  );
  readonly #senderRate = this.run<[account: string, sender: string, ...RateValues]>(
    `INSERT INTO senders (account, sender, since, configured_rate, learned_rate)
      VALUES (?, ?, ?, ?, ?) ON CONFLICT(account, sender) DO UPDATE SET ${RATE}`,
  );
  readonly #width = this.run<[configured: number, learned: number | null, account: string]>(
    'UPDATE accounts SET configured_concurrency = ?, learned_concurrency = ? WHERE name = ?',
  );
  readonly #blockAccount = this.run<[until: number, account: string]>(
    'UPDATE accounts SET blocked_until = ? WHERE name = ?',
  );
  readonly #blockSender = this.run<[account: string, sender: string, now: number, until: number]>(
    `INSERT INTO senders (account, sender, since, blocked_until) VALUES (?, ?, ?, ?)
      ON CONFLICT(account, sender) DO UPDATE SET blocked_until = excluded.blocked_until`,
  );
  readonly #learned = this.pluckFirst<[account: string], number>(
    'SELECT learned_rate FROM accounts WHERE name = ?',
  );
  readonly #learnedOfSender = this.pluckFirst<[account: string, sender: string], number>(
    'SELECT learned_rate FROM senders WHERE account = ? AND sender = ?',
  );
  readonly all = this.selectAll<[], CircuitRow>(
    `SELECT name AS account, NULL AS sender, state, reason, since, next_probe_at AS nextProbeAt
      FROM accounts UNION ALL
      SELECT account, sender, state, reason, since, next_probe_at FROM senders`,
  );
  /** Waits that end after `now` (Unix seconds). */
  readonly blocks = this.selectAll<[now: number], Omit<BlockRow, 'now'>>(
    `SELECT * FROM (SELECT name AS account, NULL AS sender, blocked_until AS until FROM accounts
      UNION ALL SELECT account, sender, blocked_until FROM senders) WHERE until > ?`,
  );
  readonly forget = this.run<[account: string]>('DELETE FROM accounts WHERE name = ?');

  write({ account, sender, ...row }: CircuitRow): void {
    const values = [row.state, row.reason, row.since, row.nextProbeAt] as const;
    if (sender === null) this.#account(account, ...values);
    else this.#sender(account, sender, ...values);
  }

  writeRate({ account, sender, ...row }: LearnedRateRow): void {
    const values = [row.now, row.configuredRate, row.learnedRate] as const;
    if (sender === null) this.#accountRate(account, ...values);
    else this.#senderRate(account, sender, ...values);
  }

  writeBlock({ account, sender, until, now }: BlockRow): void {
    if (sender === null) this.#blockAccount(until, account);
    else this.#blockSender(account, sender, now, until);
  }

  /** Of an account that has a row. */
  writeConcurrency({ account, configured, learned }: ConcurrencyRow): void {
    this.#width(configured, learned, account);
  }

  /** The limit the gateway named last; null = it never did. */
  learnedRate(account: string, sender: string | null = null): number | null {
    return sender === null ? this.#learned(account) : this.#learnedOfSender(account, sender);
  }
}
