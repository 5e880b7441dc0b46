/**
 * What is used of the windows longer than a second, one row a window: written with the claims that it counts,
 * taken up at a start, and read by people.
 *
 * Always holds: rows of rules that are configured no more are kept, with `allowed` NULL, so that a rule which
 * comes back knows what was used.
 */
import type { Database } from 'better-sqlite3';
import {
  usageWindowOf,
  fits,
  type CapState,
  type Instant,
} from '../../core/window/usage-window.ts';
import { SPANS, type Per, type Span } from '../../core/window/rate-limits.ts';
import { isZone, zones, type Zone } from '../../core/time/zone.ts';
import { Bulk, type SqlValue } from '../sql/bulk.ts';
import { jsonIn } from '../sql/kv.ts';
import { Statements } from '../sql/statements.ts';

/** What a window allows whose rule is configured no more. */
export const UNSET = 0;

export interface UsageWindowRow {
  readonly account: string;
  readonly scope: 'account' | 'group' | 'sender';
  /** The group's or the sender's; '' for the account itself. */
  readonly name: string;
  readonly span: Span;
  readonly per: Per;
  readonly zone: string;
  /** How many the window allows; `UNSET` only where all rows are asked for. */
  readonly allowed: number;
  readonly used: number;
  /** Unix seconds at which one more may go; null = now, as far as this window goes. */
  readonly freesAt: number | null;
  readonly state: CapState;
}

const COLUMNS = 'account, scope, name, span, per, zone, allowed, used, frees_at AS freesAt, state';

type Stored = Omit<UsageWindowRow, 'state' | 'allowed'> & {
  readonly state: string;
  readonly allowed: number | null;
};

export class UsageWindowRows extends Statements {
  readonly #write = new Bulk(
    this.db,
    `INSERT OR REPLACE INTO caps
      (account, scope, name, span, per, zone, allowed, used, frees_at, state)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  readonly #all = this.selectAll<[], Stored>(`SELECT ${COLUMNS} FROM caps`);
  /** No rule is configured, until it is written. */
  readonly unset = this.run<[]>('UPDATE caps SET allowed = NULL WHERE allowed IS NOT NULL');

  /** Every row, those of rules that are configured no more as well. */
  all(): readonly UsageWindowRow[] {
    return rowsOf(this.#all());
  }

  write(rows: readonly UsageWindowRow[]): void {
    const values: SqlValue[] = [];
    for (const row of rows) {
      values.push(row.account, row.scope, row.name, row.span, row.per, row.zone);
      values.push(row.allowed, row.used, row.freesAt, JSON.stringify(row.state));
    }
    if (values.length > 0) this.#write.run(values);
  }
}

/**
 * The windows that the daemon keeps, for people: what of each is used now, and when one more may go. What was
 * written last is aged to `now` (Unix seconds), its state as well. `account` null = of all.
 */
export function usageWindowsOf(
  db: Database,
  now: number,
  account: string | null = null,
): readonly UsageWindowRow[] {
  const rows = db
    .prepare<[string | null], Stored>(
      `SELECT ${COLUMNS} FROM caps WHERE allowed IS NOT NULL AND account = coalesce(?, account)
        ORDER BY account, scope, name, span`,
    )
    .all(account);
  const zoneOf = zones();
  return rowsOf(rows).map((row) => aged(row, zoneOf(row.zone), { now, nowMs: 0 }));
}

function aged(row: UsageWindowRow, zone: Zone, at: Instant): UsageWindowRow {
  const cap = usageWindowOf({ count: row.allowed, span: row.span }, zone);
  cap.restore(row.state, at);
  const freesAtMs = fits(cap, 1, at) ? null : cap.freesAt(1, at);
  const freesAt = freesAtMs === null ? null : at.now + (freesAtMs - at.nowMs) / 1000;
  return { ...row, used: cap.used(at), freesAt, state: cap.save(at) };
}

/* Without the rows that no daemon writes: such a window counts as unused. */
function rowsOf(stored: readonly Stored[]): readonly UsageWindowRow[] {
  const known = new Map<string, boolean>();
  const isKnown = (zone: string): boolean => {
    const found = known.get(zone) ?? isZone(zone);
    known.set(zone, found);
    return found;
  };
  return stored.flatMap((row) => rowOf(row, isKnown) ?? []);
}

function rowOf(row: Stored, isKnownZone: (zone: string) => boolean): UsageWindowRow | null {
  const texts: readonly unknown[] = [row.account, row.name, row.per, row.zone];
  const isRead = texts.every((value) => typeof value === 'string') && isKnownZone(row.zone);
  const isKnown = SCOPES.includes(row.scope) && SPANS.includes(row.span);
  const isCounted = isAmount(row.used) && (row.allowed === null || isAmount(row.allowed));
  const isDated = row.freesAt === null || isAmount(row.freesAt);
  const state = stateIn(row.state);
  if (!isRead || !isKnown || !isCounted || !isDated || state === null) return null;
  return { ...row, allowed: row.allowed ?? UNSET, state };
}

const SCOPES: readonly unknown[] = ['account', 'group', 'sender'];

function isAmount(value: unknown): boolean {
  return Number.isFinite(value);
}

function stateIn(text: unknown): CapState | null {
  const state = jsonIn(text);
  if (state === null || !isAmount(state['at'])) return null;
  return arePairs(state['used']) && arePairs(state['open']) ? (state as unknown as CapState) : null;
}

function arePairs(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every(isAmount))
  );
}
