/**
 * No value in any column ends a command. One spool for each table: each of its columns holds every kind of junk,
 * each in a row of its own, as a program that switches the constraints off can leave it. The commands run in this
 * process.
 */
import Sqlite, { type Database, type Statement } from 'better-sqlite3';
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/program.ts';
import { RECENT_TABLE } from '../../src/spool/schema/schema.ts';
import { openSpool } from '../../src/spool/file/open.ts';
import { withoutTriggers } from '../support/junk.ts';

const FIXTURE = resolve(import.meta.dirname, '../fixtures/spool-8750d9a.db');
/** SQL of each value. */
const JUNK = [
  `x'ff0041'`,
  `x''`,
  'NULL',
  `''`,
  `'junk'`,
  `'a' || char(0) || 'b'`,
  '9e999',
  '-9e999',
  '9223372036854775807',
  '-9223372036854775808',
  '9007199254740995',
  '1.7e308',
  '-1',
  '0.5',
  `hex(zeroblob(60000))`,
  `zeroblob(120000)`,
  `CAST(x'eda080' AS TEXT)`,
  `CAST(x'ff41' AS TEXT)`,
  `char(27) || '[31m' || char(155) || char(8238)`,
  `'{"at":"x","lastId":null}'`,
  `'[[]]'`,
] as const;

/** Tables that are spoiled together: no junk of one hides that of another. */
const GROUPS: readonly (readonly string[])[] = [
  ['messages'],
  ['attempts', 'parts'],
  ['receipts', 'events', 'keys', 'suppressions', 'set_aside'],
  ['accounts', 'senders', 'control', 'caps', 'recent'],
  ['spool'],
];

/** More than columns of a table times kinds of junk. */
const ROWS = 800;

let folder: string;
let base: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sms-spoold-junk-'));
  base = join(folder, 'base.db');
  copyFileSync(FIXTURE, base);
  openSpool(base, { create: true }).close();
  const db = new Sqlite(base);
  db.exec(RECENT_TABLE);
  withoutTriggers(db, () => fill(db));
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
  writeFileSync(
    join(folder, 'sms-spoold.toml'),
    `[spool]\npath = "spool.db"\n[log]\nfile = "none.log"\n[admin]\nlisten = "127.0.0.1:1"\n` +
      `[accounts.main]\napi_key = "abcd1234"\napi_secret = "s"\nsender = "AcmeInc"\nrate = 10\n`,
  );
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/* ROWS rows of each table, in addition to those of the fixture. */
function fill(db: Database): void {
  const each = `WITH RECURSIVE n(n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM n WHERE n < ${999 + ROWS})`;
  db.pragma('foreign_keys = OFF');
  db.exec(`
    ${each} INSERT INTO messages (id, recipient, text) SELECT n, '447700900' || substr(n, 2), 'x' FROM n;
    ${each} INSERT INTO attempts (message_id, number, began_at, client_ref) SELECT n, 1, 1.79e9, n FROM n;
    ${each} INSERT INTO parts (message_id, attempt, number, status) SELECT n, 1, 1, 0 FROM n;
    ${each} INSERT INTO receipts (received_at, message_id, attempt, raw, digest)
      SELECT 1.79e9, CASE WHEN n % 2 THEN n END, CASE WHEN n % 2 THEN 1 END, '{}', n FROM n;
    ${each} INSERT INTO events (at, message_id, event) SELECT 1.79e9, n, 'message.queued' FROM n;
    ${each} INSERT INTO keys SELECT 'key-' || n, n, 1 FROM n;
    ${each} INSERT INTO suppressions (recipient) SELECT '44770090' || n FROM n;
    ${each} INSERT INTO set_aside SELECT n, 1, 1, 'main', 'AcmeInc', 'reason' FROM n;
    ${each} INSERT INTO accounts (name, since) SELECT 'account-' || n, 1 FROM n;
    ${each} INSERT INTO senders (account, sender, since) SELECT 'main', 'S' || n, 1 FROM n;
    ${each} INSERT INTO control (verb, account) SELECT 'pause', 'account-' || n FROM n;
    ${each} INSERT INTO spool SELECT 'pruned-' || n, '[]' FROM n;
    ${each} INSERT INTO caps SELECT 'main', 'sender', 'S' || n, 'day', 'request', 'UTC', 5, 1, NULL, '{}' FROM n;
    ${each} INSERT INTO recent SELECT '4477009' || n, '', 1, 1 FROM n;`);
}

/** Junk for each column of a table, each in a row of its own. Returns the rows that took it, by id of the message. */
function spoil(db: Database, table: string): readonly number[] {
  const { wr } = (db.pragma(`table_list(${table})`) as { wr: number }[])[0] ?? { wr: 0 };
  const columns = db.pragma(`table_info(${table})`) as { name: string; pk: number }[];
  const keys = wr === 1 ? columns.filter(({ pk }) => pk > 0).map(({ name }) => name) : ['rowid'];
  const rows = db.prepare(`SELECT ${keys.join()} FROM ${table} ORDER BY 1 DESC LIMIT ${ROWS}`);
  const free = rows.raw().all() as unknown[][];
  expect(free.length).toBeGreaterThanOrEqual(columns.length * JUNK.length);
  const where = keys.map((name) => `${name} IS ?`).join(' AND ');
  const taken: number[] = [];
  for (const { name } of columns) {
    for (const junk of JUNK) {
      const key = free.shift() ?? [];
      const update = db.prepare(`UPDATE ${table} SET ${name} = ${junk} WHERE ${where}`);
      if (isTaken(update, key)) taken.push(Number(key[0]));
    }
  }
  return taken;
}

/* NOT NULL, the type of a rowid, and keys that must differ are kept even with the constraints off. */
function isTaken(update: Statement, key: readonly unknown[]): boolean {
  try {
    return update.run(...key).changes > 0;
  } catch (error) {
    if (!(error instanceof Sqlite.SqliteError)) throw error;
    if (!/^SQLITE_(?:CONSTRAINT|MISMATCH)/.test(error.code)) throw error;
    return false;
  }
}

interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function command(args: readonly string[]): Promise<Said> {
  const said = { out: '', err: '' };
  process.exitCode = undefined;
  const taking = [
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      said.out += String(text);
      return true;
    }),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      said.err += String(text);
      return true;
    }),
  ];
  try {
    const code = await main(['--config', join(folder, 'sms-spoold.toml'), ...args]);
    return { code, ...said };
  } finally {
    for (const spy of taking) spy.mockRestore();
    process.exitCode = undefined;
  }
}

const COMMANDS: readonly (readonly string[])[] = [
  ['list', '--limit', '1000'],
  ['list', '--limit', '1000', '--json'],
  ['list', '--unmatched'],
  ['list', '--unmatched', '--json'],
  ['stats'],
  ['stats', '--json'],
  ['stats', '--lanes'],
  ['stats', '--lanes', '--json'],
  ['top', '--once'],
  ['top', '--json'],
  ['log', '--spool', '-n', '1000'],
  ['log', '--spool', '-n', '1000', '--json'],
  ['suppressed'],
  ['suppressed', '--json'],
  ['check', '--offline'],
  ['check', '--offline', '--json'],
  ['prune', '--older-than', '1d', '--dry-run', '--json'],
];

/** Last, because they change the spool. */
const WRITING: readonly (readonly string[])[] = [
  ['send', '447700900999', 'x'],
  ['suppress', '447700900998'],
  ['unsuppress', '447700900998'],
  ['cancel', '1', '--wait', '0'],
  ['pause', 'main', '--wait', '0'],
  ['backup', 'copy.db'],
  ['prune', '--older-than', '1s', '--archive', 'archive.db'],
];

const TABLES_OF_ONE = ['messages', 'attempts', 'parts', 'receipts', 'events'];

/* `why` takes all at once; `show` one in 16, which has no divisor in common with the kinds of junk. */
function aboutOne(ids: readonly number[]): readonly (readonly string[])[] {
  const shown = ids.filter((_id, index) => index % 16 === 0);
  return [
    ...shown.map((id, index) => ['show', String(id), ...(index % 2 === 0 ? ['--json'] : [])]),
    ['why', ...ids.map(String)],
    ['why', ...ids.map(String), '--json'],
  ];
}

describe('no value ends a command, in a column of', () => {
  it('every table of the spool: none is left out', () => {
    const db = new Sqlite(base);
    const tables = db.prepare(
      `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`,
    );
    expect(tables.pluck().all().sort()).toEqual(GROUPS.flat().sort());
    db.close();
  });

  it.each(GROUPS.map((tables) => [tables.join(', '), tables] as const))(
    '%s',
    async (_names, tables) => {
      const path = join(folder, 'spool.db');
      for (const name of ['spool.db', 'spool.db-wal', 'spool.db-shm', 'copy.db', 'archive.db']) {
        rmSync(join(folder, name), { force: true });
      }
      copyFileSync(base, path);
      const db = new Sqlite(path);
      db.pragma('ignore_check_constraints = ON');
      db.pragma('foreign_keys = OFF');
      const ids = [1, 2, 3];
      withoutTriggers(db, () => {
        for (const table of tables) {
          const taken = spoil(db, table);
          expect(taken.length).toBeGreaterThan(JUNK.length);
          if (TABLES_OF_ONE.includes(table)) ids.push(...taken);
        }
      });
      db.close();
      const wrong: string[] = [];
      for (const args of [...COMMANDS, ...aboutOne(ids), ...WRITING]) {
        const named = args.map((arg) => (arg.endsWith('.db') ? join(folder, arg) : arg));
        const { code, err } = await command(named);
        if (/this is a bug|Error:/.test(err) || ![0, 1, 75].includes(code)) {
          wrong.push(`${args.slice(0, 4).join(' ')}: ${code} ${err.slice(0, 600)}`);
        }
      }
      expect(wrong).toEqual([]);
      expect(existsSync(join(folder, 'copy.db'))).toBe(true);
    },
    240_000,
  );
});
