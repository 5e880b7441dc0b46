/**
 * What openSpool does with a path that is no spool, no spool of ours, or not reachable: it says so by a code
 * and a sentence with a remedy, and leaves the file as it was, byte for byte.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { devNull, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, describe, expect, it } from 'vitest';
import { SpoolError, type SpoolErrorCode } from '../../../src/spool/sql/spool-errors.ts';
import { SCHEMA_VERSION } from '../../../src/spool/schema/migrations.ts';
import {
  isBusy,
  openSpool,
  type Database,
  type OpenOptions,
} from '../../../src/spool/file/open.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

function setup(): { folder: string; path: string } {
  const folder = mkdtempSync(join(tmpdir(), 'sms-spoold-open-'));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  return { folder, path: join(folder, 'spool.db') };
}

function open(path: string, options?: OpenOptions): Database {
  const db = openSpool(path, options);
  cleanups.push(() => void db.close());
  return db;
}

/** Makes or changes a database with a plain connection, closed again. */
function withSql(path: string, sql: string): void {
  const db = new Sqlite(path);
  db.exec(sql);
  db.close();
}

const digest = (path: string): string =>
  createHash('sha256').update(readFileSync(path)).digest('hex');

const WAYS: readonly OpenOptions[] = [{ create: true }, {}, { readonly: true }];

/* A reader of a WAL database makes -wal and -shm, and may not remove them. */
const neighbours = (path: string): readonly string[] =>
  readdirSync(dirname(path))
    .filter((name) => !/-(wal|shm)$/.test(name))
    .sort();

/** In all three ways of opening: refused with the code, a message like this, and nothing on disk changed. */
function expectRefused(path: string, code: SpoolErrorCode, message: RegExp): void {
  const before = existsSync(path) && path.endsWith('.db') ? digest(path) : null;
  const around = neighbours(path);
  for (const options of WAYS) {
    let thrown: unknown = null;
    try {
      openSpool(path, options).close();
    } catch (error) {
      thrown = error;
    }
    expect(thrown, JSON.stringify(options)).toBeInstanceOf(SpoolError);
    expect(thrown).toMatchObject({ code });
    expect((thrown as SpoolError).message).toMatch(message);
    expect((thrown as SpoolError).message).toContain(path);
  }
  if (before !== null) expect(digest(path)).toBe(before);
  expect(neighbours(path)).toEqual(around);
}

describe('a path that is no spool is refused and left untouched:', () => {
  it('a directory', () => {
    const { folder } = setup();
    mkdirSync(join(folder, 'spool'));
    expectRefused(join(folder, 'spool'), 'unsafe-file', /is a directory/);
  });

  it('a device', () => {
    expect(() => openSpool(devNull, { create: true })).toThrow(/not a regular file/);
  });

  it.each([
    ['a short text', 'hello\n'],
    ['a long text', 'These are the minutes of the meeting.\n'.repeat(500)],
  ])('%s', (_, text) => {
    const { path } = setup();
    writeFileSync(path, text);
    expectRefused(path, 'not-a-spool', /not an SQLite database/);
  });

  it("somebody else's database", () => {
    const { path } = setup();
    withSql(path, `CREATE TABLE customers (name TEXT); INSERT INTO customers VALUES ('Ann')`);
    expectRefused(path, 'not-a-spool', /not a spool of sms-spoold/);
  });

  it("somebody else's database that has no table yet, only a version", () => {
    const { path } = setup();
    withSql(path, 'PRAGMA user_version = 7');
    expectRefused(path, 'not-a-spool', /not a spool of sms-spoold/);
  });

  it("somebody else's database with a table of our name", () => {
    const { path } = setup();
    withSql(path, `CREATE TABLE messages (id INTEGER PRIMARY KEY, text TEXT)`);
    expectRefused(path, 'not-a-spool', /not a spool of sms-spoold/);
  });

  it('a spool of a newer program', () => {
    const { path } = setup();
    openSpool(path, { create: true }).close();
    withSql(path, `PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
    expectRefused(path, 'newer-schema', /version \d+; this program knows up to \d+/);
  });

  it("a spool with a stranger's trigger", () => {
    const { path } = setup();
    openSpool(path, { create: true }).close();
    withSql(
      path,
      `CREATE TRIGGER copy AFTER INSERT ON messages BEGIN DELETE FROM messages WHERE id = new.id; END`,
    );
    expectRefused(path, 'foreign-schema', /"copy".*DROP TRIGGER "copy"/);
  });

  it('a spool with a trigger of ours that was changed', () => {
    const { path } = setup();
    openSpool(path, { create: true }).close();
    withSql(
      path,
      `DROP TRIGGER messages_key_stays;
       CREATE TRIGGER messages_key_stays BEFORE UPDATE ON messages BEGIN SELECT 1; END`,
    );
    expectRefused(path, 'foreign-schema', /"messages_key_stays"/);
  });
});

describe('a path that cannot be reached is refused:', () => {
  it('a missing file, unless it may be made', () => {
    const { path } = setup();
    expect(() => openSpool(path)).toThrow(/no spool at .*sms-spoold init/);
    expect(() => openSpool(path, { readonly: true })).toThrow(SpoolError);
    expect(existsSync(path)).toBe(false);
  });

  it('a missing folder', () => {
    const { folder } = setup();
    const path = join(folder, 'missing', 'spool.db');
    expect(() => openSpool(path, { create: true })).toThrow(/folder .*missing does not exist/);
    expect(existsSync(join(folder, 'missing'))).toBe(false);
  });

  it('a file where a folder should be', () => {
    const { folder } = setup();
    writeFileSync(join(folder, 'file'), '');
    expect(() => openSpool(join(folder, 'file', 'spool.db'), { create: true })).toThrow(SpoolError);
  });

  const isRoot = process.getuid?.() === 0;
  const why = isRoot ? ' (skipped: root may write everywhere)' : '';

  it.skipIf(isRoot)(`a spool in a folder that may not be written${why}`, () => {
    const { folder, path } = setup();
    openSpool(path, { create: true }).close();
    chmodSync(folder, 0o500);
    cleanups.push(() => {
      chmodSync(folder, 0o700);
    });
    const before = digest(path);
    expect(() => openSpool(path, { create: true })).toThrow(/must be writable.*folder/);
    expect(digest(path)).toBe(before);
  });

  it.skipIf(isRoot)(`a new spool in a folder that may not be written${why}`, () => {
    const { folder, path } = setup();
    chmodSync(folder, 0o500);
    cleanups.push(() => {
      chmodSync(folder, 0o700);
    });
    expect(() => openSpool(path, { create: true })).toThrow(/must be writable.*folder/);
  });

  it.skipIf(isRoot)(`a spool that may not be written${why}`, () => {
    const { path } = setup();
    openSpool(path, { create: true }).close();
    chmodSync(path, 0o400);
    expect(() => openSpool(path, { create: true })).toThrow(/must be writable/);
  });
});

describe('an empty file', () => {
  it('an empty file becomes a spool when one may be made', () => {
    const { path } = setup();
    writeFileSync(path, '');
    const db = open(path, { create: true });
    expect(db.pragma('user_version', { simple: true })).toBe(SCHEMA_VERSION);
  });

  it('an empty file is left empty otherwise', () => {
    const { path } = setup();
    writeFileSync(path, '');
    expect(() => openSpool(path)).toThrow(/empty, not a spool yet.*sms-spoold init/);
    expect(readFileSync(path)).toHaveLength(0);
  });
});

describe('a spool', () => {
  it('a spool is opened again, with its rows and the same key for its tags', () => {
    const { path } = setup();
    const first = openSpool(path, { create: true });
    first.exec(`INSERT INTO messages (recipient, text) VALUES ('447700900000', 'Hello')`);
    const key = first.prepare(`SELECT value FROM spool WHERE name = 'tag-key'`).pluck().get();
    first.close();
    const second = open(path, { create: true });
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    expect(second.prepare(`SELECT value FROM spool WHERE name = 'tag-key'`).pluck().get()).toBe(
      key,
    );
    expect(second.prepare('SELECT count(*) FROM messages').pluck().get()).toBe(1);
  });

  it("a spool may have views, tables and indexes of an operator's own", () => {
    const { path } = setup();
    openSpool(path, { create: true }).close();
    withSql(
      path,
      `CREATE TABLE notes (message_id INTEGER, note TEXT);
       CREATE INDEX by_reference ON messages(reference);
       CREATE VIEW failed AS SELECT * FROM messages WHERE state = 'permanent-failure'`,
    );
    const db = open(path, { create: true });
    expect(db.prepare('SELECT count(*) FROM failed').pluck().get()).toBe(0);
    expect(db.prepare('SELECT count(*) FROM notes').pluck().get()).toBe(0);
  });

  it('a spool is in WAL, committed to disk at FULL, and trusts no function that its schema names', () => {
    const { path } = setup();
    open(path, { create: true });
    for (const options of [{ create: true }, {}]) {
      const db = open(path, options);
      expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
      expect(db.pragma('synchronous', { simple: true })).toBe(2);
      expect(db.pragma('trusted_schema', { simple: true })).toBe(0);
    }
  });

  it('a spool has small pages, because a message writes each page that it changes to the WAL', () => {
    const { path } = setup();
    const db = open(path, { create: true });
    expect(db.pragma('page_size', { simple: true })).toBe(2_048);
  });

  it.for([2_048, 4_096])(
    'a spool with pages of %i bytes, copies the WAL to the file after 4 MiB',
    (size) => {
      const { path } = setup();
      const maker = new Sqlite(path);
      maker.pragma(`page_size = ${size}`);
      maker.exec('VACUUM');
      maker.close();
      const db = open(path, { create: true });
      expect(db.pragma('page_size', { simple: true })).toBe(size);
      expect(db.pragma('wal_autocheckpoint', { simple: true })).toBe((4 * 1024 * 1024) / size);
    },
  );

  it('opened for reading, refuses to write', () => {
    const { path } = setup();
    open(path, { create: true });
    const db = open(path, { readonly: true });
    expect(() => db.exec('DELETE FROM messages')).toThrow(/readonly/);
  });

  it('a spool does not wait for another writer, and says so in a way that can be tried again', () => {
    const { path } = setup();
    const other = open(path, { create: true });
    const db = open(path);
    other.exec('BEGIN IMMEDIATE');
    let thrown: unknown = null;
    try {
      db.exec('BEGIN IMMEDIATE');
    } catch (error) {
      thrown = error;
    }
    expect(isBusy(thrown)).toBe(true);
    other.exec('ROLLBACK');
    expect(() => db.exec('BEGIN IMMEDIATE')).not.toThrow();
  });

  it('a spool that is damaged is reported as broken, and left as it is', () => {
    const { path } = setup();
    openSpool(path, { create: true }).close();
    const bytes = readFileSync(path);
    bytes.fill(0xff, 100, 4096);
    writeFileSync(path, bytes);
    let thrown: unknown = null;
    try {
      openSpool(path, { create: true }).close();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'broken' });
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });
});

it.each(WAYS)('a connection opened with %j waits for no lock unless it is told to', (options) => {
  const { path } = setup();
  open(path, { create: true });
  const timeout = (db: Database): unknown => db.pragma('busy_timeout', { simple: true });
  expect(timeout(open(path, options))).toBe(0);
  expect(timeout(open(path, { ...options, busyTimeoutMs: 70 }))).toBe(70);
});
