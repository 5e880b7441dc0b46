/** What the drain found, as tables and sentences. */
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import type { Contender, Run } from './contenders.ts';
import { median, percentile } from './support.ts';
import { table, whole, type Cell } from './table.ts';

type Runs = ReadonlyMap<Contender, readonly Run[]>;

/** Share of the bare request loop: what must be reached, and what is aimed at. */
const BAR = 0.45;
const GOALS = [0.6, 0.8] as const;
const BAR_SLOW = 0.9;
const BAR_SDK = 3;

const versionOf = (name: string): string =>
  (createRequire(import.meta.url)(`${name}/package.json`) as { version: string }).version;

/** What the figures hang on. */
export function printSurroundings(fsyncMs: readonly number[], rounds: number): void {
  const [cpu] = cpus();
  const ms = (share: number): string => percentile(fsyncMs, share).toFixed(2);
  console.log(`
Node ${process.versions.node}, undici ${versionOf('undici')}, ${cpus().length} cores (${cpu?.model ?? 'unknown'})
fdatasync of a 4 kB append: p50 ${ms(0.5)} ms, p99 ${ms(0.99)} ms (${fsyncMs.length} times)
Medians of ${rounds} interleaved rounds; everything, the endpoint too, shares this machine.`);
}

const medianOf = (runs: readonly Run[], read: (run: Run) => number | null): number | null => {
  const values = runs.map(read).filter((value) => value !== null);
  return values.length === 0 ? null : median(values);
};

const rateOf = (all: Runs, name: string): number | null => {
  const found = [...all].find(([contender]) => contender.name === name);
  return found === undefined ? null : medianOf(found[1], ({ rate }) => rate);
};

const ratio = (value: number | null, to: number | null): number | null =>
  value === null || to === null ? null : value / to;

const shown = (value: number | null, digits: number): string | null =>
  value?.toFixed(digits) ?? null;

function row(all: Runs, { title }: Contender, runs: readonly Run[]): readonly Cell[] {
  const rate = medianOf(runs, (run) => run.rate);
  if (rate === null) return [title, ...HEAD.slice(1).map(() => null)];
  const rates = runs.map((run) => run.rate / 1000);
  return [
    title,
    whole(rate),
    `${Math.min(...rates).toFixed(1)}–${Math.max(...rates).toFixed(1)}k`,
    shown(ratio(rate, rateOf(all, 'request')), 2),
    shown(ratio(rate, rateOf(all, 'dispatch')), 2),
    shown(
      medianOf(runs, (run) => run.cpuUs),
      0,
    ),
    shown(
      medianOf(runs, (run) => run.peakRssMb),
      0,
    ),
  ];
}

const HEAD = ['', 'msgs/s', 'spread', '÷ request', '÷ dispatch', 'µs/msg', 'MB'];

function printTable(all: Runs): void {
  console.log(
    table(
      HEAD,
      [...all].map(([contender, runs]) => row(all, contender, runs)),
    ),
  );
  for (const { title, missing } of all.keys()) {
    if (missing !== null) console.log(`${title} was skipped: ${missing}`);
  }
  const endpoint = medianOf([...all.values()].flat(), (run) => run.endpointUs);
  console.log(
    `µs/msg is CPU of the contender's process, without Redis. The endpoint's own: ${shown(endpoint, 1) ?? '–'} µs.`,
  );
}

function verdict(name: string, value: number | null, bar: number): void {
  if (value === null) console.log(`  ${name}: not measured`);
  else
    console.log(
      `  ${name}: ${value.toFixed(2)}, bar ${bar}: ${value >= bar ? 'reached' : 'NOT REACHED'}`,
    );
}

/** No latency: what the program itself costs. */
export function printFast(all: Runs, messages: number): void {
  console.log(`\nDrain of ${messages} messages, endpoint without latency, 64 requests in flight\n`);
  printTable(all);
  const daemon = rateOf(all, 'daemon');
  const toRequest = ratio(daemon, rateOf(all, 'request'));
  console.log('\nsms-spoold');
  verdict('÷ bare Pool.request', toRequest, BAR);
  for (const goal of GOALS) verdict('÷ bare Pool.request, goal', toRequest, goal);
  verdict('÷ BullMQ', ratio(daemon, rateOf(all, 'bullmq')), 1);
  verdict('÷ p-queue + @vonage/sms', ratio(daemon, rateOf(all, 'sdk')), BAR_SDK);
}

/** A gateway that takes its time: what the connections allow. */
export function printSlow(all: Runs, messages: number): void {
  console.log(`\nDrain of ${messages} messages, endpoint with 50 ms of latency, 256 in flight\n`);
  printTable(all);
  console.log('\nsms-spoold');
  verdict('÷ bare Pool.request', ratio(rateOf(all, 'daemon'), rateOf(all, 'request')), BAR_SLOW);
}
