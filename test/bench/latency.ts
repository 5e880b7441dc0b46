/**
 * How long a single row takes from an application's INSERT to the wire, while the daemon is idle.
 *
 *   node test/bench/latency.ts [--inserts 300]
 *
 * Rows are dropped one by one at FULL from this process, 10 to 110 ms apart; the endpoint notes when each
 * request is whole, by the clock that both share. "From INSERT" holds the application's own commit, "from
 * commit" does not. Reports only: the exit code is 0 whatever it finds.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { monotonicMs } from './clock.ts';
import { startDaemon } from './daemon.ts';
import { recipientOf, textOf } from './rows.ts';
import { startEndpoint } from './servers.ts';
import { measureFsync, percentile, temporaryFolder } from './support.ts';
import { table } from './table.ts';

const BAR_P50_MS = 2.5;
const BAR_P99_MS = 8;
const SETTLE_MS = 2000;
const LAST_ANSWER_MS = 10_000;

const { values } = parseArgs({ options: { inserts: { type: 'string', default: '300' } } });
const inserts = Number(values.inserts);

const folder = temporaryFolder();
const fsyncMs = measureFsync(folder);
const endpoint = await startEndpoint({ isRecording: true });
const daemon = await startDaemon({
  folder,
  url: endpoint.url,
  concurrency: 64,
  rate: 1000,
  backlog: 0,
});
await sleep(SETTLE_MS);

const drop = daemon.db.prepare('INSERT INTO messages (recipient, text) VALUES (?, ?)');
const began = new Map<string, number>();
const committed = new Map<string, number>();
for (let index = 1; index <= inserts; index += 1) {
  const recipient = recipientOf(index);
  began.set(recipient, monotonicMs());
  drop.run(recipient, textOf(index));
  committed.set(recipient, monotonicMs());
  await sleep(10 + 100 * Math.random());
}

const until = monotonicMs() + LAST_ANSWER_MS;
let arrivals = await endpoint.arrivals();
while (arrivals.length < inserts && monotonicMs() < until) {
  await sleep(50);
  arrivals = await endpoint.arrivals();
}
await daemon.stop();
await endpoint.stop();
if (arrivals.length !== inserts) throw new Error(`${arrivals.length} requests for ${inserts} rows`);

const since = (instants: ReadonlyMap<string, number>): readonly number[] =>
  arrivals.map(([recipient, at]) => at - (instants.get(recipient) ?? NaN));
const row = (title: string, times: readonly number[]): readonly string[] => [
  title,
  ...[0.5, 0.9, 0.99, 1].map((share) => percentile(times, share).toFixed(2)),
];

const whole = since(began);
console.log(`\nInsert to wire, idle daemon, ${inserts} single rows (ms)\n`);
console.log(
  table(
    ['', 'p50', 'p90', 'p99', 'max'],
    [
      row('from INSERT', whole),
      row('from commit', since(committed)),
      row('fdatasync of 4 kB', fsyncMs),
    ],
  ),
);
for (const [share, bar] of [
  [0.5, BAR_P50_MS],
  [0.99, BAR_P99_MS],
] as const) {
  const value = percentile(whole, share);
  const verdict = value <= bar ? 'reached' : 'NOT REACHED';
  console.log(`  p${share * 100} from INSERT: ${value.toFixed(2)} ms, bar ${bar} ms: ${verdict}`);
}
