/**
 * What a message costs at a real pace: rows are inserted one at a time, as applications do, and the daemon has nothing
 * else to do.
 *
 *   node test/bench/pace.ts [--rate 30] [--seconds 20] [--rounds 5] [--receipts] [--against FOLDER]
 *
 * Prints CPU of the whole process, SQL statements, fsyncs and system calls for each message. `--against` names another
 * checkout that is built: the two run in turn, and the ratio of each figure is printed. Statements, fsyncs and
 * system calls are counted in a run of their own, because counting costs time; the last two need strace. With `--receipts` each message has one
 * 50 ms after its answer. Reports only: the exit code is 0 whatever it finds.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import Sqlite from 'better-sqlite3';
import { monotonicMs } from './clock.ts';
import { V8_LIMITS, waitForReady } from './daemon.ts';
import { recipientOf, SENDER, textOf } from './rows.ts';
import { freePort, startEndpoint } from './servers.ts';
import { cpuUs, median, ROOT, start, temporaryFolder, type Child } from './support.ts';
import { table } from './table.ts';

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '30' },
    seconds: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '5' },
    receipts: { type: 'boolean', default: false },
    against: { type: 'string' },
  },
});
const rate = Number(values.rate);
const count = rate * Number(values.seconds);
const folder = temporaryFolder();

/** Rows before those that are measured: code is compiled, connections are open. */
const WARM_UP = 200;
/** How much faster than measured rows they come. */
const WARM_UP_PER_SECOND = 200;
const RECEIPT_MS = 50;
const SETTLED_MS = 1_000;
const COUNTER = pathToFileURL(join(import.meta.dirname, 'statements.ts')).href;

interface Application {
  /** Drops one row; its receipt follows where receipts were asked for. */
  readonly drop: () => void;
  /** Resolves when every row has its outcome. */
  readonly settled: () => Promise<void>;
}

interface Running extends Application {
  readonly child: Child;
  /** SQL statements so far, where they are counted. */
  readonly statements: () => Promise<number>;
}

function applicationOf(path: string, receiptsUrl: string): Application {
  const db = new Sqlite(path, { timeout: 10_000 });
  db.pragma('synchronous = FULL');
  const insert = db.prepare('INSERT INTO messages (recipient, text) VALUES (?, ?)');
  const sent = db
    .prepare<[number], [string, string, string]>(
      `SELECT p.gateway_id, a.client_ref, m.recipient FROM messages m JOIN attempts a ON a.message_id = m.id
        JOIN parts p ON p.message_id = m.id WHERE m.id = ? AND m.state = 'await-receipt'`,
    )
    .raw();
  const open = db
    .prepare(`SELECT count(*) FROM messages WHERE state IN ('queued', 'sending')`)
    .pluck();
  const posts: Promise<void>[] = [];
  const post = async (id: number): Promise<void> => {
    let row = sent.get(id);
    for (; row === undefined; row = sent.get(id)) await sleep(10);
    await sleep(RECEIPT_MS);
    const [messageId, clientRef, msisdn] = row;
    const fields = { messageId, 'client-ref': clientRef, msisdn, 'api-key': 'abcd1234' };
    const query = new URLSearchParams({ ...fields, status: 'delivered', 'err-code': '0' });
    const answer = await fetch(`${receiptsUrl}?${query.toString()}`);
    await answer.text();
    if (!answer.ok) throw new Error(`a receipt was answered ${answer.status}`);
  };
  return {
    drop: () => {
      const id = Number(insert.run(recipientOf(posts.length + 1), textOf(1)).lastInsertRowid);
      posts.push(values.receipts ? post(id) : Promise.resolve());
    },
    settled: async () => {
      while ((open.get() as number) > 0) await sleep(20);
      await Promise.all(posts);
      await sleep(SETTLED_MS);
    },
  };
}

/* The daemon of a checkout makes its own spool: the other one may know another form of it. */
async function run(root: string, url: string, isCounting: boolean): Promise<Running> {
  const own = mkdtempSync(join(folder, 'daemon-'));
  const [config, log, counted] = ['sms-spoold.toml', 'status.log', 'statements'].map((name) =>
    join(own, name),
  ) as [string, string, string];
  const port = await freePort();
  writeFileSync(
    config,
    `[spool]\npath = "spool.db"\n[log]\nfile = "status.log"\n[accounts.main]\napi_key = "abcd1234"\n` +
      `api_secret = { env = "SMS_SPOOLD_BENCH_SECRET" }\nbase_url = "${url}"\nsender = "${SENDER}"\n` +
      `concurrency = 64\nrate = 1000\n[receipts]\nlisten = "127.0.0.1:${port}"\n`,
    { mode: 0o600 },
  );
  const main = join(root, 'dist/main.js');
  const env = { SMS_SPOOLD_BENCH_SECRET: 'secret' };
  const made = spawnSync(process.execPath, [main, 'init', '--config', config], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(`init of ${root}: ${made.stderr}`);
  const counting = isCounting ? ['--import', COUNTER] : [];
  const child = start(
    process.execPath,
    [...V8_LIMITS, ...counting, main, 'run', '--config', config],
    {
      quiet: true,
      env: { ...env, ...(isCounting ? { SMS_SPOOLD_BENCH_STATEMENTS: counted } : {}) },
    },
  );
  await waitForReady(child, log);
  const statements = async (): Promise<number> => {
    rmSync(counted, { force: true });
    process.kill(child.pid, 'SIGUSR2');
    while (!existsSync(counted) || readFileSync(counted, 'utf8') === '') await sleep(10);
    return Number(readFileSync(counted, 'utf8'));
  };
  const receiptsUrl = `http://127.0.0.1:${port}/receipts`;
  return { child, statements, ...applicationOf(join(own, 'spool.db'), receiptsUrl) };
}

async function drops(
  { drop, settled }: Application,
  rows: number,
  perSecond: number,
): Promise<void> {
  const from = monotonicMs();
  for (let row = 1; row <= rows; row += 1) {
    drop();
    await sleep(Math.max(0, from + (row * 1000) / perSecond - monotonicMs()));
  }
  await settled();
}

/** CPU microseconds of a message. */
async function cpuOf(root: string, url: string): Promise<number> {
  const running = await run(root, url, false);
  await drops(running, WARM_UP, WARM_UP_PER_SECOND);
  const before = cpuUs(running.child.pid) ?? NaN;
  await drops(running, count, rate);
  const used = (cpuUs(running.child.pid) ?? NaN) - before;
  await running.child.stop();
  return used / count;
}

interface Counts {
  readonly statements: number;
  readonly fsyncs: number;
  readonly calls: number;
}

/** For each message; NaN where there is no strace. */
async function countsOf(root: string, url: string): Promise<Counts> {
  const running = await run(root, url, true);
  await drops(running, WARM_UP, WARM_UP_PER_SECOND);
  const summary = join(folder, 'strace');
  const hasStrace = spawnSync('strace', ['-V']).status === 0;
  const { pid } = running.child;
  const strace = hasStrace ? start('strace', ['-f', '-c', '-o', summary, '-p', String(pid)]) : null;
  await sleep(SETTLED_MS);
  const before = await running.statements();
  await drops(running, count, rate);
  const statements = (await running.statements()) - before;
  await strace?.stop('SIGINT');
  const text = strace === null ? '' : readFileSync(summary, 'utf8');
  const callsOf = (name: string): number => {
    const columns = new RegExp(`^.* ${name}$`, 'm').exec(text)?.[0].trim().split(/\s+/);
    return columns === undefined ? 0 : Number(columns[3]);
  };
  await running.child.stop();
  const none = strace === null ? NaN : 0;
  return {
    statements: statements / count,
    fsyncs: (callsOf('fsync') + callsOf('fdatasync') + none) / count,
    calls: (callsOf('total') + none) / count,
  };
}

const roots = [ROOT, ...(values.against === undefined ? [] : [resolve(values.against)])];
const endpoint = await startEndpoint({ latencyMs: 20 });
const cpu = roots.map((): number[] => []);
for (let round = 1; round <= Number(values.rounds); round += 1) {
  process.stderr.write(`round ${round} of ${values.rounds}\n`);
  for (const [index, root] of roots.entries()) cpu[index]?.push(await cpuOf(root, endpoint.url));
}
const counts: Counts[] = [];
for (const root of roots) counts.push(await countsOf(root, endpoint.url));
await endpoint.stop();

const spread = (all: readonly number[]): string =>
  `${Math.min(...all).toFixed(0)}–${Math.max(...all).toFixed(0)}`;
const medians = cpu.map(median);
const ratio = (all: readonly number[]): string =>
  all.length < 2 ? '' : ((all[0] ?? NaN) / (all[1] ?? NaN)).toFixed(2);
const line = (name: string, all: readonly number[], digits: number): readonly string[] => [
  name,
  ...all.map((value) => value.toFixed(digits)),
  ratio(all),
];
console.log(
  `\n${count} single rows at ${rate} a second${values.receipts ? ', a receipt for each' : ''}; ` +
    `${values.rounds} rounds\n`,
);
console.log(
  table(
    ['of a message', 'this checkout', ...(roots.length > 1 ? ['the other', 'ratio'] : [''])],
    [
      line('CPU (µs), median', medians, 0),
      ['CPU (µs), spread', ...cpu.map(spread), ''],
      line(
        'SQL statements',
        counts.map((one) => one.statements),
        1,
      ),
      line(
        'fsyncs',
        counts.map((one) => one.fsyncs),
        2,
      ),
      line(
        'system calls',
        counts.map((one) => one.calls),
        0,
      ),
    ],
  ),
);
