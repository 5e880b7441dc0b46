/**
 * The schema as applications meet it: three real clients, real files, no daemon.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { INTERNAL } from '../../../src/spool/schema/column-guards.ts';
import { openSpool, type Database } from '../../../src/spool/file/open.ts';
import { READY } from '../../../src/spool/schema/schema.ts';
import { execAsDaemon } from '../../support/as-daemon.ts';
import { namesOfRefusals } from '../../support/schema.ts';
import { SQL_CLIENTS } from '../../support/sql-clients.ts';
import { GOOD_ROWS, insert, REFUSALS } from '../bad-rows.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

function setup(): { path: string; db: Database } {
  const folder = mkdtempSync(join(tmpdir(), 'sms-spoold-schema-'));
  const path = join(folder, 'spool.db');
  const db = openSpool(path, { create: true, busyTimeoutMs: 5000 });
  cleanups.push(() => rmSync(folder, { recursive: true }));
  cleanups.push(() => void db.close());
  return { path, db };
}

const one = (db: Database, sql: string, ...values: readonly unknown[]): unknown =>
  db
    .prepare(sql)
    .pluck()
    .get(...values);

describe.each(SQL_CLIENTS)('$name', ({ name, missing, run }) => {
  const title = missing === null ? '' : ` (skipped: ${missing})`;

  it.skipIf(missing !== null)(
    `$name is refused every bad value, by a name that says what is wrong${title}`,
    () => {
      const { path, db } = setup();
      db.exec(insert({ idempotency_key: `'used'` }));
      db.exec(insert({ idempotency_key: `'pruned'` }));
      db.exec(`DELETE FROM messages WHERE idempotency_key = 'pruned'`);
      db.exec(insert({ reference: `'sent'` }));
      db.exec(insert({ reference: `'sent'`, type: `'binary'`, body: `'01'` }));
      execAsDaemon(
        db,
        `UPDATE messages SET state = 'sending', last_attempt = 1 WHERE reference = 'sent'`,
      );
      db.exec(
        `INSERT INTO control (verb, campaign) VALUES ('cancel', 'a'); UPDATE control SET done_at = 2e9`,
      );
      const errors = run(
        path,
        REFUSALS.map(([, statement]) => statement),
      );
      const wrong = REFUSALS.flatMap(([what, , expected], index) =>
        errors[index]?.includes(expected)
          ? []
          : [`${name}: ${what}: ${errors[index] ?? 'accepted'}`],
      );
      expect(wrong).toEqual([]);
      expect(one(db, 'SELECT count(*) FROM messages')).toBe(3);
      expect(one(db, 'SELECT count(*) FROM control')).toBe(1);
    },
  );

  it.skipIf(missing !== null)(`$name drops good rows of every kind${title}`, () => {
    const { path, db } = setup();
    const errors = run(path, GOOD_ROWS);
    expect(GOOD_ROWS.filter((_, index) => errors[index] !== null)).toEqual([]);
    const queued = one(db, `SELECT count(*) FROM messages WHERE state = 'queued' AND id > 0`);
    expect(queued).toBe(GOOD_ROWS.filter((row) => row.includes('INTO messages')).length);
  });

  it.skipIf(missing !== null)(
    `$name leaves created_at to the default, in seconds with a fraction${title}`,
    () => {
      const { path, db } = setup();
      const before = Date.now() / 1000;
      expect(run(path, [insert()])).toEqual([null]);
      const row = db.prepare('SELECT created_at, updated_at FROM messages').get() as {
        created_at: number;
        updated_at: number;
      };
      // julianday keeps milliseconds.
      expect(row.created_at).toBeGreaterThanOrEqual(before - 0.002);
      expect(row.created_at).toBeLessThanOrEqual(Date.now() / 1000 + 0.002);
      expect(row.updated_at).toBeCloseTo(row.created_at, 2);
    },
  );
});

describe('the list of refusals', () => {
  it('the list of refusals has every constraint and every trigger of the schema in it', () => {
    const names = namesOfRefusals();
    const tried = new Set(REFUSALS.map(([, , name]) => name));
    expect(names.length).toBeGreaterThan(30);
    expect(names.filter((name) => !tried.has(name))).toEqual([]);
  });
});

describe('a number that a program gave as a number', () => {
  /* better-sqlite3 and node:sqlite bind a number as REAL. */
  it.for(['recipient', 'sender'])(
    'a number that a program gave as a number is refused as %s by a name that says to quote it',
    (column) => {
      const { db } = setup();
      const row = { recipient: '447700900311', sender: 'AcmeInc', [column]: 447_700_900_311 };
      const add = db.prepare(
        `INSERT INTO messages (recipient, sender, text) VALUES (@recipient, @sender, 'x')`,
      );
      expect(() => add.run(row)).toThrow(`${column}_is_text_not_a_number_quote_it`);
    },
  );

  it('a number that a program gave as a number is taken as a whole number, of which SQLite makes the same text', () => {
    const { db } = setup();
    db.exec(`INSERT INTO messages (recipient, text) VALUES (447700900311, 'x')`);
    expect(one(db, 'SELECT recipient FROM messages')).toBe('447700900311');
  });
});

describe('ids and keys', () => {
  it('ids and keys never gives an id again, even after the last row was deleted', () => {
    const { db } = setup();
    db.exec(insert());
    db.exec(insert());
    db.exec('DELETE FROM messages');
    db.exec(insert());
    expect(one(db, 'SELECT id FROM messages')).toBe(3);
  });

  it('ids and keys lets ON CONFLICT(idempotency_key) DO NOTHING keep the first row', () => {
    const { db } = setup();
    const upsert = (text: string): string =>
      `${insert({ text: `'${text}'`, idempotency_key: `'once'` })} ON CONFLICT(idempotency_key) DO NOTHING`;
    db.exec(upsert('first'));
    db.exec(upsert('second'));
    expect(db.prepare('SELECT text FROM messages').pluck().all()).toEqual(['first']);
    expect(one(db, `SELECT message_id FROM keys WHERE key = 'once'`)).toBe(
      one(db, 'SELECT id FROM messages'),
    );
  });

  it('ids and keys refuses a key after its row was deleted, until the key itself is forgotten', () => {
    const { db } = setup();
    db.exec(insert({ idempotency_key: `'once'` }));
    db.exec('DELETE FROM messages');
    const again = (): unknown => db.exec(insert({ idempotency_key: `'once'` }));
    expect(again).toThrow('idempotency_key_is_used_once');
    db.exec('DELETE FROM keys');
    expect(again).not.toThrow();
  });

  it('ids and keys keeps the first row when REPLACE is refused', () => {
    const { db } = setup();
    db.exec(insert({ text: `'first'`, idempotency_key: `'once'` }));
    const replace = insert({ text: `'second'`, idempotency_key: `'once'` }, 'INSERT OR REPLACE');
    expect(() => db.exec(replace)).toThrow('idempotency_key_is_used_once');
    expect(db.prepare('SELECT id, text FROM messages').all()).toEqual([{ id: 1, text: 'first' }]);
  });

  it('ids and keys takes any number of rows without a key', () => {
    const { db } = setup();
    db.exec(insert());
    db.exec(insert({ idempotency_key: 'NULL' }));
    expect(one(db, 'SELECT count(*) FROM keys')).toBe(0);
  });
});

describe('send_at', () => {
  it('send_at keeps the row out of those that may go, until then', () => {
    const { db } = setup();
    db.exec(insert({ send_at: '2000000000' }));
    expect(one(db, 'SELECT due_at FROM messages')).toBe(2_000_000_000);
    expect(one(db, `SELECT count(*) FROM messages WHERE ${READY}`)).toBe(0);
  });

  it('left out, the row may go at once', () => {
    const { db } = setup();
    db.exec(insert());
    expect(one(db, `SELECT count(*) FROM messages WHERE ${READY}`)).toBe(1);
  });

  it('moved by an application, moves the row with it', () => {
    const { db } = setup();
    db.exec(insert({ send_at: '2000000000' }));
    db.exec('UPDATE messages SET send_at = 2100000000');
    expect(one(db, 'SELECT due_at FROM messages')).toBe(2_100_000_000);
    db.exec('UPDATE messages SET send_at = NULL');
    expect(one(db, `SELECT count(*) FROM messages WHERE ${READY}`)).toBe(1);
  });

  it('moved after the message was sent, changes nothing', () => {
    const { db } = setup();
    db.exec(insert());
    execAsDaemon(
      db,
      `UPDATE messages SET state = 'delivered'; UPDATE messages SET send_at = 2100000000`,
    );
    expect(one(db, 'SELECT due_at FROM messages')).toBeNull();
  });
});

describe('v_messages', () => {
  it('v_messages shows instants as ISO 8601 in UTC with milliseconds, and NULL as NULL', () => {
    const { db } = setup();
    db.exec(insert({ send_at: '1795425302.12' }));
    execAsDaemon(db, 'UPDATE messages SET created_at = 1795425300');
    const row = db.prepare('SELECT send_at, created_at, expires_at, state FROM v_messages').get();
    expect(row).toEqual({
      send_at: '2026-11-23T09:15:02.120Z',
      created_at: '2026-11-23T09:15:00.000Z',
      expires_at: null,
      state: 'queued',
    });
  });

  it("v_messages has every column of messages that CONTRACT.md §15 names, and none of the daemon's own", () => {
    const { db } = setup();
    const columns = (table: string): readonly unknown[] =>
      db.prepare(`SELECT name FROM pragma_table_info('${table}')`).pluck().all();
    const own = new Set<unknown>(INTERNAL);
    const named = columns('messages').filter((name) => !own.has(name));
    expect([...columns('v_messages')].sort()).toEqual([...named].sort());
  });
});
