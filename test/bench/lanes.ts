/**
 * How the daemon copes with many lanes: 200 accounts of 25 senders, each sender with a limit of its own, and a
 * backlog spread over all of them.
 *
 *   node test/bench/lanes.ts [--accounts 200] [--senders 25] [--rows 100000] [--seconds 40] [--profile]
 *
 * The daemon runs with the V8 limits of its unit. Prints how long its first request takes from the start of the
 * process, how evenly the lanes progress, how much memory it needs and how long `GET /metrics` takes meanwhile.
 * Reports only: the exit code is 0 whatever it finds.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { monotonicMs } from './clock.ts';
import { startDaemon } from './daemon.ts';
import { startEndpoint } from './servers.ts';
import { cpuUs, median, memory, percentile, temporaryFolder } from './support.ts';
import { table, whole } from './table.ts';

const BARS = { firstS: 10, rssMb: 300, metricsMs: 100 } as const;

const { values } = parseArgs({
  options: {
    accounts: { type: 'string', default: '200' },
    senders: { type: 'string', default: '25' },
    rows: { type: 'string', default: '100000' },
    seconds: { type: 'string', default: '40' },
    /** Write a CPU profile of the daemon into the working directory. */
    profile: { type: 'boolean', default: false },
  },
});
const accounts = Number(values.accounts);
const senders = Number(values.senders);
const rows = Number(values.rows);
const seconds = Number(values.seconds);
const perLane = Math.max(1, Math.floor(rows / (accounts * senders)));

/** The sender's number in its account, as rows and configuration name it. */
const senderOf = (index: number): string => `447700${900_000 + index}`;

/* The first account is the one that the bench's daemon always has. */
const nameOf = (index: number): string => (index === 0 ? 'main' : `account${index}`);

function accountText(index: number, url: string): string {
  const own = `rate = 30`;
  const head =
    index === 0
      ? own
      : `[accounts.${nameOf(index)}]
api_key = "abcd1234"
api_secret = { env = "SMS_SPOOLD_BENCH_SECRET" }
base_url = "${url}"
sender = "AcmeInc"
concurrency = 10
${own}`;
  const tables = Array.from(
    { length: senders },
    (_, sender) => `[accounts.${nameOf(index)}.senders."${senderOf(sender)}"]\nrate = 1`,
  );
  return [head, ...tables].join('\n');
}

/* All lanes have the same number of rows, one lane after the other within each round. */
const DROP = `
  INSERT INTO messages (account, sender, recipient, text)
  WITH RECURSIVE
    rounds(r) AS (SELECT 1 UNION ALL SELECT r + 1 FROM rounds WHERE r < ${perLane}),
    accounts(a) AS (SELECT 0 UNION ALL SELECT a + 1 FROM accounts WHERE a < ${accounts - 1}),
    senders(s) AS (SELECT 0 UNION ALL SELECT s + 1 FROM senders WHERE s < ${senders - 1})
  SELECT CASE a WHEN 0 THEN 'main' ELSE 'account' || a END, '447700' || (900000 + s),
    '447700' || printf('%06d', (r * 5000 + a * 25 + s) % 1000000), 'Your order has left our warehouse'
  FROM rounds, accounts, senders`;

const endpoint = await startEndpoint({ latencyMs: 50 });
const folder = temporaryFolder();
const accountKeys = Array.from({ length: accounts }, (_, index) =>
  accountText(index, endpoint.url),
).join('\n');
const text = accountKeys;
process.stderr.write(`${accounts} accounts of ${senders} senders, ${perLane} rows each\n`);
const daemon = await startDaemon({
  folder,
  url: endpoint.url,
  concurrency: 10,
  rate: 30,
  backlog: 0,
  drop: DROP,
  accountKeys: text,
  nodeArgs: values.profile
    ? ['--cpu-prof', `--cpu-prof-dir=${process.cwd()}`, '--max-old-space-size=600']
    : [],
});

/** Milliseconds that one scrape takes; and its size. */
async function scrape(): Promise<readonly [ms: number, bytes: number]> {
  const from = monotonicMs();
  const answer = await fetch(`${daemon.adminUrl}/metrics`).catch(async (error: unknown) => {
    await sleep(500);
    throw new Error(`no metrics: the daemon wrote\n${daemon.child.errors()}`, { cause: error });
  });
  const body = await answer.text();
  return [monotonicMs() - from, body.length];
}

const bootMs = Date.now() - monotonicMs();
const startedAt = (bootMs + daemon.spawnedMs) / 1000;
const endsMs = monotonicMs() + seconds * 1000;
const scrapes: number[] = [];
let bytes = 0;
while (monotonicMs() < endsMs && !daemon.child.hasEnded()) {
  await sleep(2_000);
  const [ms, size] = await scrape();
  scrapes.push(ms);
  bytes = size;
}
if (daemon.child.hasEnded()) throw new Error(`the daemon ended early:\n${daemon.child.errors()}`);
const { nowMb = NaN, peakMb = NaN } = memory(daemon.child.pid) ?? {};
const cpuShare = ((cpuUs(daemon.child.pid) ?? NaN) / 1e6 / seconds) * 100;
const first = daemon.db.prepare('SELECT min(began_at) FROM attempts').pluck().get() as number;
const counts = daemon.db
  .prepare(
    `SELECT sum(state NOT IN ('queued', 'sending')) AS sent FROM messages GROUP BY account, sender`,
  )
  .pluck()
  .all() as number[];
await daemon.stop();
await endpoint.stop();

const verdict = (value: number, bar: number): string => (value <= bar ? 'reached' : 'NOT REACHED');
const firstS = first - startedAt;
const metricsMs = percentile(scrapes, 0.99);
const sent = counts.reduce((sum, count) => sum + count, 0);
console.log(
  `\n${whole(accounts * senders)} lanes, ${whole(rows)} rows, ${seconds} s: ${whole(sent)} sent, ` +
    `${cpuShare.toFixed(0)} % of a core\n`,
);
console.log(
  table(
    ['', 'found', 'bar', ''],
    [
      [
        'first request after the start (s)',
        firstS.toFixed(1),
        BARS.firstS,
        verdict(firstS, BARS.firstS),
      ],
      ['resident memory, highest (MB)', peakMb.toFixed(0), BARS.rssMb, verdict(peakMb, BARS.rssMb)],
      [
        'resident memory, at the end (MB)',
        nowMb.toFixed(0),
        BARS.rssMb,
        verdict(nowMb, BARS.rssMb),
      ],
      [
        'GET /metrics, slowest (ms)',
        metricsMs.toFixed(0),
        BARS.metricsMs,
        verdict(metricsMs, BARS.metricsMs),
      ],
      ['GET /metrics, median (ms)', median(scrapes).toFixed(0), BARS.metricsMs, ''],
      ['GET /metrics, size (kB)', (bytes / 1000).toFixed(0), null, ''],
      ['sent per lane, least', percentile(counts, 0), null, ''],
      ['sent per lane, median', median(counts), null, ''],
      ['sent per lane, most', percentile(counts, 1), null, ''],
    ],
  ),
);
