/**
 * `npm run bench:week`: a week of a busy account in fast motion. What is pruned must leave the file, the -wal,
 * memory and queries as they were.
 *
 *   node test/bench/week.ts [--messages 3000000] [--days 7] [--no-reader]
 *
 * An hour is over when nearly all of its messages are delivered; then the daemon's clock is moved to the next.
 * Retention is a day, keys are kept for two, a tenth of the messages have one, every message gets a receipt, and
 * two connections read all the time. Sizes are the largest of each day. Queries are asked of the spool of the
 * last day and of a copy of the first day's, page for page, in turn. Reports only: the exit code is 0 whatever it
 * finds.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { walSize } from '../../src/spool/file/wal.ts';
import { openSpool, type Database } from '../../src/spool/file/open.ts';
import { storageOf } from '../../src/spool/read/statistics.ts';
import { READY } from '../../src/spool/schema/schema.ts';
import { monotonicMs } from './clock.ts';
import { startDaemon, type Daemon } from './daemon.ts';
import { freePort } from './servers.ts';
import { median, memory, startScript, temporaryFolder, ROOT } from './support.ts';
import { table, whole } from './table.ts';

const HOURS = 24;
const HOUR_S = 3_600;
/** The next hour begins when so much of this one is left. */
const LEFT = 0.1;
const TRIES = 9;
const MIB = 1024 ** 2;
const STUCK_AFTER_MS = 120_000;

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '3000000' },
    days: { type: 'string', default: '7' },
    'no-reader': { type: 'boolean', default: false },
  },
});
const days = Number(values.days);
const perHour = Math.ceil(Number(values.messages) / days / HOURS);

/** What people and programs ask. */
const QUERIES: Readonly<Record<string, string>> = {
  'who goes next': `SELECT id FROM messages WHERE ${READY} AND account IS NULL AND sender IS NULL
    AND campaign IS NULL ORDER BY priority DESC, (expires_at IS NULL), expires_at, id LIMIT 64`,
  'the newest 20': 'SELECT * FROM messages ORDER BY id DESC LIMIT 20',
  'the newest of a campaign': `SELECT * FROM messages WHERE campaign = 'spring'
    ORDER BY id DESC LIMIT 20`,
  'one whole story': `SELECT * FROM messages m JOIN attempts a ON a.message_id = m.id
    JOIN parts p ON p.message_id = m.id JOIN receipts r ON r.message_id = m.id
    JOIN events e ON e.message_id = m.id WHERE m.id = (SELECT max(id) FROM messages)`,
  'counts by state': 'SELECT state, count(*), min(created_at) FROM messages GROUP BY state',
};

interface Day {
  fileMb: number;
  freeMb: number;
  walMb: number;
  rssMb: number;
  rows: number;
  keys: number;
  oldestHours: number;
  seconds: number;
}

let aheadS = 0;
let dropped = 0;
const now = (): number => Date.now() / 1000 + aheadS;

function drop({ db }: Daemon): void {
  const add = db.prepare(
    `INSERT INTO messages (recipient, text, campaign, idempotency_key)
      WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < @count)
      SELECT CAST(CAST(447700000000 + (@dropped + n) % 1000000 AS INTEGER) AS TEXT),
        'Your order ' || printf('%07d', @dropped + n) || ' has left our warehouse and comes tomorrow',
        CASE WHEN n % 5 = 0 THEN 'spring' END,
        CASE WHEN n % 10 = 0 THEN 'key-' || hex(randomblob(8)) END FROM numbers`,
  );
  const dateRows = db.prepare(
    'UPDATE messages SET created_at = ?, revision = revision + 1 WHERE id > ?',
  );
  /* The trigger that notes a key goes by the machine's own clock. */
  const date = db.prepare('UPDATE keys SET used_at = ? WHERE used_at < ? AND message_id > ?');
  db.transaction(() => {
    const at = now() - 1;
    add.run({ count: perHour, dropped });
    dateRows.run(at, dropped);
    date.run(at, at, dropped);
  }).immediate();
  dropped += perHour;
}

function left({ db }: Daemon): number {
  return db
    .prepare(
      `SELECT (SELECT count(*) FROM messages WHERE due_at IS NOT NULL)
        + (SELECT count(*) FROM messages WHERE ${READY})
        + (SELECT count(*) FROM messages WHERE state = 'sending')`,
    )
    .pluck()
    .get() as number;
}

async function deliver(daemon: Daemon, upTo: number): Promise<void> {
  let [last, movedAt] = [-1, monotonicMs()];
  for (;;) {
    const count = left(daemon);
    if (count <= upTo) return;
    if (count !== last) movedAt = monotonicMs();
    last = count;
    if (daemon.child.hasEnded()) throw new Error(`the daemon ended:\n${daemon.child.errors()}`);
    if (monotonicMs() - movedAt > STUCK_AFTER_MS) throw new Error(`${count} messages are stuck`);
    await sleep(20);
  }
}

function look(daemon: Daemon, day: Day): void {
  const { db, child } = daemon;
  day.fileMb = Math.max(day.fileMb, statSync(db.name).size / MIB);
  day.walMb = Math.max(day.walMb, walSize(db.name) / MIB);
  day.rssMb = Math.max(day.rssMb, memory(child.pid)?.nowMb ?? NaN);
}

function endDay({ db }: Daemon, day: Day): void {
  const { freeBytes, oldestFinalAt } = storageOf(db, db.name);
  day.freeMb = freeBytes / MIB;
  day.oldestHours = oldestFinalAt === null ? 0 : (now() - oldestFinalAt) / HOUR_S;
  day.rows = db.prepare('SELECT count(*) FROM messages').pluck().get() as number;
  day.keys = db.prepare('SELECT count(*) FROM keys').pluck().get() as number;
}

/** A query and how long it took (ms): of the first day's spool, of the last day's, and their ratios. */
interface Asked {
  readonly name: string;
  readonly first: number;
  readonly last: number;
  readonly ratio: number;
}

function askBoth(first: Database, last: Database): readonly Asked[] {
  return Object.entries(QUERIES).map(([name, sql]) => {
    const statements = [first, last].map((db) => db.prepare(sql));
    const times = Array.from({ length: TRIES }, () =>
      statements.map((statement) => {
        const from = monotonicMs();
        statement.all();
        return monotonicMs() - from;
      }),
    );
    const of = (side: 0 | 1): number => median(times.map((both) => both[side] ?? NaN));
    const ratio = median(times.map(([a = NaN, b = NaN]) => b / a));
    return { name, first: of(0), last: of(1), ratio };
  });
}

const folder = temporaryFolder();
const FIRST_DAY = join(folder, 'first-day.db');
const receiptsPort = await freePort();
const gateway = startScript('week-gateway.ts', [
  `--receipts=http://127.0.0.1:${receiptsPort}/receipts`,
]);
const { port } = JSON.parse(await gateway.line()) as { port: number };
const daemon = await startDaemon({
  ...{ folder, url: `http://127.0.0.1:${port}`, concurrency: 64, rate: 1_000_000, backlog: 0 },
  spoolKeys: 'retention = "1d"\nkeys_for = "2d"',
  receiptsPort,
  nodeArgs: ['--import', join(ROOT, 'test/crash/move-time.ts')],
  env: { SMS_SPOOLD_TEST_STEP_MS: String(HOUR_S * 1000) },
});
const reader = values['no-reader']
  ? null
  : startScript('week-reader.ts', [`--spool=${daemon.db.name}`]);
await reader?.line();

const found: Day[] = [];
for (let number = 1; number <= days; number += 1) {
  const day: Day = {
    ...{ fileMb: 0, freeMb: 0, walMb: 0, rssMb: 0, rows: 0, keys: 0, oldestHours: 0 },
    seconds: 0,
  };
  const from = monotonicMs();
  for (let hour = 1; hour <= HOURS; hour += 1) {
    drop(daemon);
    await deliver(daemon, perHour * LEFT);
    look(daemon, day);
    process.kill(daemon.child.pid, 'SIGUSR2');
    aheadS += HOUR_S;
    await sleep(20);
  }
  await deliver(daemon, 0);
  look(daemon, day);
  day.seconds = (monotonicMs() - from) / 1000;
  endDay(daemon, day);
  found.push(day);
  if (number === 1) await daemon.db.backup(FIRST_DAY);
  process.stderr.write(`day ${number} of ${days}: ${day.seconds.toFixed(0)} s\n`);
}
await reader?.stop();
const firstDay = openSpool(FIRST_DAY, { readonly: true });
const asked = askBoth(firstDay, daemon.db);
firstDay.close();
await daemon.stop();
await gateway.stop();

console.log(
  `\n${whole(dropped)} messages in ${days} days, retention one day, each with a receipt` +
    `${reader === null ? '' : ', two readers all the time'}\n`,
);
console.log(
  table(
    ['day', 'file MB', 'free', 'wal MB', 'RSS MB', 'messages', 'keys', 'oldest h', 's'],
    found.map((day, index) => [
      index + 1,
      ...[day.fileMb, day.freeMb, day.walMb, day.rssMb].map((mb) => mb.toFixed(0)),
      ...[whole(day.rows), whole(day.keys), day.oldestHours.toFixed(1), day.seconds.toFixed(0)],
    ]),
  ),
);
console.log(
  `\n${table(
    ['ms', 'first day', 'last day', 'ratio'],
    asked.map(({ name, first, last, ratio }) => [
      name,
      ...[first, last].map((ms) => ms.toFixed(3)),
      ratio.toFixed(2),
    ]),
  )}`,
);
