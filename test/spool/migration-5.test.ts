/**
 * A spool of schema version 4, as 8750d9a left it, comes to version 5 with everything that was in it.
 */
import { copyFileSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { migrate } from '../../src/spool/schema/migrations.ts';
import { openSpool, type Database } from '../../src/spool/file/open.ts';
import { RECENT_TABLE } from '../../src/spool/schema/schema.ts';
import { tokensOf } from '../../src/spool/schema/schema-check.ts';
import { readSchema } from '../../src/spool/schema/schema-guard.ts';
import { makeFolder } from '../support/spool.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/spool-8750d9a.db', import.meta.url));

function oldSpool(): string {
  const path = join(makeFolder(), 'spool.db');
  copyFileSync(FIXTURE, path);
  return path;
}

function withOld<T>(path: string, work: (db: Database) => T): T {
  const db = new Sqlite(path);
  try {
    return work(db);
  } finally {
    db.close();
  }
}

function migrated(path: string): Database {
  const db = openSpool(path, { create: true });
  onTestFinished(() => void db.close());
  return db;
}

const rowsOf = (db: Database, sql = 'SELECT * FROM messages ORDER BY id'): unknown[] =>
  db.prepare(sql).all();

describe('a spool of schema version 4', () => {
  it('a spool of schema version 4 keeps every row, id and column at the migration to version 5, and gets revision 0', () => {
    const path = oldSpool();
    const before = withOld(path, rowsOf) as object[];
    const db = migrated(path);
    expect(before).toHaveLength(51);
    expect(rowsOf(db)).toEqual(before.map((row) => ({ ...row, revision: 0 })));
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
    for (const table of ['attempts', 'parts', 'receipts', 'events', 'keys', 'control']) {
      const sql = `SELECT * FROM ${table}`;
      const added = table === 'control' ? { filter: null, up_to: null, as_of: null } : {};
      const expected = (rowsOf(withOldCopy(), sql) as object[]).map((row) => ({
        ...row,
        ...added,
      }));
      expect(rowsOf(db, sql)).toEqual(expected);
    }
  });

  it('a spool of schema version 4 keeps when a recipient was sent to, and no digest of a text that was made without a key', () => {
    const path = oldSpool();
    const digests = ['q8mGJ4T0yZ1cV7wXb2nKsA', 'Zr5uPpE3xYh6tLd9oQfWmB'];
    withOld(path, (old) => {
      old.exec(RECENT_TABLE);
      const insert = old.prepare('INSERT INTO recent VALUES (?, ?, ?, ?)');
      insert.run('447700900000', digests[0], 1, 100);
      insert.run('447700900000', digests[1], 2, 200);
      insert.run('447700900001', '', 3, 300);
    });
    const db = migrated(path);
    expect(rowsOf(db, 'SELECT * FROM recent ORDER BY message_id')).toEqual([
      { recipient: '447700900000', digest: '', message_id: 1, at: 100 },
      { recipient: '447700900000', digest: '', message_id: 2, at: 200 },
      { recipient: '447700900001', digest: '', message_id: 3, at: 300 },
    ]);
    db.pragma('wal_checkpoint(TRUNCATE)');
    const bytes = readFileSync(path, 'latin1');
    expect(digests.filter((digest) => bytes.includes(digest))).toEqual([]);
  });

  it('a spool of schema version 4 has its suppressions in one form, of two that become one the earlier, and others as written', () => {
    const path = oldSpool();
    withOld(path, (old) =>
      old.exec(`DELETE FROM suppressions;
        INSERT INTO suppressions (recipient, reason, since) VALUES ('447700900090', 'later', 200),
          ('+447700900090', 'first', 100), ('00447700900090', 'latest', 300), ('44 7700-900.091', NULL, 1),
          (x'343437373030393030303932', 'a blob', 1), (447700900093.0, 'a number', 1), ('07700900094', 'kept', 1),
          ('nobody', 'kept', 1), ('', 'kept', 1)`),
    );
    expect(rowsOf(migrated(path), 'SELECT * FROM suppressions')).toEqual([
      { recipient: '', reason: 'kept', since: 1 },
      { recipient: '07700900094', reason: 'kept', since: 1 },
      { recipient: '447700900090', reason: 'first', since: 100 },
      { recipient: '447700900091', reason: null, since: 1 },
      { recipient: '447700900092', reason: 'a blob', since: 1 },
      { recipient: '447700900093', reason: 'a number', since: 1 },
      { recipient: 'nobody', reason: 'kept', since: 1 },
    ]);
  });

  it('a spool of schema version 4 does not give the ids of pruned messages again', () => {
    const path = oldSpool();
    withOld(path, (old) =>
      old.exec(`UPDATE sqlite_sequence SET seq = 900 WHERE name = 'messages'`),
    );
    const db = migrated(path);
    const added = db.prepare(`INSERT INTO messages (recipient, text) VALUES ('447700900000', 'x')`);
    expect(added.run().lastInsertRowid).toBe(901);
  });

  it('a spool of schema version 4 keeps rows whatever is in them, with their spelling', () => {
    const path = oldSpool();
    withOld(path, (old) => {
      old.pragma('ignore_check_constraints = ON');
      old.exec(`INSERT INTO messages (recipient, text, priority, campaign, idempotency_key) VALUES
        ('0770', x'00ff', 99, x'00', 'k' || char(0)), ('', NULL, 'high', '', ''), (x'00', 'x', 4.5, 1, NULL)`);
    });
    const before = withOld(path, rowsOf) as object[];
    expect(rowsOf(migrated(path))).toEqual(before.map((row) => ({ ...row, revision: 0 })));
  });

  it('a spool of schema version 4 has no value of 150 MB and no name that hides its length; what waited with one fails as too-long', () => {
    const path = oldSpool();
    withOld(path, (old) =>
      old.exec(`INSERT INTO messages (recipient, text, reference, idempotency_key) VALUES
          ('447700900000', 'a', 'a' || char(0) || hex(zeroblob(75000000)), 'k' || char(0) || hex(zeroblob(75000)));
        INSERT INTO messages (recipient, text, account) VALUES
          ('447700900000', 'b', 'main' || char(0) || hex(zeroblob(500)));
        INSERT INTO messages (recipient, text, reference) VALUES ('447700900000', 'c', hex(zeroblob(5000)));
        INSERT INTO messages (recipient, text, campaign) VALUES
          ('447700900000', 'd', 'c' || char(0) || hex(zeroblob(500)));
        UPDATE messages SET state = 'delivered' WHERE text = 'd'`),
    );
    const db = migrated(path);
    const failed = { state: 'permanent-failure', reason: 'too-long', due_at: null };
    expect(
      rowsOf(
        db,
        `SELECT text, state, reason, due_at, reference, account, campaign, idempotency_key
        FROM messages WHERE id > 51 ORDER BY id`,
      ),
    ).toMatchObject([
      { ...failed, text: 'a', reference: '(150000002 bytes)', idempotency_key: null },
      { ...failed, text: 'b', account: '(1005 bytes)' },
      { state: 'queued', text: 'c', reference: '0'.repeat(10_000) },
      { state: 'delivered', text: 'd', campaign: '(1002 bytes)' },
    ]);
    expect(
      rowsOf(
        db,
        `SELECT message_id, from_state FROM events WHERE reason = 'too-long' ORDER BY seq`,
      ),
    ).toEqual([
      { message_id: 52, from_state: 'queued' },
      { message_id: 53, from_state: 'queued' },
    ]);
    expect(rowsOf(db, `SELECT 1 FROM keys WHERE octet_length(key) > 100000`)).toEqual([]);
  });

  it('a spool of schema version 4 has dates in the place of the texts that an ORM wrote into them', () => {
    const path = oldSpool();
    withOld(path, (old) => {
      old.pragma('ignore_check_constraints = ON');
      old.exec(`UPDATE messages SET updated_at = '2026-11-23 09:15:02.120' WHERE id = 1;
        UPDATE messages SET updated_at = 'yesterday', created_at = x'00' WHERE id = 2`);
    });
    const before = Date.now() / 1000;
    const rows = rowsOf(migrated(path), 'SELECT created_at, updated_at FROM messages') as {
      created_at: number;
      updated_at: number;
    }[];
    expect(rows[0]?.updated_at).toBeCloseTo(1_795_425_302.12, 2);
    for (const at of [rows[1]?.updated_at, rows[1]?.created_at]) {
      expect(at).toBeGreaterThan(before - 0.01);
    }
  });

  it("a spool of schema version 4 keeps views, tables, rows that refer to messages and indexes of an operator's own", () => {
    const path = oldSpool();
    withOld(path, (old) =>
      old.exec(`CREATE TABLE notes (message_id INTEGER REFERENCES messages(id) ON DELETE CASCADE, note TEXT);
        INSERT INTO notes SELECT id, 'seen' FROM messages;
        CREATE VIEW failed AS SELECT id FROM messages WHERE state = 'permanent-failure';
        CREATE INDEX "by ""reference""" ON messages(reference COLLATE NOCASE DESC, id);`),
    );
    const db = migrated(path);
    const count = (from: string): unknown =>
      db.prepare(`SELECT count(*) FROM ${from}`).pluck().get();
    expect(count('notes')).toBe(51);
    expect(count('failed')).toBe(3);
    expect(db.pragma('foreign_key_check')).toEqual([]);
    expect(db.pragma('foreign_keys', { simple: true })).toBe(0);
    expect(
      db.prepare(`SELECT "desc", coll FROM pragma_index_xinfo('by "reference"')`).all()[0],
    ).toEqual({ desc: 1, coll: 'NOCASE' });
    expect(
      db.prepare(`SELECT sql FROM sqlite_master WHERE name = 'notes'`).pluck().get(),
    ).toContain('REFERENCES messages(id)');
  });

  it('a spool of schema version 4 whose messages have a column of somebody else is left as it was, and the column is named', () => {
    const path = oldSpool();
    withOld(path, (old) => old.exec('ALTER TABLE messages ADD COLUMN note TEXT'));
    expect(() => openSpool(path, { create: true })).toThrow(/column "note"/);
    expect(withOld(path, (old) => old.pragma('user_version', { simple: true }))).toBe(4);
  });

  it('a spool of schema version 4 that finds no room to migrate is left as it was, and says what it needs', () => {
    const path = oldSpool();
    const before = readFileSync(path);
    const full = new Sqlite(path);
    full.pragma(`max_page_count = ${statSync(path).size / 4096 + 2}`);
    expect(() => {
      migrate(full, path, () => undefined);
    }).toThrow(/the disk is full.*left as it was.*sms-spoold init/);
    full.close();
    expect(withOld(path, (old) => old.pragma('user_version', { simple: true }))).toBe(4);
    expect(withOld(path, rowsOf)).toHaveLength(51);
    expect(readFileSync(path).length).toBe(before.length);
  });

  it('a spool of schema version 4 has the schema of a new spool afterwards', () => {
    /* As the schema guard compares them: a table that was renamed has its name in quotes. */
    const schema = (db: Database): unknown[] =>
      readSchema(db)
        .filter(({ name, sql }) => name !== 'parts_gateway_id' && sql !== null)
        .map(({ type, name, table, sql }) => [
          type,
          name,
          table,
          tokensOf(sql ?? '', new Set([name])).join(' '),
        ])
        .sort();
    expect(schema(migrated(oldSpool()))).toEqual(schema(migrated(join(makeFolder(), 'spool.db'))));
  });
});

/* A second copy, read as it is. */
function withOldCopy(): Database {
  const db = new Sqlite(oldSpool());
  onTestFinished(() => void db.close());
  return db;
}
