/**
 * What a gateway meets when it comes back: how long a message that is new takes to the wire while many retries
 * are due, and how many requests come within the first second. For the bench of the outage.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSpool } from '../../src/spool/file/open.ts';
import type { Daemon } from './daemon.ts';
import { dropRows, recipientOf, textOf } from './rows.ts';
import { percentile } from './support.ts';

/** Messages that are dropped one by one once the gateway is back, in a campaign of their own. */
export const FRESH = 100;
/** Recipients of theirs, far beyond those of any backlog. */
const FIRST_INDEX = 50_000_000;
const LOOK_EVERY_MS = 10;
const PATIENCE_MS = 600_000;

/** Makes a spool of messages that have failed once and are due again at an instant (Unix seconds); its path. */
export function makeRetries(folder: string, count: number, dueAt: number): string {
  const path = join(folder, 'retries.db');
  const db = openSpool(path, { create: true });
  if (count > 0) db.exec(dropRows(count));
  db.prepare(
    `UPDATE messages SET revision = revision + 1, state = 'retry', reason = 'internal-error', attempts = 1,
      next_attempt_at = ?, due_at = ?`,
  ).run(dueAt, dueAt);
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
  return path;
}

export interface Surge {
  /** Milliseconds from the commit of an INSERT to the acceptance. */
  readonly p50Ms: number;
  readonly mostMs: number;
  /** Requests accepted within a second of the first one after the return. */
  readonly firstSecond: number;
  /** Retries that were due and not accepted yet when the last of the messages was. */
  readonly retriesLeft: number;
}

interface Entry {
  readonly at: number;
  readonly to: string;
}

async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  const endsAt = performance.now() + PATIENCE_MS;
  while (!(await check())) {
    if (performance.now() > endsAt) throw new Error('the gateway is back, and nobody noticed');
    await sleep(LOOK_EVERY_MS);
  }
}

async function entriesOf(url: string): Promise<readonly Entry[]> {
  const answer = await fetch(`${url}/ledger`);
  return ((await answer.json()) as { entries: Entry[] }).entries;
}

/** Waits for the account to be resumed, and drops messages then. */
export async function measureSurge({ db }: Daemon, url: string, rate: number): Promise<Surge> {
  const resumed = db.prepare(`SELECT at FROM events WHERE event = 'account.resumed'`).pluck();
  await until(() => resumed.get() !== undefined);
  const since = resumed.get() as number;
  const drop = db.prepare(
    `INSERT INTO messages (recipient, text, campaign) VALUES (?, ?, 'fresh')`,
  );
  const dropped = new Map<string, number>();
  for (let index = FIRST_INDEX; index < FIRST_INDEX + FRESH; index += 1) {
    drop.run(recipientOf(index), textOf(index));
    dropped.set(recipientOf(index), Date.now());
    /* Fewer than its campaign's turns, so that it waits for none of its own. */
    await sleep((8_000 / rate) * (0.5 + Math.random()));
  }
  let entries: readonly Entry[] = [];
  await until(async () => {
    entries = await entriesOf(url);
    return entries.filter(({ to }) => dropped.has(to)).length === FRESH;
  });
  const delays = entries.flatMap(({ at, to }) => {
    const droppedAt = dropped.get(to);
    return droppedAt === undefined ? [] : [at * 1_000 - droppedAt];
  });
  const after = entries.map(({ at }) => at).filter((at) => at >= since);
  const first = Math.min(...after);
  return {
    p50Ms: percentile(delays, 0.5),
    mostMs: percentile(delays, 1),
    firstSecond: after.filter((at) => at < first + 1).length,
    retriesLeft: db
      .prepare(`SELECT count(*) FROM messages WHERE state = 'retry'`)
      .pluck()
      .get() as number,
  };
}
