import { describe, expect, it } from 'vitest';
import { countLate } from '../../../src/spool/read/late.ts';
import { laneRows } from '../../../src/spool/read/lane-rows.ts';
import { statisticsOf } from '../../../src/spool/read/statistics.ts';
import { NOW, setup as setupSpool } from '../../support/spool.ts';

const MAIN = { name: 'main', rate: 10 };

function setup(accounts: readonly { readonly name: string; readonly rate: number }[] = [MAIN]) {
  const { other } = setupSpool();
  for (const { name, rate } of accounts) {
    other.db
      .prepare('INSERT INTO accounts (name, since, configured_rate) VALUES (?, ?, ?)')
      .run(name, NOW, rate);
  }
  const limit = (sender: string, configured: number, learned: number | null = null): void => {
    other.db
      .prepare(
        `INSERT INTO senders (account, sender, since, configured_rate, learned_rate)
         VALUES ('main', ?, ?, ?, ?)`,
      )
      .run(sender, NOW, configured, learned);
  };
  const drop = (count: number, row: Parameters<typeof other.drop>[0] = {}): void => {
    other.db.transaction(() => {
      for (let times = 0; times < count; times += 1) other.drop(row);
    })();
  };
  return { ...other, limit, drop, late: () => countLate(other.db, laneRows(other.db), NOW) };
}

describe('messages that cannot make their deadline', () => {
  it('messages that cannot make their deadline are those for which there is no time at the rate of the account', () => {
    const { drop, late } = setup();
    drop(100, { expires_at: NOW + 5 });
    expect(late()).toBe(50);
    drop(100, { expires_at: NOW + 10 });
    expect(late()).toBe(100);
    drop(10);
    expect(late()).toBe(100);
  });

  it('messages that cannot make their deadline do not count those that have none, or wait for an instant', () => {
    const { drop, late } = setup();
    drop(200);
    drop(200, { expires_at: NOW + 100, send_at: NOW + 99 });
    expect(late()).toBe(0);
  });

  it('messages that cannot make their deadline are more under the limit of a sender, the learned one if there is one', () => {
    const { drop, limit, late } = setup();
    limit('Slow', 1);
    limit('Learned', 10, 2);
    drop(10, { sender: 'Slow', account: 'main', expires_at: NOW + 5 });
    drop(10, { sender: 'Learned', expires_at: NOW + 3 });
    expect(late()).toBe(5 + 4);
  });

  it('wait for higher priorities, whether these have a deadline or not', () => {
    const { drop, late } = setup();
    drop(10, { expires_at: NOW + 5 });
    drop(20, { priority: 9, expires_at: NOW + 100 });
    expect(late()).toBe(0);
    drop(20, { priority: 9 });
    expect(late()).toBe(0);
    drop(5, { priority: 8 });
    expect(late()).toBe(5);
    drop(1000, { priority: 0 });
    expect(late()).toBe(5);
  });

  it('messages that cannot make their deadline are none where no limit is known', () => {
    const { drop, late } = setup([]);
    drop(100, { expires_at: NOW + 1 });
    expect(late()).toBe(0);
  });

  it('messages that cannot make their deadline are none for sure where it is not known which account a message is for', () => {
    const { drop, late } = setup([MAIN, { name: 'other', rate: 1 }]);
    drop(100, { expires_at: NOW + 1 });
    expect(late()).toBe(0);
    drop(10, { account: 'other', expires_at: NOW + 4 });
    expect(late()).toBe(6);
  });
});

it('a late row is looked for in bounded time, by the indexes', () => {
  const { db } = setup();
  const plan = (condition: string): string =>
    JSON.stringify(
      db
        .prepare(
          `EXPLAIN QUERY PLAN SELECT account, sender, priority, expires_at FROM messages
           WHERE state IN ('queued','retry') AND due_at IS NULL AND expires_at ${condition} LIMIT 9`,
        )
        .all(),
    );
  expect(plan('IS NOT NULL ORDER BY expires_at, id')).toContain('USING INDEX messages_expiring');
  expect(plan('IS NULL')).toContain('USING INDEX messages_ready');
});

it('a late row is part of the statistics', () => {
  const { db, drop } = setup();
  drop(30, { expires_at: NOW + 1 });
  expect(statisticsOf(db, NOW).late).toBe(20);
});
