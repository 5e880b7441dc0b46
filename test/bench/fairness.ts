/**
 * Whether bulk holds up what is urgent, and a large campaign a small one.
 *
 *   node test/bench/fairness.ts [--rates 30,200] [--backlog 100000] [--inserts 200] [--small 100]
 *     [--drain 20000] [--rounds 3]
 *
 * At each rate: rows of priority 9 are dropped one by one at FULL while a backlog drains, and the endpoint
 * notes when each request is whole; then a small campaign is dropped behind that backlog, and again on a
 * daemon that has nothing else to do. Both measures of one rate are of the same run. At last what fairness
 * costs a drain (`--drain 0` leaves it out). Reports only: the exit
 * code is 0 whatever it finds.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { monotonicMs } from './clock.ts';
import { startDaemon, type Daemon } from './daemon.ts';
import { drainCost } from './fairness-drain.ts';
import { recipientOf, textOf } from './rows.ts';
import { startEndpoint } from './servers.ts';
import { percentile, temporaryFolder } from './support.ts';
import { table } from './table.ts';

const SETTLE_MS = 2_000;
/** Of what a rate of one permit after another explains. */
const BAR_MORE_MS = 10;
const BAR_TIMES = 3;
/** Nobody waits longer than this for the last request of a measure. */
const PATIENCE = 20;
const URGENT = 9;
/** Recipients of measures, far beyond those of any backlog. */
const FIRST_INDEX = 50_000_000;

const { values } = parseArgs({
  options: {
    rates: { type: 'string', default: '30,200' },
    backlog: { type: 'string', default: '100000' },
    inserts: { type: 'string', default: '200' },
    small: { type: 'string', default: '100' },
    drain: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '3' },
  },
});
const backlog = Number(values.backlog);
const inserts = Number(values.inserts);
const small = Number(values.small);
const folder = temporaryFolder();

type Endpoint = Awaited<ReturnType<typeof startEndpoint>>;

interface Bench {
  readonly rate: number;
  readonly daemon: Daemon;
  readonly endpoint: Endpoint;
  readonly stop: () => Promise<void>;
}

async function startBench(rate: number, waiting: number): Promise<Bench> {
  const endpoint = await startEndpoint({ isRecording: true });
  const { url } = endpoint;
  const daemon = await startDaemon({ folder, url, concurrency: 64, rate, backlog: waiting });
  await sleep(SETTLE_MS);
  const stop = async (): Promise<void> => {
    await daemon.stop();
    await endpoint.stop();
  };
  return { rate, daemon, endpoint, stop };
}

/** When the request of each recipient was whole; throws when some never come. */
async function arrivalsOf(
  { endpoint }: Bench,
  recipients: readonly string[],
  waitMs: number,
): Promise<readonly number[]> {
  const until = monotonicMs() + waitMs;
  for (;;) {
    const arrivals = new Map(await endpoint.arrivals());
    const found = recipients.flatMap((recipient) => arrivals.get(recipient) ?? []);
    if (found.length === recipients.length) return found;
    if (monotonicMs() > until) {
      throw new Error(`${found.length} requests for ${recipients.length} rows`);
    }
    await sleep(100);
  }
}

const indices = (from: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => from + index);

/** Milliseconds to the wire, from the begin of each INSERT and from the end of its commit. */
interface Times {
  readonly fromInsert: readonly number[];
  readonly fromCommit: readonly number[];
  /** Requests of the backlog that came in between: what a busy machine does not change. */
  readonly overtaken: readonly number[];
}

async function urgentTimes(bench: Bench): Promise<Times> {
  const { daemon, rate } = bench;
  const drop = daemon.db.prepare(
    `INSERT INTO messages (recipient, text, priority) VALUES (?, ?, ${URGENT})`,
  );
  const began: number[] = [];
  const committed: number[] = [];
  const chosen = indices(FIRST_INDEX, inserts);
  const gapMs = Math.max(4_000 / rate, 20);
  for (const index of chosen) {
    began.push(monotonicMs());
    drop.run(recipientOf(index), textOf(index));
    committed.push(monotonicMs());
    await sleep(gapMs * (1 + Math.random()));
  }
  const waitMs = (PATIENCE * 1_000 * inserts) / rate + 5_000;
  const arrived = await arrivalsOf(bench, chosen.map(recipientOf), waitMs);
  const since = (instants: readonly number[]): readonly number[] =>
    arrived.map((at, index) => at - (instants[index] ?? NaN));
  const bulk = (await bench.endpoint.arrivals())
    .filter(([recipient]) => !chosen.includes(Number(recipient) - Number(recipientOf(0))))
    .map(([, at]) => at);
  const overtaken = arrived.map((at, index) => {
    const from = committed[index] ?? NaN;
    return bulk.filter((other) => other > from && other < at).length;
  });
  return { fromInsert: since(began), fromCommit: since(committed), overtaken };
}

/** Milliseconds from the begin of the INSERT of a small campaign to its last request. */
async function campaignMs(bench: Bench): Promise<number> {
  const { daemon, rate } = bench;
  const drop = daemon.db.prepare(
    `INSERT INTO messages (recipient, text, campaign) VALUES (?, ?, 'small')`,
  );
  const chosen = indices(FIRST_INDEX + inserts, small);
  const began = monotonicMs();
  daemon.db.transaction(() => {
    for (const index of chosen) drop.run(recipientOf(index), textOf(index));
  })();
  const waitMs = (PATIENCE * 1_000 * small) / rate + 5_000;
  return Math.max(...(await arrivalsOf(bench, chosen.map(recipientOf), waitMs))) - began;
}

interface Result {
  readonly rate: number;
  readonly urgent: Times;
  readonly behindMs: number;
  readonly aloneMs: number;
}

async function measure(rate: number): Promise<Result> {
  process.stderr.write(`${rate}/s behind ${backlog}\n`);
  const busy = await startBench(rate, backlog);
  const urgent = await urgentTimes(busy);
  const behindMs = await campaignMs(busy);
  await busy.stop();
  process.stderr.write(`${rate}/s alone\n`);
  const idle = await startBench(rate, 0);
  const aloneMs = await campaignMs(idle);
  await idle.stop();
  return { rate, urgent, behindMs, aloneMs };
}

const timesRow = (title: string, times: readonly number[]): readonly string[] => [
  title,
  ...[0.5, 0.9, 0.99, 1].map((share) => percentile(times, share).toFixed(1)),
];
const countsRow = (title: string, counts: readonly number[]): readonly string[] => [
  title,
  ...[0.5, 0.9, 0.99, 1].map((share) => percentile(counts, share).toFixed(0)),
];

const results: Result[] = [];
for (const rate of values.rates.split(',').filter(Boolean))
  results.push(await measure(Number(rate)));

console.log(`\n${inserts} rows of priority ${URGENT} behind ${backlog}: INSERT to wire (ms)\n`);
console.log(
  table(
    ['', 'p50', 'p90', 'p99', 'max'],
    results.flatMap(({ rate, urgent }) => [
      timesRow(`${rate}/s, from INSERT`, urgent.fromInsert),
      timesRow(`${rate}/s, from commit`, urgent.fromCommit),
      countsRow(`${rate}/s, others before it`, urgent.overtaken),
    ]),
  ),
);
console.log(`\nA campaign of ${small} (ms)\n`);
console.log(
  table(
    ['', 'alone', `behind ${backlog}`, 'times'],
    results.map(({ rate, aloneMs, behindMs }) => [
      `${rate}/s`,
      aloneMs.toFixed(0),
      behindMs.toFixed(0),
      (behindMs / aloneMs).toFixed(2),
    ]),
  ),
);

const say = (what: string, value: number, bar: number): void =>
  console.log(
    `  ${what}: ${value.toFixed(2)}, bar ${bar.toFixed(2)}: ${value <= bar ? 'reached' : 'NOT REACHED'}`,
  );
for (const { rate, urgent, behindMs, aloneMs } of results) {
  say(
    `urgent at ${rate}/s, p99 ms`,
    percentile(urgent.fromInsert, 0.99),
    2_000 / rate + BAR_MORE_MS,
  );
  say(`small campaign at ${rate}/s, times`, behindMs / aloneMs, BAR_TIMES);
}

const drained = Number(values.drain);
if (drained > 0) {
  const cost = await drainCost({ folder, messages: drained, rounds: Number(values.rounds) });
  console.log(`\nWhat fairness costs a drain of ${drained}, medians of ${values.rounds} rounds\n`);
  console.log(cost);
}
