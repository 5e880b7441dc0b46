/**
 * Reads from the spool what is stopped: accounts and senders, accounts that waiting rows name and that are not
 * configured, a restored spool. The daemon and every command read it. It costs one seek an account, and a bounded look
 * at the rows of accounts that are not configured.
 */
import type { Database } from 'better-sqlite3';
import { EVERYTHING, type CircuitFact, type StopFacts } from '../core/account/stops.ts';
import { pluck } from './sql/bulk.ts';
import { restoredFrom } from './write/restored.ts';
import { READY } from './schema/schema.ts';

/** Rows of an account that is not configured, of which the one that waits longest is looked for. */
const ROWS_MAX = 1_000;
/** More such accounts are not named. */
const UNKNOWN_MAX = 100;

export interface Configured {
  /** Names of the accounts that are configured. */
  readonly accounts: ReadonlySet<string>;
  readonly defaultAccount: string | null;
}

export type SpoolStopFacts = Pick<StopFacts, 'restored' | 'circuits' | 'unknown'>;

export function readStopFacts(db: Database, configured: Configured): SpoolStopFacts {
  const mark = restoredFrom(db);
  return {
    restored: mark === null ? null : { at: mark.at, isRolledBack: mark.isRolledBack ?? false },
    circuits: circuitsOf(db, configured),
    unknown: unknownAccounts(db, configured),
  };
}

const COLUMNS = 'state, reason, since, next_probe_at AS nextProbeAt, blocked_until AS blockedUntil';
const STOPPED = `state <> 'active' OR blocked_until IS NOT NULL`;

/* What is configured no more keeps its row until the next start, and stops nothing. */
function circuitsOf(db: Database, { accounts }: Configured): readonly CircuitFact[] {
  const rows = db.prepare<[], CircuitFact>(
    `SELECT name AS account, NULL AS sender, ${COLUMNS} FROM accounts WHERE ${STOPPED}
     UNION ALL SELECT account, sender, ${COLUMNS} FROM senders WHERE ${STOPPED}
     ORDER BY account, sender`,
  );
  return rows.all().filter(({ account }) => account === EVERYTHING || accounts.has(account));
}

/* A skip scan: one seek for each account that has a row which may go. */
function unknownAccounts(
  db: Database,
  { accounts, defaultAccount }: Configured,
): StopFacts['unknown'] {
  const found: { account: string | null; since: number | null }[] = [];
  const none = db.prepare(`SELECT 1 FROM messages WHERE ${READY} AND account IS NULL LIMIT 1`);
  if (defaultAccount === null && none.get() !== undefined) {
    found.push({ account: null, since: sinceOf(db, null) });
  }
  const next = pluck<[string], string>(
    db,
    `SELECT account FROM messages WHERE ${READY} AND account > ? ORDER BY account LIMIT 1`,
  );
  for (let name = next.get(''); typeof name === 'string'; name = next.get(name)) {
    if (accounts.has(name)) continue;
    /* Bytes that are not UTF-8 are found again: SQLite gets others back. They sort last. */
    if (found.some(({ account }) => account === name)) break;
    found.push({ account: name, since: sinceOf(db, name) });
    if (found.length >= UNKNOWN_MAX) break;
  }
  return found;
}

function sinceOf(db: Database, account: string | null): number | null {
  const sql = `SELECT min(created_at) FROM (SELECT created_at FROM messages
    WHERE ${READY} AND account IS +? LIMIT ${ROWS_MAX})`;
  const at = pluck<[string | null], unknown>(db, sql).get(account);
  return typeof at === 'number' ? at : null;
}
