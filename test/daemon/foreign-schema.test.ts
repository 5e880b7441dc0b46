// What a member of the spool's group changes of its schema while the daemon runs.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import Sqlite from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SpoolError } from '../../src/spool/sql/spool-errors.ts';
import { startSandbox } from '../../src/sandbox/sandbox-gateway.ts';
import { ended, MAIN, Program } from '../cli/program.ts';
import { setup } from '../support/daemon.ts';

function change(path: string, sql: string): void {
  const db = new Sqlite(path, { timeout: 5_000 });
  db.exec(sql);
  db.close();
}

/* To another recipient, as soon as the daemon claims. */
const REDIRECT = `CREATE TRIGGER redirect AFTER UPDATE OF state ON messages WHEN new.state = 'sending'
  BEGIN UPDATE messages SET text = 'stolen' WHERE id = new.id; END`;
const ENDLESS = `CREATE TRIGGER endless BEFORE INSERT ON attempts BEGIN
  SELECT count(*) FROM (WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n); END`;
const ENDLESS_VIEW = `DROP TABLE events; CREATE VIEW events AS
  WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS seq FROM n`;
const VIEW = 'DROP TABLE events; CREATE VIEW events AS SELECT 1 AS seq';

const CHANGES = [
  ['a trigger that changes a text', REDIRECT],
  ['a trigger that never ends', ENDLESS],
  ['events replaced by a view', VIEW],
  ['events replaced by a view that never ends', ENDLESS_VIEW],
  [
    'messages replaced by a view',
    `ALTER TABLE messages RENAME TO m; CREATE VIEW messages AS SELECT * FROM m`,
  ],
  ['a unique index', `CREATE UNIQUE INDEX one ON attempts(http_status)`],
  ['an index that is gone', `DROP INDEX messages_ready`],
] as const;

describe('a daemon that runs', () => {
  it.each(CHANGES)(
    'a daemon that runs stops at once, says it once and sends nothing more after %s',
    async (_what, sql) => {
      const bundle = await setup();
      const first = bundle.drop();
      await bundle.untilState(first, 'await-receipt');
      const requests = bundle.sandbox.ledger.counters.requests;
      change(bundle.path, `BEGIN; ${sql}; INSERT INTO keys VALUES ('k', 0, 0); COMMIT`);
      await bundle.until(() => bundle.fatal.length > 0, 'the end');
      expect(bundle.fatal).toHaveLength(1);
      expect(bundle.fatal[0]).toBeInstanceOf(SpoolError);
      expect(bundle.fatal[0]).toMatchObject({ code: 'foreign-schema' });
      await bundle.stop();
      expect(bundle.lines('daemon.failed')).toHaveLength(1);
      expect(bundle.sandbox.ledger.counters.requests).toBe(requests);
    },
  );

  it.each([
    ['ANALYZE', 'ANALYZE'],
    ['a view', 'CREATE VIEW sent AS SELECT * FROM messages'],
    [
      'a table and a trigger of an operator',
      `CREATE TABLE notes (n);
       CREATE TRIGGER note AFTER INSERT ON notes BEGIN DELETE FROM notes; END`,
    ],
    ['VACUUM', 'VACUUM'],
  ])('a daemon that runs goes on after %s', async (_what, sql) => {
    const bundle = await setup();
    await bundle.untilState(bundle.drop(), 'await-receipt');
    change(bundle.path, sql);
    await bundle.untilState(bundle.drop(), 'await-receipt');
    expect(bundle.fatal).toEqual([]);
  });
});

describe('the process of a daemon', () => {
  it.each([
    ['events became a view', VIEW],
    ['a trigger was made that never ends', ENDLESS],
  ])('the process of a daemon ends with 78 and one line after %s', async (_what, sql) => {
    using program = new Program('').init();
    const gateway = await startSandbox({ accounts: { k: { rate: null } } });
    onTestFinished(() => gateway.close());
    program.write(
      'sms-spoold.toml',
      `[spool]\npath = "spool.db"\n[receipts]\nexpect = false\n[admin]\nlisten = "127.0.0.1:0"\n[accounts.main]\n` +
        `api_key = "k"\napi_secret = "abcd"\nsender = "AcmeInc"\nrate = 100\nbase_url = "${gateway.url}"\n`,
    );
    const child = spawn(process.execPath, [MAIN, 'run', '--config', 'sms-spoold.toml'], {
      cwd: program.folder,
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const lines: string[] = [];
    const reader = createInterface({ input: child.stdout });
    const isReady = new Promise<void>((resolve) => {
      reader.on('line', (line) => {
        lines.push(line);
        if (line.includes('daemon.ready')) resolve();
      });
    });
    const end = ended(child);
    await Promise.race([isReady, once(child, 'exit')]);
    change(program.spoolPath, sql);
    change(
      program.spoolPath,
      `INSERT INTO messages (recipient, text) VALUES ('447700900001', 'x')`,
    );
    const { code, stderr } = await end;
    expect(code).toBe(78);
    expect(stderr).toMatch(/^sms-spoold: .*(?:events|endless).*\n$/);
    expect(lines.filter((line) => line.includes('daemon.failed'))).toHaveLength(1);
  });
});
