/**
 * What a hostile member tries: one row an attempt. `before` prepares it while nobody works, `during` while the daemon
 * runs. To add one, add a row.
 */
import type { World } from './world.ts';

export interface Attempt {
  readonly name: string;
  readonly before?: (world: World) => Promise<void>;
  readonly during?: (world: World) => Promise<void>;
  /** The commands that open what the member prepared; default: those that open the spool. */
  readonly against?: 'log' | 'archive' | 'backup' | 'configuration';
  /** The daemon must come up and stay: what the member did is allowed. */
  readonly mustWork?: true;
  /** What the daemon, or a command, must say about it. */
  readonly named?: RegExp;
}

const script =
  (source: string) =>
  (world: World): Promise<void> =>
    world.memberScript(source);
const sql =
  (text: string) =>
  (world: World): Promise<void> =>
    world.member(text);

const replace = (name: string, make: string): ((world: World) => Promise<void>) =>
  script(`fs.rmSync(${JSON.stringify(name)}, { force: true }); ${make}`);
const link = (name: string, target: string): ((world: World) => Promise<void>) =>
  replace(name, `fs.symlinkSync(${target}, ${JSON.stringify(name)})`);
const pipe = (name: string): ((world: World) => Promise<void>) =>
  replace(
    name,
    `process.getBuiltinModule('node:child_process').execFileSync('mkfifo', [${JSON.stringify(name)}])`,
  );

const ENDLESS = `WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT`;
/** Escape sequences, C1, and the characters that turn the direction of writing. */
const ESCAPES = `char(27) || ']0;owned' || char(7) || char(155) || '31m' || char(8238) || char(8232) || char(917569)`;

const FILES: readonly Attempt[] = [
  {
    name: 'spool.db as a dangling link',
    before: link('spool.db', `world.decoy + '/new.db'`),
    named: /link/,
  },
  {
    name: 'spool.db as a link to a file of root',
    before: link('spool.db', `world.decoy + '/root.txt'`),
    named: /link/,
  },
  {
    name: 'spool.db as a link to a file of the daemon',
    before: link('spool.db', `world.daemonHome + '/empty'`),
    named: /link/,
  },
  {
    name: 'spool.db with a second name',
    before: script(`fs.linkSync('spool.db', 'second.db')`),
    named: /spool\.db/,
  },
  {
    name: 'spool.db as a hard link to a file of the member',
    before: replace('spool.db', `fs.linkSync(world.memberHome + '/own.txt', 'spool.db')`),
    named: /spool\.db/,
  },
  {
    name: 'spool.db as a copy that the member owns',
    before: script(`fs.copyFileSync('spool.db', 'copy.db'); fs.renameSync('copy.db', 'spool.db')`),
    named: /spool\.db/,
  },
  {
    name: 'spool.db as a folder',
    before: replace('spool.db', `fs.mkdirSync('spool.db')`),
    named: /spool\.db/,
  },
  { name: 'a pipe in the place of spool.db', before: pipe('spool.db'), named: /spool\.db/ },
  { name: 'a pipe in the place of -wal', before: pipe('spool.db-wal'), named: /-wal/ },
  { name: 'a pipe in the place of -shm', before: pipe('spool.db-shm'), named: /-shm/ },
  { name: 'a pipe in the place of .lock', before: pipe('spool.db.lock'), named: /\.lock/ },
  {
    name: '-wal as a link to a file of root',
    before: link('spool.db-wal', `world.decoy + '/empty'`),
    named: /-wal/,
  },
  {
    name: '-shm as a link to a file of the daemon',
    before: link('spool.db-shm', `world.daemonHome + '/empty'`),
    named: /-shm/,
  },
  {
    name: '-journal as a link to a file of the daemon',
    before: link('spool.db-journal', `world.daemonHome + '/authorized_keys'`),
  },
  {
    name: '.lock as a link to a file of the daemon',
    before: link('spool.db.lock', `world.daemonHome + '/authorized_keys'`),
    named: /\.lock/,
  },
  {
    name: '.lock as a hard link to a file of the member',
    before: replace('spool.db.lock', `fs.linkSync(world.memberHome + '/own.txt', 'spool.db.lock')`),
    named: /\.lock/,
  },
  {
    name: 'a -wal and a -shm that the member owns',
    mustWork: true,
    before: script(`const db = new Sqlite('spool.db'); held.push(db);
      db.exec("INSERT INTO messages (recipient, text) VALUES ('447700900002', 'x')")`),
  },
  {
    name: 'the status log as a link to a file of the daemon',
    against: 'log',
    named: /is a link in a folder that others may write to/,
    before: link('status.log', `world.daemonHome + '/authorized_keys'`),
  },
  {
    name: 'the status log as a hard link to a file of the member',
    against: 'log',
    named: /is a link in a folder that others may write to/,
    before: replace('status.log', `fs.linkSync(world.memberHome + '/own.txt', 'status.log')`),
  },
  {
    name: 'a status log that the member owns',
    against: 'log',
    named: /belongs to another user/,
    before: script(`fs.writeFileSync('status.log', ''); fs.chmodSync('status.log', 0o666)`),
  },
  {
    name: 'a pipe in the place of the status log, which the member reads',
    against: 'log',
    named: /belongs to another user/,
    before:
      script(`process.getBuiltinModule('node:child_process').execFileSync('mkfifo', ['-m', '666', 'status.log']);
      const fd = fs.openSync('status.log', fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
      held.push({ close: () => fs.closeSync(fd) })`),
  },
  {
    name: 'an archive as a link to an empty file of the daemon',
    before: link('archive.db', `world.daemonHome + '/empty'`),
    against: 'archive',
    named: /archive\.db/,
  },
  {
    name: 'an archive as a dangling link',
    before: link('archive.db', `world.daemonHome + '/new.db'`),
    against: 'archive',
    named: /archive\.db/,
  },
  {
    name: 'a backup as a dangling link',
    before: link('backup.db', `world.daemonHome + '/new.db'`),
    against: 'backup',
    named: /backup\.db/,
  },
  {
    name: 'a home with files that shells and sqlite3 read',
    mustWork: true,
    before:
      script(`for (const name of ['.sqliterc', '.profile', '.bashrc', '.npmrc', '.node_repl_history'])
      fs.writeFileSync(name, 'touch ' + world.daemonHome + '/owned\\n.shell touch ' + world.daemonHome + '/owned\\n')`),
  },
  {
    name: 'a lock on spool.db that is never released',
    before: script(`const db = new Sqlite('spool.db'); held.push(db); db.exec('BEGIN IMMEDIATE')`),
  },
  {
    name: 'a lock on .lock that is never released',
    before: script(
      `const db = new Sqlite('spool.db.lock'); held.push(db); db.exec('BEGIN EXCLUSIVE')`,
    ),
  },
  {
    name: 'spool.db replaced by a link while the daemon runs',
    during: link('spool.db', `world.daemonHome + '/empty'`),
  },
  { name: '.lock removed while the daemon runs', during: replace('spool.db.lock', '') },
];

const SCHEMA: readonly Attempt[] = [
  {
    name: 'messages made again with SQL in its text',
    named: /messages/,
    before: sql(`DROP VIEW v_messages; DROP TABLE messages;
      CREATE TABLE messages (id INTEGER PRIMARY KEY, x TEXT DEFAULT '; ATTACH ''evil.db'' AS e; CREATE TABLE e.t (x); ')`),
  },
  {
    name: 'a trigger that redirects messages',
    named: /redirect/,
    before: sql(`CREATE TRIGGER redirect AFTER UPDATE OF state ON messages
      BEGIN UPDATE messages SET recipient = '447700900666' WHERE id = new.id; END`),
  },
  {
    name: 'a trigger that never ends',
    named: /endless/,
    before: sql(`CREATE TRIGGER endless BEFORE INSERT ON attempts BEGIN
      SELECT count(*) FROM (${ENDLESS} x FROM n); END`),
  },
  {
    name: 'a view that never ends in the place of messages',
    named: /messages/,
    before: sql(`DROP VIEW v_messages; DROP TABLE messages;
      CREATE VIEW messages AS ${ENDLESS} x AS id FROM n`),
  },
  {
    name: 'a virtual table in the place of keys',
    named: /keys/,
    before: sql(`DROP TABLE keys; CREATE VIRTUAL TABLE keys USING fts5(key, message_id, used_at)`),
  },
  {
    name: 'a table that hides json_each',
    named: /json_each/,
    before: sql(`CREATE TABLE json_each (value)`),
  },
  {
    name: 'a generated column',
    named: /evil/,
    before: sql(`ALTER TABLE events ADD COLUMN evil AS (hex(zeroblob(100000000)))`),
  },
  {
    name: 'a unique index',
    named: /evil/,
    before: sql(`CREATE UNIQUE INDEX evil ON attempts(route)`),
  },
  {
    name: 'a trigger made while the daemon runs',
    named: /redirect/,
    during: sql(`CREATE TRIGGER redirect AFTER UPDATE OF state ON messages
      BEGIN UPDATE messages SET recipient = '447700900666' WHERE id = new.id; END;
      INSERT INTO keys VALUES ('k', 0, 0)`),
  },
  {
    name: 'events replaced by a view while the daemon runs',
    named: /events/,
    during: sql(`DROP TABLE events; CREATE VIEW events AS SELECT 1 AS seq;
      INSERT INTO keys VALUES ('k', 0, 0)`),
  },
];

const VALUES: readonly Attempt[] = [
  {
    name: 'escape sequences in every text, date and state',
    mustWork: true,
    before: sql(`UPDATE messages SET reference = ${ESCAPES}, revision = revision + 1;
      INSERT INTO messages (recipient, text, reference, campaign) VALUES ('447700900003', ${ESCAPES}, ${ESCAPES}, ${ESCAPES});
      INSERT INTO suppressions (recipient, reason) VALUES ('447700900004', ${ESCAPES});
      INSERT INTO accounts (name, state, reason, since) VALUES (${ESCAPES}, ${ESCAPES}, ${ESCAPES}, ${ESCAPES});
      INSERT INTO attempts (message_id, number, began_at, client_ref, error_text) VALUES (1, 1, ${ESCAPES}, ${ESCAPES}, ${ESCAPES});
      INSERT INTO receipts (received_at, raw, digest, gateway_id) VALUES (${ESCAPES}, 'x', 'x', ${ESCAPES});
      INSERT INTO events (at, event, from_state, to_state, reason, message_id) VALUES (${ESCAPES}, ${ESCAPES}, ${ESCAPES}, ${ESCAPES}, ${ESCAPES}, 1)`),
  },
  {
    name: 'BLOBs and infinities in every column',
    before: sql(`
      INSERT INTO accounts (name, state, since) VALUES (x'ff', x'ff', 9e999);
      INSERT INTO senders (account, sender, state, since) VALUES (x'ff', x'00', x'ff', -9e999);
      INSERT INTO attempts (message_id, number, began_at, client_ref, status) VALUES (1, 1, x'ff', x'ff', 9e999);
      INSERT INTO parts (message_id, attempt, number, gateway_id, price) VALUES (1, 1, 1, x'ff', 9e999);
      INSERT INTO receipts (received_at, raw, digest, message_id, gateway_id) VALUES (x'ff', x'ff', x'ff', 1, x'ff');
      INSERT INTO events (at, event, message_id) VALUES (9e999, x'ff', 1);
      INSERT INTO suppressions (recipient, reason, since) VALUES (x'ff', x'ff', x'ff');
      INSERT INTO caps VALUES ('main', 'account', x'ff', 'day', x'ff', x'ff', 9e999, 9e999, x'ff', x'ff')`),
  },
  {
    name: 'junk where the spool keeps its own notes',
    before: sql(`UPDATE spool SET value = x'ff' WHERE name <> 'tag-key';
      INSERT OR REPLACE INTO spool VALUES ('runs', '{'), ('restored', 'null'), ('old-tag-keys', '{}'), ('pruned-to', 'x'), ('notify-cursor', x'00')`),
  },
  {
    name: 'a restored mark that the member made',
    before: sql(`INSERT OR REPLACE INTO spool VALUES ('backup', '{"at":"x"}')`),
  },
  {
    name: 'the highest id of a message that there is',
    before: sql(`UPDATE sqlite_sequence SET seq = 9223372036854775807 WHERE name = 'messages'`),
  },
  {
    name: 'a configuration in the spool’s folder',
    against: 'configuration',
    named: /sms-spoold\.toml/,
    before: script(`fs.writeFileSync('sms-spoold.toml',
      '[spool]\\npath = "spool.db"\\n[accounts.main]\\napi_key = "k"\\nsender = "x"\\nrate = 1\\nbase_url = "' + world.collectorUrl + '"\\napi_secret = { env = "VONAGE_API_SECRET" }\\n')`),
  },
  {
    name: 'a configuration as a link to a file of root',
    against: 'configuration',
    named: /sms-spoold\.toml/,
    before: link('sms-spoold.toml', `world.decoy + '/root.txt'`),
  },
];

export const ATTEMPTS: readonly Attempt[] = [...FILES, ...SCHEMA, ...VALUES];
