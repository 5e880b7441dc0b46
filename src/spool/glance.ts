/**
 * What a reader can learn of a spool in a moment, however large it is: the lanes as they were written down,
 * and the latest events. Counting is the business of `headcount`.
 */
import type { Database } from 'better-sqlite3';
import type { State } from '../core/message.ts';

/** A row of `accounts`. Rates are per second, instants Unix seconds. */
export interface AccountGlance {
  readonly account: string;
  readonly state: 'active' | 'suspended' | 'paused';
  readonly reason: string | null;
  readonly next_probe_at: number | null;
  readonly configured_rate: number | null;
  readonly learned_rate: number | null;
}

/** The latest event of a message; `recipient` in full, null where the message is gone. */
export interface EventGlance {
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

const ACCOUNTS = `SELECT name AS account, state, reason, next_probe_at, configured_rate, learned_rate
  FROM accounts ORDER BY name`;
const EVENTS = `SELECT e.at, e.message_id AS id, e.account, e.sender, m.recipient, e.from_state AS "from",
  e.to_state AS "to", e.reason, a.status AS code
  FROM (SELECT * FROM events ORDER BY seq DESC LIMIT +?) e
  LEFT JOIN messages m ON m.id = e.message_id
  LEFT JOIN attempts a ON a.message_id = e.message_id AND a.number = e.attempt
  WHERE e.message_id IS NOT NULL ORDER BY e.seq DESC`;

export class Glances {
  readonly #accounts: () => readonly AccountGlance[];
  readonly #events: (limit: number) => readonly EventGlance[];

  constructor(db: Database) {
    const accounts = db.prepare<[], AccountGlance>(ACCOUNTS);
    const events = db.prepare<[number], EventGlance>(EVENTS);
    this.#accounts = () => accounts.all();
    this.#events = (limit) => events.all(limit);
  }

  accounts(): readonly AccountGlance[] {
    return this.#accounts();
  }

  /** The latest events of messages, the newest first. */
  events(limit: number): readonly EventGlance[] {
    return this.#events(limit);
  }
}
