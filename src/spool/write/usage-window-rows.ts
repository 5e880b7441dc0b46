/**
 * Keeps how much of each window longer than a second is used (table `caps`), one row a window: written with the claims
 * that it counts, read at a start and by people.
 *
 * Always holds: the row of a rule that is no longer configured stays, with `allowed` NULL: a rule that comes back knows
 * what was used.
 */
import type { Database } from 'better-sqlite3';
import {
  usageWindowOf,
  fits,
  type UsageState,
  type Instant,
} from '../../core/window/usage-window.ts';
import { SPANS, type Per, type Span } from '../../core/window/rate-limits.ts';
import { isZone, zones, type Zone } from '../../core/time/zone.ts';
import { Bulk, type SqlValue } from '../sql/bulk.ts';
import { jsonIn } from '../sql/kv.ts';
import { Statements } from '../sql/statements.ts';

export interface UsageWindowRow {
  readonly account: string;
  readonly scope: 'account' | 'group' | 'sender';
  /** The group's or the sender's; null = the account itself, which is stored as ''. */
  readonly name: string | null;
  readonly span: Span;
  readonly per: Per;
  readonly zone: string;
  readonly allowed: number;
  readonly used: number;
  /** Unix seconds at which one more may go; null = now, as far as this window goes. */
  readonly freesAt: number | null;
  readonly state: UsageState;
}

/** A row as it is kept; `allowed` null = its rule is no longer configured. */
export interface KeptWindowRow extends Omit<UsageWindowRow, 'allowed'> {
  readonly allowed: number | null;
}

const COLUMNS = 'account, scope, name, span, per, zone, allowed, used, frees_at AS freesAt, state';

type Stored = Omit<KeptWindowRow, 'name' | 'state'> & Readonly<Record<'name' | 'state', string>>;

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

  all(): readonly KeptWindowRow[] {
    return rowsOf(this.#all());
  }

  write(rows: readonly UsageWindowRow[]): void {
    const values: SqlValue[] = [];
    for (const row of rows) {
      values.push(row.account, row.scope, row.name ?? '', row.span, row.per, row.zone);
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
  return rowsOf(rows).flatMap(({ allowed, ...row }) =>
    allowed === null ? [] : aged({ ...row, allowed }, zoneOf(row.zone), { now, nowMs: 0 }),
  );
}

function aged(row: UsageWindowRow, zone: Zone, at: Instant): UsageWindowRow {
  const cap = usageWindowOf({ count: row.allowed, span: row.span }, zone);
  cap.restore(row.state, at);
  const freesAtMs = fits(cap, 1, at) ? null : cap.freesAt(1, at);
  const freesAt = freesAtMs === null ? null : at.now + (freesAtMs - at.nowMs) / 1000;
  return { ...row, used: cap.used(at), freesAt, state: cap.save(at) };
}

/* Without the rows that no daemon writes: such a window counts as unused. */
function rowsOf(stored: readonly Stored[]): readonly KeptWindowRow[] {
  const known = new Map<string, boolean>();
  const isKnown = (zone: string): boolean => {
    const found = known.get(zone) ?? isZone(zone);
    known.set(zone, found);
    return found;
  };
  return stored.flatMap((row) => rowOf(row, isKnown) ?? []);
}

function rowOf(row: Stored, isKnownZone: (zone: string) => boolean): KeptWindowRow | null {
  const texts: readonly unknown[] = [row.account, row.name, row.per, row.zone];
  const isRead = texts.every((value) => typeof value === 'string') && isKnownZone(row.zone);
  const isKnown = SCOPES.includes(row.scope) && SPANS.includes(row.span);
  const isCounted = isAmount(row.used) && (row.allowed === null || isAmount(row.allowed));
  const isDated = row.freesAt === null || isAmount(row.freesAt);
  const state = stateIn(row.state);
  if (!isRead || !isKnown || !isCounted || !isDated || state === null) return null;
  return { ...row, name: row.name === '' ? null : row.name, state };
}

const SCOPES: readonly unknown[] = ['account', 'group', 'sender'];

function isAmount(value: unknown): boolean {
  return Number.isFinite(value);
}

function stateIn(text: unknown): UsageState | null {
  const state = jsonIn(text);
  if (state === null || !isAmount(state['at'])) return null;
  return arePairs(state['used']) && arePairs(state['open'])
    ? (state as unknown as UsageState)
    : null;
}

function arePairs(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every(isAmount))
  );
}
