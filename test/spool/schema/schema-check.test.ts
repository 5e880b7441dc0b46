/**
 * What a spool may say of its own schema: a table of changes that are refused by name, and of those that are welcome.
 * Real files, changed by a plain connection as a member of the spool's group would.
 */
import Sqlite from 'better-sqlite3';
import { copyFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isNotOurs, SpoolError } from '../../../src/spool/sql/spool-errors.ts';
import { isBusy, openSpool, type OpenOptions } from '../../../src/spool/file/open.ts';
import { Spool } from '../../../src/spool/spool.ts';
import { tokensOf } from '../../../src/spool/schema/schema-check.ts';
import { makeFolder, openHandle } from '../../support/spool.ts';

const WAYS: readonly OpenOptions[] = [{ create: true }, {}, { readonly: true }];

function made(sql = ''): string {
  const path = join(makeFolder(), 'spool.db');
  openSpool(path, { create: true }).close();
  change(path, sql);
  return path;
}

function change(path: string, sql: string): void {
  const db = new Sqlite(path);
  db.exec(sql);
  db.close();
}

function refusal(path: string, options: OpenOptions): unknown {
  try {
    openSpool(path, options).close();
    return null;
  } catch (error) {
    return error;
  }
}

/** Our own table, made again with another text. */
const remade = (table: string, from: RegExp, to: string): ((path: string) => void) => {
  return (path) => {
    const db = new Sqlite(path);
    const rows = db
      .prepare<[string], { type: string; sql: string }>(
        `SELECT type, sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL ORDER BY rowid`,
      )
      .all(table);
    const changed = rows.map(({ type, sql }) => (type === 'table' ? sql.replace(from, to) : sql));
    expect(changed).not.toEqual(rows.map(({ sql }) => sql));
    db.exec(`PRAGMA foreign_keys = OFF; DROP TABLE ${table}; ${changed.join(';\n')}`);
    db.close();
  };
};

const run =
  (sql: string): ((path: string) => void) =>
  (path) =>
    change(path, sql);

const REFUSED: readonly (readonly [string, (path: string) => void, RegExp])[] = [
  [
    'a trigger on messages',
    run(`CREATE TRIGGER copy AFTER INSERT ON messages BEGIN SELECT 1; END`),
    /trigger "copy" on "messages".*DROP TRIGGER "copy"/,
  ],
  [
    'a trigger on events',
    run(`CREATE TRIGGER "a b" AFTER INSERT ON events BEGIN DELETE FROM messages; END`),
    /trigger "a b" on "events"/,
  ],
  [
    'a trigger on the view',
    run(`CREATE TRIGGER v INSTEAD OF UPDATE ON v_messages BEGIN SELECT 1; END`),
    /trigger "v" on "v_messages"/,
  ],
  [
    'a trigger of ours that does less',
    run(
      `DROP TRIGGER messages_use_a_key; CREATE TRIGGER messages_use_a_key AFTER INSERT ON messages BEGIN SELECT 1; END`,
    ),
    /trigger "messages_use_a_key" is defined in another way/,
  ],
  [
    'a trigger of ours that is gone',
    run(`DROP TRIGGER messages_use_a_key`),
    /trigger "messages_use_a_key" is missing.*CREATE TRIGGER messages_use_a_key/,
  ],
  [
    'an index of ours that is gone',
    run(`DROP INDEX messages_ready`),
    /index "messages_ready" is missing.*CREATE INDEX messages_ready/,
  ],
  [
    'an index of ours on other columns',
    run(`DROP INDEX messages_due; CREATE INDEX messages_due ON messages(id)`),
    /index "messages_due" is defined/,
  ],
  [
    'the view with another column',
    run(`DROP VIEW v_messages; CREATE VIEW v_messages AS SELECT 1 AS id`),
    /view "v_messages" is defined/,
  ],
  [
    'a column too many',
    run(`ALTER TABLE messages ADD COLUMN note TEXT`),
    /table "messages" has a column "note".*DROP COLUMN "note"/,
  ],
  [
    'a generated column',
    run(`ALTER TABLE messages ADD COLUMN twice AS (priority * 2)`),
    /column "twice"/,
  ],
  [
    'a column that is gone',
    run(`ALTER TABLE attempts DROP COLUMN trace_id`),
    /table "attempts" lacks the column "trace_id"/,
  ],
  [
    'a column with another name',
    run(`ALTER TABLE receipts RENAME COLUMN raw TO raw2`),
    /table "receipts" has a column "raw2"/,
  ],
  ['a table that is gone', run(`DROP TABLE caps`), /table "caps" is missing/],
  ['a table with another name', run(`ALTER TABLE caps RENAME TO caps2`), /table "caps" is missing/],
  [
    'a view in the place of a table',
    run(`DROP TABLE events; CREATE VIEW events AS SELECT 1 AS seq`),
    /table "events" is replaced by a view/,
  ],
  [
    'a virtual table in the place of a table',
    run(`DROP TABLE keys; CREATE VIRTUAL TABLE keys USING fts5(key, message_id, used_at)`),
    /table "keys"/,
  ],
  [
    'a changed collation',
    remade('attempts', /client_ref TEXT NOT NULL/, 'client_ref TEXT NOT NULL COLLATE NOCASE'),
    /table "attempts" is defined/,
  ],
  [
    'a changed default',
    remade('accounts', /DEFAULT 'active'/, `DEFAULT 'paused'`),
    /expected .*'active'.*found .*'paused'/,
  ],
  [
    'a CHECK that is gone',
    remade('senders', /,\s*CONSTRAINT state_is_known CHECK \([^)]*\)/, ''),
    /table "senders" is defined/,
  ],
  [
    'a table without AUTOINCREMENT',
    remade('events', /AUTOINCREMENT/, ''),
    /expected .*autoincrement/,
  ],
  ['a table with a rowid', remade('attempts', /WITHOUT ROWID/, ''), /expected .*without rowid/],
  ['a strict table', remade('parts', /WITHOUT ROWID/, 'WITHOUT ROWID, STRICT'), /table "parts"/],
  [
    'a foreign key',
    remade(
      'attempts',
      /message_id INTEGER NOT NULL/,
      'message_id INTEGER NOT NULL REFERENCES messages(id)',
    ),
    /table "attempts"/,
  ],
  ['another type', remade('parts', /price +REAL/, 'price TEXT'), /table "parts"/],
  [
    'a unique index',
    run(`CREATE UNIQUE INDEX one ON messages(reference)`),
    /index "one" on "messages" is UNIQUE/,
  ],
  [
    'a partial index',
    run(`CREATE INDEX one ON messages(id) WHERE abs(reference) > 1`),
    /index "one"/,
  ],
  [
    'an index on an expression',
    run(`CREATE INDEX one ON attempts(json_extract(error_text, '$'))`),
    /index "one"/,
  ],
  [
    'a table that hides a function',
    run(`CREATE TABLE json_each (value)`),
    /table "json_each" hides a function/,
  ],
  [
    'a view that hides a function',
    run(`CREATE VIEW JSON_EACH AS SELECT 1 AS value`),
    /view "JSON_EACH" hides/,
  ],
  [
    'a trigger named like a command',
    run(`CREATE TRIGGER "x'; touch /tmp/y; '" AFTER INSERT ON keys BEGIN SELECT 1; END`),
    /in the sqlite3 shell/,
  ],
];

describe('a spool is refused by name, and left untouched, when it has', () => {
  it.each(REFUSED)('%s', (_what, spoil, message) => {
    const path = made();
    spoil(path);
    for (const options of WAYS) {
      const error = refusal(path, options);
      expect(error, JSON.stringify(options)).toBeInstanceOf(SpoolError);
      expect(error).toMatchObject({ code: 'foreign-schema' });
      expect((error as SpoolError).message).toMatch(message);
      expect((error as SpoolError).message).toContain(path);
      expect(isNotOurs(error)).toBe(true);
    }
  });
});

const WELCOME: readonly (readonly [string, string])[] = [
  ['a table of an operator', `CREATE TABLE notes (message_id INTEGER, note TEXT)`],
  [
    'an index on it',
    `CREATE TABLE notes (n); CREATE UNIQUE INDEX notes_n ON notes(abs(n)) WHERE n > 0`,
  ],
  [
    'a trigger on it',
    `CREATE TABLE notes (n); CREATE TRIGGER t AFTER INSERT ON notes BEGIN DELETE FROM notes; END`,
  ],
  ['a view', `CREATE VIEW failed AS SELECT * FROM messages WHERE state = 'permanent-failure'`],
  ['a view that cannot be read', `CREATE VIEW broken AS SELECT * FROM nowhere`],
  ['a full-text table', `CREATE VIRTUAL TABLE search USING fts5(text)`],
  ['statistics of ANALYZE', `ANALYZE`],
  ['a VACUUM', `VACUUM`],
  [
    'indexes on plain columns of ours',
    `CREATE INDEX by_reference ON messages(reference);
     CREATE INDEX "By sender" ON "messages" ("sender" COLLATE nocase DESC, [campaign], id ASC)`,
  ],
];

describe('a spool is used when it also has', () => {
  it.each(WELCOME)('%s', (_what, sql) => {
    const path = made(sql);
    for (const options of WAYS) expect(refusal(path, options)).toBe(null);
  });

  it('our own triggers, views and indexes in another layout', () => {
    const path = made();
    const db = new Sqlite(path);
    const rows = db
      .prepare<[], { type: string; name: string; sql: string }>(
        `SELECT type, name, sql FROM sqlite_master WHERE type <> 'table' AND sql IS NOT NULL`,
      )
      .all();
    for (const { type, name, sql } of rows) {
      const other = sql.replaceAll(/ (AND|FROM|ON|SELECT|WHEN|WHERE) /g, ' /* as it was */\n $1 ');
      db.exec(`DROP ${type} "${name}"; ${other}`);
    }
    db.close();
    expect(rows.length).toBeGreaterThan(10);
    for (const options of WAYS) expect(refusal(path, options)).toBe(null);
  });
});

describe('a spool of schema version 4', () => {
  const FIXTURE = resolve(import.meta.dirname, '../../fixtures/spool-8750d9a.db');

  function oldSpool(sql = ''): string {
    const path = join(makeFolder(), 'spool.db');
    copyFileSync(FIXTURE, path);
    change(path, sql);
    return path;
  }

  it('a spool of version 4 is migrated and then passes as a new one does', () => {
    const path = oldSpool();
    openSpool(path, { create: true }).close();
    for (const options of WAYS) expect(refusal(path, options)).toBe(null);
  });

  const CHANGED: readonly (readonly [string, string, RegExp])[] = [
    [
      'a trigger on a table that stays',
      `CREATE TRIGGER copy AFTER INSERT ON parts BEGIN SELECT 1; END`,
      /trigger "copy" on "parts"/,
    ],
    [
      'a trigger on a table that is made again',
      `CREATE TRIGGER copy AFTER INSERT ON messages BEGIN SELECT 1; END`,
      /trigger "copy" on "messages"/,
    ],
    [
      'a column too many',
      `ALTER TABLE control ADD COLUMN note TEXT`,
      /"control" has a column "note"/,
    ],
    [
      'a column of version 5',
      `ALTER TABLE messages ADD COLUMN revision INTEGER`,
      /"messages" has a column "revision"/,
    ],
    [
      'a column that is gone',
      `ALTER TABLE suppressions DROP COLUMN reason`,
      /"suppressions" lacks the column "reason"/,
    ],
    [
      'a view in the place of a table',
      `DROP TABLE control; CREATE VIEW control AS SELECT 1 AS id`,
      /"control" is replaced by a view/,
    ],
    [
      'an index of our name on another table',
      `DROP INDEX messages_due; CREATE INDEX messages_due ON parts(price)`,
      /"messages_due" is replaced by an index/,
    ],
    [
      'a table of version 5',
      `CREATE TABLE set_aside (x)`,
      /"set_aside" has a name that sms-spoold/,
    ],
    ['a table that is gone', `DROP TABLE messages`, /table "messages" is missing/],
    [
      'a table that stays in another form',
      `DROP TABLE keys; CREATE TABLE keys (key, message_id, used_at)`,
      /table "keys" is defined in another way/,
    ],
    [
      'a unique index',
      `CREATE UNIQUE INDEX one ON messages(id, reference)`,
      /index "one" on "messages" is UNIQUE/,
    ],
  ];

  it.each(CHANGED)(
    'a spool of version 4 is refused by name, and not migrated, with %s',
    (_what, sql, message) => {
      const path = oldSpool(sql);
      const error = refusal(path, { create: true });
      expect(error).toMatchObject({ code: 'foreign-schema' });
      expect((error as SpoolError).message).toMatch(message);
      const db = new Sqlite(path);
      expect(db.pragma('user_version', { simple: true })).toBe(4);
      db.close();
    },
  );

  it('a spool of version 4 is migrated whatever its triggers and indexes of rebuilt tables say', () => {
    const path = oldSpool(`DROP TRIGGER messages_use_a_key;
      CREATE TRIGGER messages_use_a_key AFTER INSERT ON messages BEGIN DELETE FROM events; END;
      DROP INDEX messages_due; CREATE INDEX messages_due ON messages(id);
      DROP TRIGGER control_columns_of_the_daemon`);
    openSpool(path, { create: true }).close();
    for (const options of WAYS) expect(refusal(path, options)).toBe(null);
  });
});

describe('a spool of another version', () => {
  function madeAt(version: number, sql: string): string {
    const path = join(makeFolder(), 'spool.db');
    change(path, `PRAGMA application_id = 0x736d7370; PRAGMA user_version = ${version}; ${sql}`);
    return path;
  }

  it('a version that was never released is refused, and its spool left untouched', () => {
    const path = madeAt(3, 'CREATE TABLE messages (id INTEGER)');
    for (const options of WAYS) {
      const error = refusal(path, options);
      expect(error).toMatchObject({ code: 'not-a-spool' });
      expect((error as SpoolError).message).toMatch(/schema version 3; .* migrates version 4/);
    }
  });

  it('a spool of an older version with the marks of a spool and somebody else’s table of our name is refused by name', () => {
    const path = madeAt(0, 'CREATE TABLE messages (id INTEGER)');
    expect(() => openSpool(path, { create: true })).toThrow(
      'the table "messages" has a name that sms-spoold uses',
    );
  });
});

describe('while a spool is open', () => {
  function opened() {
    const path = made();
    const handle = openHandle(path);
    const spool = Spool.open(path);
    return { path, spool, handle };
  }

  it('a transaction goes on after ANALYZE, VACUUM, a view and a table of an operator', () => {
    const { path, spool } = opened();
    for (const sql of ['ANALYZE', 'VACUUM', 'CREATE VIEW v AS SELECT 1', 'CREATE TABLE t (x)']) {
      change(path, sql);
      expect(spool.transaction(() => 'done')).toBe('done');
    }
    spool.close();
  });

  it.each([
    ['a trigger', `CREATE TRIGGER t AFTER UPDATE ON accounts BEGIN SELECT 1; END`],
    ['a view in the place of events', `DROP TABLE events; CREATE VIEW events AS SELECT 1 AS seq`],
    ['a column too many', `ALTER TABLE messages ADD COLUMN x`],
    ['a newer version', `PRAGMA user_version = 99; CREATE TABLE later (x)`],
  ])('a transaction does nothing after %s', (_what, sql) => {
    const { path, spool } = opened();
    change(path, sql);
    let hasRun = false;
    expect(() => spool.transaction(() => (hasRun = true))).toThrow(SpoolError);
    expect(hasRun).toBe(false);
    spool.close();
  });

  it('a statement outside a transaction reads nothing after a table became a view', () => {
    const { path, handle } = opened();
    const read = handle.db.prepare('SELECT count(*) FROM events');
    expect(read.get()).toEqual({ 'count(*)': 0 });
    change(path, `DROP TABLE events; CREATE VIEW events AS SELECT 1 AS seq`);
    expect(() => read.get()).toThrow(/events/);
    expect(() => handle.db.transaction(() => 1)()).toThrow(SpoolError);
    expect(handle.db.inTransaction).toBe(false);
  });

  it('a write outside a transaction waits for nobody and says so', () => {
    const { path, handle } = opened();
    handle.db.pragma('busy_timeout = 0');
    const other = new Sqlite(path);
    other.exec('BEGIN IMMEDIATE');
    try {
      handle.db.prepare(`DELETE FROM events`).run();
      expect.unreachable();
    } catch (error) {
      expect(isBusy(error)).toBe(true);
    }
    other.exec('ROLLBACK');
    other.close();
  });

  it('a foreign key of an operator’s own table neither blocks nor follows what we delete', () => {
    const { path, handle } = opened();
    const id = handle.drop();
    change(
      path,
      `CREATE TABLE notes (m INTEGER REFERENCES messages(id)); INSERT INTO notes VALUES (${id})`,
    );
    handle.db.prepare('DELETE FROM messages WHERE id = ?').run(id);
    expect(handle.all('SELECT m FROM notes')).toEqual([{ m: id }]);
  });
});

describe('tokensOf', () => {
  const names = new Set(['state', 'text']);

  it.each([
    ['SELECT  "State"\n FROM t -- a\n', 'select state from T'],
    ['a/* b */+[text]', 'a+text'],
    ['`text`', 'TEXT'],
  ])('tokensOf takes %j and %j for the same', (one, other) => {
    expect(tokensOf(one, names)).toEqual(tokensOf(other, names));
  });

  it.each([
    ["'state'", 'state'],
    ["'State'", "'state'"],
    ['"other"', 'other'],
    ['a < > b', 'a <> b'],
    ['a b', 'ab'],
    ["'a--b'", "'a'"],
    ['x /* never closed', 'x y'],
  ])('tokensOf takes %j and %j for different', (one, other) => {
    expect(tokensOf(one, names)).not.toEqual(tokensOf(other, names));
  });
});
