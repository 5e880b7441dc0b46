/**
 * How many messages cannot make their deadline at the present rate: an estimate from the spool alone, so that
 * anybody can make it without the daemon.
 *
 * A message is late when what goes before it (under its account's rate, or its sender's) takes until after its
 * deadline: messages of a higher priority, and those of its own with an earlier deadline (or as early, and
 * older) that make theirs. Messages with a deadline of their own alone are counted, and only what is ready and
 * no retry. Campaigns are taken for one, and the reserve of lower priorities is left out; both even out.
 *
 * Always holds: what is not known (a limit nobody set or learned, the sender that NULL stands for) delays
 * nobody, and what is beyond the rows looked at is left out, so that there are at least so many.
 */
import type { Database } from 'better-sqlite3';
import { AGAIN, READY } from '../schema/schema.ts';

/** Rows looked at, those with the earliest deadlines first; and as many that have none. */
const LOOK_MAX = 100_000;
const PRIORITIES = 10;

/** Account and sender as the row names them, priority, and deadline (Unix seconds). */
type DatedRow = readonly [
  account: string | null,
  sender: string | null,
  priority: number,
  expiresAt: number,
];

/** What goes before, by priority, under one limit. */
class Line {
  readonly #rate: number;
  readonly #dated = new Array<number>(PRIORITIES).fill(0);
  /** They are taken to go after those with a deadline, of the same priority. */
  readonly #undated = new Array<number>(PRIORITIES).fill(0);

  /** `rate` in messages per second. */
  constructor(rate: number) {
    this.#rate = rate;
  }

  addDated(priority: number): void {
    this.#dated[priority] = (this.#dated[priority] ?? 0) + 1;
  }

  addUndated(priority: number, count: number): void {
    this.#undated[priority] = (this.#undated[priority] ?? 0) + count;
  }

  /** Seconds until another one of a priority, with a deadline, can go. */
  waitOf(priority: number): number {
    const ahead = [...this.#dated.slice(priority), ...this.#undated.slice(priority + 1)];
    return ahead.reduce((sum, count) => sum + count, 0) / this.#rate;
  }
}

/** The lines of a spool: one per limit that is known. */
class Lines {
  readonly #accounts = new Map<string, Line>();
  readonly #senders = new Map<string, Line>();

  constructor(db: Database) {
    const accounts = db.prepare(`SELECT name, NULL, ${RATE} FROM accounts`).raw();
    for (const [name, , rate] of accounts.all() as RateRow[])
      if (rate !== null) this.#accounts.set(name, new Line(rate));
    const senders = db.prepare(`SELECT account, sender, ${RATE} FROM senders`).raw();
    for (const [account, sender, rate] of senders.all() as RateRow[])
      if (rate !== null) this.#senders.set(nameOf(account, sender), new Line(rate));
  }

  of(account: string | null, sender: string | null): readonly Line[] {
    const [only] = this.#accounts.size === 1 ? this.#accounts.keys() : [];
    const name = account ?? only ?? null;
    if (name === null) return [];
    return [this.#accounts.get(name), this.#senders.get(nameOf(name, sender))].flatMap(
      (line) => line ?? [],
    );
  }
}

type RateRow = readonly [account: string, sender: string | null, rate: number | null];

const RATE = 'coalesce(learned_rate, configured_rate)';

const nameOf = (account: string, sender: string | null): string =>
  JSON.stringify([account, sender]);

/** How many there are at least. `now` is in Unix seconds. */
export function countLate(db: Database, now: number): number {
  const lines = new Lines(db);
  const undated = db
    .prepare(
      `SELECT account, sender, priority, count(*) FROM (SELECT account, sender, priority FROM messages
         WHERE ${READY} AND NOT ${AGAIN} AND expires_at IS NULL LIMIT ${LOOK_MAX}) GROUP BY 1, 2, 3`,
    )
    .raw()
    .all() as DatedRow[];
  for (const [account, sender, priority, count] of undated)
    for (const line of lines.of(account, sender)) line.addUndated(priority, count);
  let late = 0;
  for (const [account, sender, priority, expiresAt] of datedRows(db)) {
    const own = lines.of(account, sender);
    const isLate = own.some((line) => now + line.waitOf(priority) >= expiresAt);
    if (isLate) late += 1;
    else for (const line of own) line.addDated(priority);
  }
  return late;
}

/* In their turn. */
function datedRows(db: Database): readonly DatedRow[] {
  const rows = db
    .prepare(
      `SELECT account, sender, priority, expires_at FROM messages WHERE ${READY}
         AND NOT ${AGAIN} AND expires_at IS NOT NULL ORDER BY expires_at, id LIMIT ${LOOK_MAX}`,
    )
    .raw()
    .all() as DatedRow[];
  return rows.sort((a, b) => b[2] - a[2]);
}
