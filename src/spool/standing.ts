/**
 * Counts what goes before a message that is ready, over the ready index at one moment. Only commands ask for it:
 * a count reads every row that waits in the account.
 */
import type { Database } from 'better-sqlite3';
import { capsOf, type CapRow } from './caps.ts';
import { readFlows, USED_OVER_S, type Flow } from './flows.ts';
import { Sample } from './sample.ts';
import type { Defaults } from './queries.ts';
import {
  aheadOf,
  countsOf,
  sourcesOf,
  type Asked,
  type RankCount,
  type ReadyCount,
} from './waiting.ts';

export type { ReadyCount };

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
  readonly caps: readonly CapRow[];
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
      caps: capsOf(db, now, account),
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
