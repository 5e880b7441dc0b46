/**
 * Runs of refusals on the whole daemon, against a gateway that answers after 100 ms.
 *
 *   npm run bench:refusals [-- --real]
 *
 * First: 40 rows that are refused and 5 good ones, in four shapes, each also with a restart in the middle of the
 * run, in real time. The last good row must be accepted within 90 seconds. Then a mistake in the configuration:
 * 3,000 rows wait and all are refused, for ten minutes; at most 100 requests and 10 failed rows. Its clock is moved
 * from probe to probe, or is the real one with --real. Ends with 1 when a bound is broken.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { systemClock, type Clock } from '../../src/clock.ts';
import { loadConfig } from '../../src/config/load.ts';
import { Daemon } from '../../src/daemon/daemon.ts';
import { dropInto, type DropRow } from '../../src/spool/write/insert.ts';
import { openSpool, type Database } from '../../src/spool/file/open.ts';
import { monotonicMs } from './clock.ts';
import { temporaryFolder } from './support.ts';
import { table } from './table.ts';

const ANSWER_MS = 100;
const BAD = 40;
const GOOD = 5;
const WITHIN_S = 90;
/** Requests after which the daemon is restarted: the run has just begun. */
const RESTART_AFTER = 11;
const ALL = 3_000;
const TEN_MINUTES_S = 600;
const REQUESTS_MOST = 100;
const FAILED_MOST = 10;
const LOOK_EVERY_MS = 20;

const { values } = parseArgs({ options: { real: { type: 'boolean', default: false } } });

/** What the gateway answers: the code for a request. */
type Judge = (to: string, from: string) => number;

interface Gateway {
  readonly server: Server;
  readonly url: string;
  requests: number;
  accepted: number;
}

async function serve(judge: Judge): Promise<Gateway> {
  const gateway = { requests: 0, accepted: 0 };
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const fields = new URLSearchParams(body);
      const status = judge(fields.get('to') ?? '', fields.get('from') ?? '');
      gateway.requests += 1;
      const id = status === 0 ? { 'message-id': `id-${gateway.requests}` } : { 'error-text': 'no' };
      const messages = [{ status: String(status), ...id }];
      setTimeout(() => {
        if (status === 0) gateway.accepted += 1;
        response.end(JSON.stringify({ 'message-count': '1', messages }));
      }, ANSWER_MS);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(gateway, { server, url });
}

/** A spool with these rows, and a way to run a daemon on it. */
function prepare(url: string, rows: readonly DropRow[], clock: Clock) {
  const folder = join(temporaryFolder(), 'daemon');
  mkdirSync(folder);
  const path = join(folder, 'spool.db');
  const file = join(folder, 'sms-spoold.toml');
  writeFileSync(
    file,
    `[spool]\npath = "${path}"\n[accounts.main]\napi_key = "abcd1234"\napi_secret = { env = "BENCH_SECRET" }
base_url = "${url}"\nsender = "AcmeInc"\nrate = 30\n[receipts]\nexpect = false\nlisten = "127.0.0.1:0"
[admin]\nlisten = "127.0.0.1:0"\n`,
    { mode: 0o600 },
  );
  const db = openSpool(path, { create: true });
  const drop = dropInto(db);
  db.transaction(() => rows.forEach((row) => void drop(row)))();
  const start = async (): Promise<Daemon> => {
    const env = { BENCH_SECRET: 'secret' };
    const config = loadConfig({ file, env, cwd: folder });
    const fail = (error: unknown): never => {
      throw error;
    };
    const daemon = new Daemon(config, {
      clock,
      logOutput: { write: () => undefined },
      onFatal: fail,
    });
    await daemon.start();
    return daemon;
  };
  return { db, start };
}

const number = (prefix: string, index: number): string =>
  `${prefix}${String(index).padStart(12 - prefix.length, '0')}`;
const rowsTo = (prefix: string, count: number, sender = 'AcmeInc'): DropRow[] =>
  Array.from({ length: count }, (_, index) => ({
    ...{ recipient: number(prefix, index), text: 'bench', sender },
  }));

interface Shape {
  readonly name: string;
  readonly rows: readonly DropRow[];
  readonly judge: Judge;
}

/** Numbers that differ in nothing that the daemon could know; every ninth is good. */
const mixed = rowsTo('4477', BAD + GOOD);
const isGood = (to: string): boolean => Number(to.slice(-2)) % 9 === 8;

const SHAPES: readonly Shape[] = [
  {
    name: 'numbers of a country that refuses',
    rows: [...rowsTo('4499', BAD), ...rowsTo('4477', GOOD)],
    judge: (to) => (to.startsWith('4499') ? 3 : 0),
  },
  {
    name: 'one sender refused by one country',
    rows: [...rowsTo('1202', BAD), ...rowsTo('4477', GOOD)],
    judge: (to, from) => (to.startsWith('1') && from === 'AcmeInc' ? 15 : 0),
  },
  {
    name: 'bad rows between good ones',
    rows: mixed.toSorted((a, b) => keyOf(a) - keyOf(b)),
    judge: (to) => (isGood(to) ? 0 : 29),
  },
  {
    name: 'nothing tells them apart, good ones last',
    rows: mixed.toSorted((a, b) => Number(isGoodRow(a)) - Number(isGoodRow(b))),
    judge: (to) => (isGood(to) ? 0 : 29),
  },
];

function isGoodRow({ recipient }: DropRow): boolean {
  return isGood(String(recipient));
}

/* An order that is the same each time, and no order of the numbers. */
function keyOf({ recipient }: DropRow): number {
  return (Number(String(recipient).slice(-3)) * 7919) % 1009;
}

interface Found {
  readonly seconds: number;
  readonly requests: number;
  readonly failed: number;
}

async function play({ rows, judge }: Shape, hasRestart: boolean): Promise<Found> {
  const gateway = await serve(judge);
  const { db, start } = prepare(gateway.url, rows, systemClock);
  const beganMs = monotonicMs();
  let daemon = await start();
  let mayRestart = hasRestart;
  while (gateway.accepted < GOOD && monotonicMs() - beganMs < 2 * WITHIN_S * 1_000) {
    await sleep(LOOK_EVERY_MS);
    if (!mayRestart || gateway.requests < RESTART_AFTER) continue;
    mayRestart = false;
    await daemon[Symbol.asyncDispose]();
    daemon = await start();
  }
  const seconds = (monotonicMs() - beganMs) / 1_000;
  await daemon[Symbol.asyncDispose]();
  const found = { seconds, requests: gateway.requests, failed: failedIn(db) };
  db.close();
  gateway.server.close();
  return found;
}

async function refuseAll(): Promise<Found> {
  const gateway = await serve(() => 29);
  let aheadMs = 0;
  const clock: Clock = {
    now: () => (Date.now() + aheadMs) / 1_000,
    monotonicMs: () => monotonicMs() + aheadMs,
  };
  const { db, start } = prepare(gateway.url, rowsTo('4477', ALL), clock);
  const daemon = await start();
  const beganAt = clock.now();
  const circuit = db.prepare<[], number>(
    `SELECT next_probe_at FROM accounts WHERE state = 'suspended'`,
  );
  const out = db.prepare(`SELECT 1 FROM messages WHERE state = 'sending' LIMIT 1`);
  while (clock.now() - beganAt < TEN_MINUTES_S) {
    await sleep(values.real ? 1_000 : LOOK_EVERY_MS);
    const at = circuit.pluck().get();
    if (values.real || at === undefined || out.get() !== undefined) continue;
    aheadMs += Math.max(0, Math.min(at, beganAt + TEN_MINUTES_S + 1) - clock.now()) * 1_000;
  }
  await daemon[Symbol.asyncDispose]();
  const found = { seconds: TEN_MINUTES_S, requests: gateway.requests, failed: failedIn(db) };
  db.close();
  gateway.server.close();
  return found;
}

function failedIn(db: Database): number {
  const sql = `SELECT count(*) FROM messages WHERE state NOT IN ('queued','retry','sending','await-receipt','unconfirmed')`;
  return db.prepare<[], number>(sql).pluck().get() ?? 0;
}

const played = await Promise.all(
  SHAPES.flatMap((shape) =>
    [false, true].map(async (hasRestart) => ({
      name: `${shape.name}${hasRestart ? ', restart' : ''}`,
      found: await play(shape, hasRestart),
    })),
  ),
);
const all = await refuseAll();

console.log(`\n${BAD} refused rows and ${GOOD} good ones, answers after ${ANSWER_MS} ms\n`);
console.log(
  table(
    ['', 'seconds', 'bar', 'requests'],
    played.map(({ name, found }) => [name, found.seconds.toFixed(1), WITHIN_S, found.requests]),
  ),
);
console.log(`\n${ALL} rows, all refused, ten minutes (${values.real ? 'real' : 'moved'} clock)\n`);
console.log(
  table(
    ['', 'found', 'bar'],
    [
      ['requests', all.requests, REQUESTS_MOST],
      ['rows that failed', all.failed, FAILED_MOST],
    ],
  ),
);
const isKept =
  played.every(({ found }) => found.seconds <= WITHIN_S) &&
  all.requests <= REQUESTS_MOST &&
  all.failed <= FAILED_MOST;
console.log(isKept ? '\nKept.' : '\nBROKEN.');
process.exit(isKept ? 0 : 1);
