/**
 * The outage of the issue at its full size, against the product's sandbox: rows wait, the gateway answers 503
 * for two minutes, refuses connections for one, and comes back, when a thousand retries are due at once.
 *
 *   node test/bench/outage.ts [--rows 3000] [--retries 1000] [--rate 30] [--down 120] [--refused 60]
 *
 * Takes about as long as the outage and twice the drain. Ends with 1 when a promise was broken: more
 * attempts uncertain than 11 + concurrency, a message that failed, one that was not accepted, or more than
 * 0.3 % of the requests throttled.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { monotonicMs } from './clock.ts';
import { startDaemon, type Daemon } from './daemon.ts';
import { SANDBOX_ACCOUNT, startSandbox } from './servers.ts';
import { temporaryFolder } from './support.ts';
import { FRESH, makeRetries, measureSurge } from './surge.ts';
import { table, whole } from './table.ts';

const CONCURRENCY = 10;
const LOOK_EVERY_MS = 1_000;
/** Uncertain messages wait five minutes, and a probe five at most. */
const STUCK_AFTER_MS = 660_000;

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '3000' },
    retries: { type: 'string', default: '1000' },
    rate: { type: 'string', default: '30' },
    down: { type: 'string', default: '120' },
    refused: { type: 'string', default: '60' },
  },
});
const rows = Number(values.rows);
const retries = Number(values.retries);
const messages = rows + retries + FRESH;
const rate = Number(values.rate);
const downMs = Number(values.down) * 1000;
const refusedMs = Number(values.refused) * 1000;

function count({ db }: Daemon, sql: string): number {
  return db.prepare(`SELECT count(*) FROM ${sql}`).pluck().get() as number;
}

const accepted = (daemon: Daemon): number =>
  count(daemon, `messages WHERE state = 'await-receipt'`);

/** Resolves when all rows are accepted; gives up when nothing has moved for longer than anything waits. */
async function drained(daemon: Daemon): Promise<void> {
  let movedAt = monotonicMs();
  let last = -1;
  while (last < messages && monotonicMs() - movedAt < STUCK_AFTER_MS) {
    await sleep(LOOK_EVERY_MS);
    if (daemon.child.hasEnded())
      throw new Error(`the daemon ended early:\n${daemon.child.errors()}`);
    const now = accepted(daemon);
    if (now !== last) movedAt = monotonicMs();
    last = now;
  }
}

const sandbox = await startSandbox({ rate, model: 'window', depth: 0 });
const chaos = [
  { kind: 'http', status: 503, forMs: downMs },
  { kind: 'refuse', forMs: refusedMs },
];
await fetch(`${sandbox.url}/control`, { method: 'POST', body: JSON.stringify({ chaos }) });
const began = monotonicMs();
const folder = temporaryFolder();
const dueAt = (Date.now() + downMs + refusedMs) / 1000;
const daemon = await startDaemon({
  folder,
  spool: makeRetries(folder, retries, dueAt),
  url: sandbox.url,
  concurrency: CONCURRENCY,
  rate,
  backlog: rows,
  ...SANDBOX_ACCOUNT,
});
const surge = await measureSurge(daemon, sandbox.url, rate);
await drained(daemon);
const elapsed = (monotonicMs() - began) / 1000;
const uncertain = count(daemon, `attempts WHERE route = 'uncertain'`);
const failed = count(daemon, `messages WHERE state IN ('permanent-failure','expired','cancelled')`);
const marked = count(daemon, `attempts WHERE follows IS NOT NULL`);
const ended = accepted(daemon);
const most = daemon.db.prepare('SELECT max(attempts) FROM messages').pluck().get() as number;
const ledger = await sandbox.counts();
await daemon.stop();
await sandbox.stop();

const throttledMost = Math.floor(0.003 * messages);
const isKept =
  uncertain <= 11 + CONCURRENCY &&
  failed === 0 &&
  ended === messages &&
  ledger.throttled <= throttledMost;
console.log(
  `\n${rows} rows and ${retries} retries at ${rate}/s, 503 for ${values.down} s, refused for ${values.refused} s\n`,
);
console.log(
  table(
    ['', 'found', 'bar'],
    [
      ['attempts that ended uncertain', uncertain, 11 + CONCURRENCY],
      ['messages that failed', failed, 0],
      ['messages accepted', whole(ended), whole(messages)],
      ['accepted by the ledger', whole(ledger.accepted), whole(messages)],
      ['attempts marked as possible duplicates', marked, null],
      ['most attempts of one message', most, null],
      ['seconds until all were accepted', whole(elapsed), null],
      ['a new message to the wire after the return, p50 ms', whole(surge.p50Ms), null],
      ['the longest of these, ms', whole(surge.mostMs), null],
      ['retries that still waited then', whole(surge.retriesLeft), null],
      ['first second, share of the limit', (surge.firstSecond / rate).toFixed(2), null],
      ['throttled', ledger.throttled, throttledMost],
    ],
  ),
);
console.log(isKept ? '\nKept.' : '\nBROKEN.');
process.exitCode = isKept ? 0 : 1;
