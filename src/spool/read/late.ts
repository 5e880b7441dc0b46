/**
 * Estimates how many messages cannot make their deadline at the present rate, from the spool alone. Only first attempts
 * that are ready and have a deadline of their own count.
 *
 * A message is late when what goes before it (under its account's rate, or its sender's) takes until after its
 * deadline: messages of a higher priority, and those of its own priority with an earlier deadline that make theirs.
 * Campaigns are taken for one, and the reserve of lower priorities is left out; both even out.
 *
 * Always holds: the estimate is a lower bound. A limit that is not known delays nobody, and rows beyond a maximum are
 * left out.
 */
import type { Database } from 'better-sqlite3';
import { AGAIN, READY } from '../schema/schema.ts';
import type { LaneRow } from './lane-rows.ts';

/** Rows that are read, those with the earliest deadlines first; and as many that have none. */
const READ_MAX = 100_000;
const PRIORITIES = 10;

/** Account and sender as the row names them, priority, and deadline (Unix seconds). */
type DatedRow = readonly [
  account: string | null,
  sender: string | null,
  priority: number,
  expiresAt: number,
];

/** Messages under one limit that go before, by priority. */
class LimitQueue {
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

type QueuesOf = (account: string | null, sender: string | null) => readonly LimitQueue[];

/* One queue for each limit that is known. */
function queuesUnder(lanes: readonly LaneRow[]): QueuesOf {
  const keyOf = (account: string, sender: string | null): string =>
    JSON.stringify([account, sender]);
  const queues = new Map<string, LimitQueue>();
  const accounts: string[] = [];
  for (const { account, sender, learned_rate, configured_rate } of lanes) {
    const rate = learned_rate ?? configured_rate;
    if (rate === null) continue;
    if (sender === null) accounts.push(account);
    queues.set(keyOf(account, sender), new LimitQueue(rate));
  }
  const only = accounts.length === 1 ? accounts[0] : undefined;
  return (named, sender) => {
    const account = named ?? only;
    if (account === undefined) return [];
    const keys = new Set([keyOf(account, null), keyOf(account, sender)]);
    return [...keys].flatMap((key) => queues.get(key) ?? []);
  };
}

/** How many there are at least. `now` is in Unix seconds. */
export function countLate(db: Database, lanes: readonly LaneRow[], now: number): number {
  const queuesOf = queuesUnder(lanes);
  const undated = db
    .prepare(
      `SELECT account, sender, priority, count(*) FROM (SELECT account, sender, priority FROM messages
         WHERE ${READY} AND NOT ${AGAIN} AND expires_at IS NULL LIMIT ${READ_MAX}) GROUP BY 1, 2, 3`,
    )
    .raw()
    .all() as DatedRow[];
  for (const [account, sender, priority, count] of undated)
    for (const queue of queuesOf(account, sender)) queue.addUndated(priority, count);
  let late = 0;
  for (const [account, sender, priority, expiresAt] of datedRows(db)) {
    const queues = queuesOf(account, sender);
    const isLate = queues.some((queue) => now + queue.waitOf(priority) >= expiresAt);
    if (isLate) late += 1;
    else for (const queue of queues) queue.addDated(priority);
  }
  return late;
}

/* In their turn. */
function datedRows(db: Database): readonly DatedRow[] {
  const rows = db
    .prepare(
      `SELECT account, sender, priority, expires_at FROM messages WHERE ${READY}
         AND NOT ${AGAIN} AND expires_at IS NOT NULL ORDER BY expires_at, id LIMIT ${READ_MAX}`,
    )
    .raw()
    .all() as DatedRow[];
  return rows.sort((a, b) => b[2] - a[2]);
}
