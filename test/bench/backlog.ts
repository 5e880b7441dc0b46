/**
 * Whether a large backlog costs speed or memory, and what an idle daemon costs.
 *
 *   node test/bench/backlog.ts [--rounds 3] [--drain 20000] [--large 1000000] [--idle-seconds 20]
 *
 * Both spools drain the same number of messages; behind them wait ten thousand rows in one and, in all, a
 * million in the other. Rates are from the spool's own instants over those messages, then the daemon is told
 * to leave. Reports only: the exit code is 0 whatever it finds.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { settledRate, startDaemon, waitUntilSettled } from './daemon.ts';
import { startEndpoint } from './servers.ts';
import { cpuUs, median, memory, temporaryFolder } from './support.ts';
import { table, whole, type Cell } from './table.ts';

const SMALL = 10_000;
const NO_LIMIT = 1_000_000;
const BAR_RATE = 0.8;
const BAR_PEAK_MB = 150;
const BAR_MORE_MB = 20;
const BAR_IDLE_PERCENT = 0.5;
const SETTLE_MS = 5000;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    drain: { type: 'string', default: '20000' },
    large: { type: 'string', default: '1000000' },
    'idle-seconds': { type: 'string', default: '20' },
  },
});
const drained = Number(values.drain);
const folder = temporaryFolder();
const endpoint = await startEndpoint();

interface Run {
  readonly rate: number;
  readonly nowMb: number;
  readonly peakMb: number;
}

async function run(backlog: number): Promise<Run> {
  process.stderr.write(`draining ${drained} of ${backlog}\n`);
  const daemon = await startDaemon({
    folder,
    url: endpoint.url,
    concurrency: 64,
    rate: NO_LIMIT,
    backlog,
  });
  await waitUntilSettled(daemon, drained);
  const { nowMb, peakMb } = memory(daemon.child.pid) ?? { nowMb: NaN, peakMb: NaN };
  await daemon.child.stop();
  const rate = settledRate(daemon.db, drained);
  await daemon.stop();
  return { rate, nowMb, peakMb };
}

/** Percent of one core that a daemon with nothing to do uses. Null where the system does not tell. */
async function idlePercent(seconds: number): Promise<number | null> {
  process.stderr.write(`watching an idle daemon for ${seconds} s\n`);
  const daemon = await startDaemon({
    folder,
    url: endpoint.url,
    concurrency: 64,
    rate: 30,
    backlog: 0,
  });
  await sleep(SETTLE_MS);
  const before = cpuUs(daemon.child.pid);
  await sleep(seconds * 1000);
  const after = cpuUs(daemon.child.pid);
  await daemon.stop();
  return before === null || after === null ? null : (after - before) / (seconds * 1e4);
}

const small: Run[] = [];
const large: Run[] = [];
for (let round = 1; round <= Number(values.rounds); round += 1) {
  small.push(await run(drained + SMALL));
  large.push(await run(Number(values.large)));
}
const idle = await idlePercent(Number(values['idle-seconds']));
await endpoint.stop();

const row = (title: string, runs: readonly Run[]): readonly Cell[] => {
  const rates = runs.map(({ rate }) => rate);
  return [
    title,
    whole(median(rates)),
    `${whole(Math.min(...rates))}–${whole(Math.max(...rates))}`,
    median(runs.map(({ nowMb }) => nowMb)).toFixed(0),
    median(runs.map(({ peakMb }) => peakMb)).toFixed(0),
  ];
};

console.log(`\nThe first ${drained} messages, 64 in flight, by what waits behind them\n`);
console.log(
  table(
    ['', 'msgs/s', 'spread', 'MB', 'MB at most'],
    [row(`${whole(SMALL)} waiting`, small), row(`${whole(Number(values.large))} waiting`, large)],
  ),
);

const of = (runs: readonly Run[], read: (run: Run) => number): number => median(runs.map(read));
const say = (what: string, value: number, bar: number, isReached: boolean): void =>
  console.log(
    `  ${what}: ${value.toFixed(2)}, bar ${bar}: ${isReached ? 'reached' : 'NOT REACHED'}`,
  );

const share = of(large, ({ rate }) => rate) / of(small, ({ rate }) => rate);
const peak = Math.max(
  of(small, ({ peakMb }) => peakMb),
  of(large, ({ peakMb }) => peakMb),
);
const more = of(large, ({ peakMb }) => peakMb) - of(small, ({ peakMb }) => peakMb);
say('rate, large ÷ small', share, BAR_RATE, share >= BAR_RATE);
say('memory at most, MB', peak, BAR_PEAK_MB, peak <= BAR_PEAK_MB);
say('more with the large backlog, MB', more, BAR_MORE_MB, more <= BAR_MORE_MB);
if (idle === null) console.log('  idle: not measured, this system has no /proc');
else say('idle, percent of a core', idle, BAR_IDLE_PERCENT, idle < BAR_IDLE_PERCENT);
