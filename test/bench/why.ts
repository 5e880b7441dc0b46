/**
 * Whether messages go when `why` says that they will.
 *
 *   node test/bench/why.ts [--asked 8] [--only sender,senders]
 *
 * The built daemon in real time against the sandbox, on steady lanes: `why` is asked for several ids at once,
 * and the begin of each one's attempt is held against the answer. Error = their difference ÷ the time there
 * was to wait. Reports only: the exit code is 0 whatever it finds.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { startDaemon, type Daemon } from './daemon.ts';
import { SANDBOX_ACCOUNT, startSandbox } from './servers.ts';
import { median, ROOT, temporaryFolder } from './support.ts';
import { table, type Cell } from './table.ts';

const BAR = 0.1;
const SETTLE_MS = 3_000;
/** Nobody waits longer than this for the last attempt, beyond what was said. */
const PATIENCE_S = 90;
/** Those that go sooner than this (s) are no estimate. */
const LEAST_S = 2;
const ACCOUNT_RATE = 30;

interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly rate: number;
  readonly senders: Readonly<Record<string, number>>;
  /** Lines of [accounts.main] in the place of its rate; left out = there is no more than that. */
  readonly accountKeys?: string;
  /** SQL over n, from 1 on. */
  readonly columns: Readonly<Record<string, string>>;
  readonly rows: number;
}

const base = { rate: ACCOUNT_RATE, senders: {}, rows: 900, columns: {} };
const threeSenders = `CASE n % 3 WHEN 0 THEN 'Alpha' WHEN 1 THEN 'Beta' ELSE 'Gamma' END`;

const SCENARIOS: readonly Scenario[] = [
  {
    ...base,
    name: 'sender',
    title: 'one sender of 10/s',
    senders: { Alpha: 10 },
    columns: { sender: `'Alpha'` },
    rows: 350,
  },
  {
    ...base,
    name: 'slow-sender',
    title: 'one sender of 5/s',
    senders: { Alpha: 5 },
    columns: { sender: `'Alpha'` },
    rows: 180,
  },
  {
    ...base,
    name: 'senders',
    title: '30/s, three senders by turns',
    columns: { sender: threeSenders },
  },
  {
    ...base,
    name: 'campaigns',
    title: '30/s, campaigns of 700, 150 and 50',
    columns: {
      sender: threeSenders,
      campaign: `CASE WHEN n <= 700 THEN 'large' WHEN n <= 850 THEN 'middle' ELSE 'small' END`,
    },
  },
  {
    ...base,
    name: 'mixed',
    title: '30/s, a sender of 4/s, two priorities',
    senders: { Alpha: 4 },
    columns: { sender: threeSenders, priority: `CASE n % 5 WHEN 0 THEN 7 ELSE 4 END` },
  },
  {
    ...base,
    name: 'minute',
    title: '30/s, of which 300 in a minute',
    accountKeys: `rate = ["${ACCOUNT_RATE}/s", "300/min"]`,
    rows: 500,
  },
  {
    ...base,
    name: 'group',
    title: '30/s, two of three senders share 8/s',
    accountKeys: `rate = ${ACCOUNT_RATE}
[accounts.main.groups.two]
senders = ["Alpha", "Beta"]
rate = 8`,
    columns: { sender: threeSenders },
    rows: 720,
  },
  {
    ...base,
    name: 'parts',
    title: '30 parts/s, 370 in a minute',
    accountKeys: `rate = ["${ACCOUNT_RATE}/s", "400/min"]\nper = "part"`,
    columns: { text: `CASE n % 3 WHEN 0 THEN printf('%400s', 'x') ELSE 'Hello' END` },
    rows: 360,
  },
];

const { values } = parseArgs({
  options: { asked: { type: 'string', default: '8' }, only: { type: 'string', default: '' } },
});
const asked = Number(values.asked);
const folder = temporaryFolder();

function dropOf({ columns, rows }: Scenario): string {
  const all = { recipient: 'CAST(447700000000 + n AS TEXT)', text: `'Hello'`, ...columns };
  return `INSERT INTO messages (${Object.keys(all).join()})
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${rows})
    SELECT ${Object.values(all).join()} FROM numbers`;
}

interface Answer {
  readonly id: number;
  /** Unix seconds. */
  readonly askedAt: number;
  readonly goesAt: number;
}

const run = promisify(execFile);

async function ask({ config }: Daemon, ids: readonly number[]): Promise<readonly Answer[]> {
  const program = join(ROOT, 'dist/main.js');
  const { stdout } = await run(process.execPath, [
    ...[program, '--config', config, 'why', ...ids.map(String), '--json'],
  ]);
  const lines = stdout.trim().split('\n');
  return lines.map((line, index) => {
    const { asked_at: askedAt, goes_at: goesAt } = JSON.parse(line) as Record<string, string>;
    return { id: ids[index] ?? 0, askedAt: secondsOf(askedAt), goesAt: secondsOf(goesAt) };
  });
}

const secondsOf = (iso: string | undefined): number => Date.parse(iso ?? '') / 1000;

/* Of those that wait, spread over the whole backlog. */
function idsToAsk({ db }: Daemon): readonly number[] {
  const waiting = db
    .prepare(`SELECT id FROM messages WHERE state = 'queued' ORDER BY id`)
    .pluck()
    .all() as number[];
  return Array.from({ length: asked }, (_, index) => {
    const place = Math.floor(((index + 1) * waiting.length) / asked) - 1;
    return waiting[place] ?? 0;
  });
}

async function beganAt({ db }: Daemon, { id, goesAt }: Answer): Promise<number> {
  const read = db.prepare('SELECT began_at FROM attempts WHERE message_id = ?').pluck();
  for (;;) {
    const at = read.get(id) as number | undefined;
    if (at !== undefined) return at;
    if (Date.now() / 1000 > goesAt + PATIENCE_S) throw new Error(`no attempt of message ${id}`);
    await sleep(200);
  }
}

async function errorsOf(scenario: Scenario): Promise<readonly number[]> {
  const { rate, senders } = scenario;
  const sandbox = await startSandbox({ rate, model: 'window', depth: 0 });
  const daemon = await startDaemon({
    ...{ folder, url: sandbox.url, concurrency: 16, rate, senders },
    ...{ backlog: 0, drop: dropOf(scenario), ...SANDBOX_ACCOUNT },
    ...(scenario.accountKeys === undefined ? {} : { accountKeys: scenario.accountKeys }),
  });
  await sleep(SETTLE_MS);
  const answers = await ask(daemon, idsToAsk(daemon));
  const errors: number[] = [];
  for (const answer of answers) {
    const at = await beganAt(daemon, answer);
    const waitedS = at - answer.askedAt;
    if (waitedS >= LEAST_S) errors.push((answer.goesAt - at) / waitedS);
  }
  await daemon.stop();
  await sandbox.stop();
  return errors;
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

function rowOf({ title }: Scenario, errors: readonly number[]): readonly Cell[] {
  const sizes = errors.map(Math.abs);
  const worst = Math.max(...sizes);
  const verdict = worst <= BAR ? 'reached' : 'NOT REACHED';
  return [title, errors.length, percent(median(sizes)), percent(worst), verdict];
}

const names = values.only === '' ? null : values.only.split(',');
const wanted = SCENARIOS.filter(({ name }) => names?.includes(name) ?? true);
const found: (readonly number[])[] = [];
for (const scenario of wanted) {
  process.stderr.write(`${scenario.title}\n`);
  found.push(await errorsOf(scenario));
}
console.log(`\nWhat \`why\` said against what happened; bar ${percent(BAR)} for each\n`);
console.log(
  table(
    ['', 'asked', 'median', 'worst', ''],
    wanted.map((scenario, index) => rowOf(scenario, found[index] ?? [])),
  ),
);
