/** `prune`: what is deleted, what is moved, and what a kill at any moment leaves. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ended, MAIN, Program } from './program.ts';

const DAY_S = 86_400;
const TABLES = ['messages', 'attempts', 'parts', 'receipts', 'events'] as const;
const KILL_AFTER = resolve(import.meta.dirname, '../crash/kill-after-statements.ts');

let program: Program;
beforeEach(() => {
  program = new Program().init();
});
afterEach(() => program[Symbol.dispose]());

/** Messages that ended so many days ago, each with all that can hang on one. */
function fill(count: number, daysAgo: number, state = 'delivered'): void {
  const db = program.open();
  const at = Date.now() / 1000 - daysAgo * DAY_S;
  const insert = db.prepare(
    'INSERT INTO messages (recipient, text, idempotency_key) VALUES (?, ?, ?)',
  );
  db.transaction(() => {
    for (let index = 0; index < count; index += 1) {
      const key = `${state}-${daysAgo}-${index}`;
      const id = Number(insert.run('447700900000', `number ${index}`, key).lastInsertRowid);
      db.prepare(
        'UPDATE messages SET revision = revision + 1, state = ?, updated_at = ? WHERE id = ?',
      ).run(state, at, id);
      db.exec(`INSERT INTO attempts (message_id, number, began_at, client_ref) VALUES (${id}, 1, 0, 'x');
        INSERT INTO parts (message_id, attempt, number) VALUES (${id}, 1, 1);
        INSERT INTO receipts (received_at, message_id, raw, digest) VALUES (0, ${id}, '', 'd');
        INSERT INTO events (at, message_id, event) VALUES (0, ${id}, 'message.delivered')`);
    }
  })();
  db.close();
}

type Content = Readonly<Record<string, readonly unknown[]>>;

/** All rows of messages, by table, in the order of their keys. */
function contentOf(path: string): Content {
  const db = new Sqlite(path);
  const rows = TABLES.map((table) => [
    table,
    db.prepare(`SELECT * FROM ${table} ORDER BY 1, 2, 3`).all(),
  ]);
  db.close();
  return Object.fromEntries(rows) as Content;
}

const counts = (content: Content): readonly number[] =>
  TABLES.map((table) => content[table]?.length ?? 0);

describe('prune', () => {
  it('prune deletes what ended longer ago than it is told, with all that hangs on it', async () => {
    fill(5, 10);
    fill(3, 2);
    fill(1, 40, 'await-receipt');
    const { code, stdout } = await program.run(['prune', '--older-than', '7d']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Deleted 5 messages that ended before 20\d\d-.*\.\n$/);
    expect(counts(contentOf(program.spoolPath))).toEqual([4, 4, 4, 4, 4]);
    expect(program.value('SELECT count(*) FROM keys')).toBe(9);
  });

  it('prune goes by spool.retention where nothing else is said, which is 30 days', async () => {
    fill(2, 31);
    fill(2, 29);
    await program.run(['prune']);
    expect(program.value('SELECT count(*) FROM messages')).toBe(2);
  });

  it('prune asks how old where everything is kept', async () => {
    const accounts = '[accounts.main]\napi_key = "abcd1234"\napi_secret = "s"\n';
    program.write(
      'sms-spoold.toml',
      `[spool]\npath = "spool.db"\nretention = "never"\n${accounts}`,
    );
    const { code, stderr } = await program.run(['prune']);
    expect(code).toBe(64);
    expect(stderr).toContain('say how old with --older-than');
  });

  it('prune only counts where it is a dry run', async () => {
    fill(4, 10);
    fill(2, 10, 'expired');
    const { stdout } = await program.run(['prune', '--older-than', '7d', '--dry-run']);
    expect(stdout).toMatch(
      /^Would delete 6 messages \(delivered 4, expired 2\) that ended before /,
    );
    const json = await program.run(['prune', '--older-than', '7d', '--dry-run', '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({
      found: 6,
      pruned: 0,
      dry_run: true,
      states: { delivered: 4, expired: 2 },
    });
    expect(program.value('SELECT count(*) FROM messages')).toBe(6);
  });

  it('prune leaves what the application has still to be told of', async () => {
    const notify = '[notify]\nurl = "http://127.0.0.1:1/"\nsecret = "whsec_c2VjcmV0"\n';
    const accounts = '[accounts.main]\napi_key = "abcd1234"\napi_secret = "s"\n';
    program.write('sms-spoold.toml', `[spool]\npath = "spool.db"\n${accounts}${notify}`);
    fill(6, 40);
    program.exec(`INSERT INTO spool (name, value) VALUES ('notify-cursor', '4')`);
    const { stdout } = await program.run(['prune']);
    expect(stdout).toMatch(
      /^2 messages stay, because \[notify\] has not reported them yet\. Deleted 4 messages /,
    );
  });
});

describe('prune --archive', () => {
  it('prune --archive moves messages to a file that holds all of what they were, and is no spool', async () => {
    fill(450, 10);
    fill(2, 1);
    const before = contentOf(program.spoolPath);
    const { code, stdout } = await program.run([
      'prune',
      '--older-than',
      '7d',
      '--archive',
      'old.db',
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Moved 450 messages to .*old\.db that ended before /);
    const old = join(program.folder, 'old.db');
    const [moved, left] = [contentOf(old), contentOf(program.spoolPath)];
    for (const table of TABLES) {
      expect([...(moved[table] ?? []), ...(left[table] ?? [])]).toEqual(before[table]);
    }
    expect(counts(left)).toEqual([2, 2, 2, 2, 2]);
    program.write('other.toml', `[spool]\npath = "old.db"\n`);
    const opened = await program.run(['--config', 'other.toml', 'list']);
    expect(opened.stderr).toContain('not a spool of sms-spoold');
  });

  it('prune --archive adds to an archive of the same spool, and refuses any other file', async () => {
    fill(2, 10);
    const args = ['prune', '--older-than', '7d', '--archive', 'old.db'];
    await program.run(args);
    fill(3, 9);
    await program.run(args);
    expect(counts(contentOf(join(program.folder, 'old.db')))).toEqual([5, 5, 5, 5, 5]);
    fill(1, 8);
    program.exec(`UPDATE spool SET value = 'another' WHERE name = 'tag-key'`);
    const other = await program.run(args);
    expect(other).toMatchObject({ code: 1 });
    expect(other.stderr).toContain('archive of another spool');
    program.write('text.db', 'no database at all, but a text that is long enough to be looked at');
    const text = await program.run([...args.slice(0, -1), 'text.db']);
    expect(text).toMatchObject({ code: 1 });
    expect(program.value('SELECT count(*) FROM messages')).toBe(1);
  });

  it('prune --archive takes an idempotency key that was used again after it was forgotten', async () => {
    const args = ['prune', '--older-than', '7d', '--archive', 'old.db'];
    for (const count of [1, 2]) {
      fill(1, 10);
      expect(await program.run(args)).toMatchObject({ code: 0 });
      program.exec('DELETE FROM keys');
      expect(counts(contentOf(join(program.folder, 'old.db')))[0]).toBe(count);
    }
  });

  it.each([
    ['a CHECK', `CREATE TABLE messages (id INTEGER PRIMARY KEY, x TEXT CHECK (x <> 'evil'))`],
    ['a view', `CREATE VIEW messages AS SELECT 'evil' AS id`],
    [
      'statements in its text',
      `CREATE TABLE messages (id INTEGER PRIMARY KEY, x TEXT DEFAULT ';
       CONSTRAINT idempotency_key_is_used_once UNIQUE; ATTACH ''evil.db'' AS evil; ')`,
    ],
  ])(
    'prune --archive makes no file from a table that somebody made again with %s',
    async (_what, sql) => {
      program.exec(`DROP VIEW v_messages; DROP TABLE messages; ${sql}`);
      const { code, stderr } = await program.run([
        'prune',
        '--older-than',
        '7d',
        '--archive',
        'old.db',
      ]);
      expect(code).toBe(78);
      expect(stderr).toMatch(/^sms-spoold: .*spool\.db: the (?:table|view) "\w+" .*\n$/);
      expect(existsSync(join(program.folder, 'old.db'))).toBe(false);
      expect(existsSync(join(program.folder, 'evil.db'))).toBe(false);
    },
  );

  it('prune --archive refuses an archive that somebody gave a trigger', async () => {
    fill(1, 10);
    const args = ['prune', '--older-than', '7d', '--archive', 'old.db'];
    await program.run(args);
    const archive = new Sqlite(join(program.folder, 'old.db'));
    archive.exec(`CREATE TRIGGER t AFTER INSERT ON messages BEGIN DELETE FROM messages; END`);
    archive.close();
    fill(1, 9);
    const { code, stderr } = await program.run(args);
    expect(code).toBe(78);
    expect(stderr).toContain('old.db: the trigger "t" on "messages"');
    expect(program.value('SELECT count(*) FROM messages')).toBe(1);
  });

  it('killed after any statement, has lost nothing and has nothing twice', async () => {
    fill(5, 10);
    const before = contentOf(program.spoolPath);
    const old = join(program.folder, 'old.db');
    const args = ['prune', '--older-than', '7d', '--archive', 'old.db'];
    let kills = 0;
    for (let statements = 1; ; statements += 1) {
      const child = spawn(process.execPath, ['--import', KILL_AFTER, MAIN, ...args], {
        cwd: program.folder,
        env: { PATH: process.env['PATH'] ?? '', SMS_SPOOLD_KILL_AFTER: String(statements) },
      });
      const { code, stderr } = await ended(child);
      expect(stderr).toBe('');
      const left = contentOf(program.spoolPath);
      if (code === 0) {
        expect(counts(left)).toEqual([0, 0, 0, 0, 0]);
        break;
      }
      kills += 1;
      if (counts(left)[0] !== 5) continue;
      expect(left).toEqual(before);
    }
    expect(contentOf(old)).toEqual(before);
    expect(kills).toBeGreaterThan(20);
  }, 300_000);
});
