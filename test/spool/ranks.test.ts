/**
 * Ranks of ready rows as the spool has them: the same as the core's, the order of the index, and what an older
 * spool becomes.
 */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { compareSortKeys, rankOf, withRetry } from '../../src/core/message/sort-key.ts';
import { Spool } from '../../src/spool/spool.ts';
import { makeFolder, NOW, setup } from '../support/spool.ts';

const SOURCE = { account: null, sender: null, campaign: null };
const PRIORITIES = [0, 4, 9];

/** Rows of every rank at three priorities, the retries first. */
function setupAll() {
  const bundle = setup();
  const { other } = bundle;
  for (const priority of PRIORITIES) {
    for (const expires_at of [null, NOW + 20, NOW + 10]) {
      const dated = expires_at === null ? {} : { expires_at };
      const id = other.drop({ priority, ...dated });
      other.db
        .prepare(
          `UPDATE messages SET revision = revision + 1, state = 'retry', attempts = 1 WHERE id = ?`,
        )
        .run(id);
      other.drop({ priority, ...dated });
    }
  }
  return bundle;
}

it('ranks of the spool are those of the core, and rows are read in their order', () => {
  const { spool } = setupAll();
  const rows = spool.claims.peek(SOURCE, 100, 0);
  expect(rows).toHaveLength(18);
  for (const row of rows) {
    const { priority, state, expiresAt, rank } = row;
    expect(rank).toBe(rankOf({ priority, isRetry: state === 'retry', expiresAt }));
  }
  expect([...rows].sort(compareSortKeys)).toEqual(rows);
});

it('ranks of the spool can be read from any one on, each as far as it goes', () => {
  const { spool } = setupAll();
  const all = spool.claims.peek(SOURCE, 100, 0);
  for (const rank of new Set(all.map((row) => row.rank))) {
    const rest = all.filter((row) => row.rank >= rank);
    expect(spool.claims.peek({ ...SOURCE, rank }, 100, 0)).toEqual(rest);
  }
});

describe('a retry', () => {
  it('a retry that the gateway throttled is queued, and one still', () => {
    const { other, spool } = setup();
    const id = other.drop();
    const rank = (): unknown => spool.sources.head(SOURCE)?.rank;
    const first = rank();
    other.db
      .prepare('UPDATE messages SET revision = revision + 1, attempts = 2 WHERE id = ?')
      .run(id);
    expect(rank()).toBe(withRetry(Number(first), true));
  });

  it('a retry in the ten thousands is not read on the way to a first attempt', () => {
    const { other, spool } = setup();
    other.db.transaction(() => {
      for (let count = 0; count < 10_000; count += 1) other.drop();
      other.db.exec(`UPDATE messages SET revision = revision + 1, state = 'retry', attempts = 1`);
    })();
    const fresh = other.drop();
    expect(spool.sources.head(SOURCE)?.id).toBe(fresh);
    const [first, second] = spool.claims.peek(SOURCE, 2, 0);
    expect([first?.id, second?.id]).toEqual([fresh, 1]);
  });
});

it('come to a spool of schema version 4 when it is opened, with its rows', () => {
  const path = join(makeFolder(), 'spool.db');
  copyFileSync(join(import.meta.dirname, '../fixtures/spool-8750d9a.db'), path);
  const old = new Sqlite(path);
  old.exec(`DELETE FROM messages; DELETE FROM sqlite_sequence WHERE name = 'messages';
    INSERT INTO messages (recipient, text) VALUES ('447700900000', 'a'), ('447700900000', 'b');
    UPDATE messages SET state = 'retry', attempts = 1 WHERE id = 1`);
  old.close();
  const spool = Spool.open(path);
  expect(spool.claims.peek(SOURCE, 10, 0).map(({ id }) => id)).toEqual([2, 1]);
  spool.close();
});
