/** How a campaign gets on: its messages by state, their parts and price. Reads each of its messages once. */
import type { Database } from 'better-sqlite3';
import { STATES, type State } from '../core/message.ts';

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
  const states = db
    .prepare<[string], CampaignState>(
      `SELECT state, count(*) AS count, sum(parts) AS parts, sum(price) AS price FROM messages
        WHERE campaign = ? GROUP BY state`,
    )
    .all(campaign);
  const times = db
    .prepare<[string], Pick<CampaignProgress, 'firstAt' | 'changedAt'>>(
      `SELECT min(created_at) AS firstAt, max(updated_at) AS changedAt FROM messages
        WHERE campaign = ?`,
    )
    .get(campaign);
  const order = (one: CampaignState): number => STATES.indexOf(one.state);
  return {
    states: states.toSorted((a, b) => order(a) - order(b)),
    firstAt: times?.firstAt ?? null,
    changedAt: times?.changedAt ?? null,
  };
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
