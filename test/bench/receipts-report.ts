/** What the receipts found, as tables and sentences. */
import type { Kept } from './receipt-spool.ts';
import type { StreamResult } from './receipt-stream.ts';
import { median, percentile } from './support.ts';
import { table, whole, type Cell } from './table.ts';

const BAR_DRAIN = 0.97;
const BAR_P99_MS = 250;

/** A drain alone; with receipts at a rate; the same, killed half-way; with as many as go. */
export type Kind = 'alone' | 'paced' | 'middle' | 'fast';

export interface Run {
  /** Messages per second. */
  readonly drainRate: number;
  /** CPU seconds of the daemon per second; null where the system does not tell. */
  readonly cpuShare: number | null;
  /** Null = no receipts came. */
  readonly stream: (StreamResult & { readonly mark: number; readonly kept: Kept }) | null;
}

export type Runs = Readonly<Record<Kind, readonly Run[]>>;

export interface Surroundings {
  readonly receipts: number;
  /** Per second. */
  readonly rate: number;
  readonly connections: number;
  readonly drainRate: number;
  readonly fsyncMs: readonly number[];
  /** How the daemon was ended. */
  readonly signal: NodeJS.Signals;
}

const TITLES: Readonly<Record<Kind, string>> = {
  alone: 'no receipts',
  paced: 'receipts, paced',
  middle: 'receipts, paced, half',
  fast: 'receipts, flat out',
};

type Streams = readonly NonNullable<Run['stream']>[];

const streamsOf = (runs: readonly Run[]): Streams =>
  runs.map(({ stream }) => stream).filter((stream) => stream !== null);

function drainRow(kind: Kind, runs: readonly Run[]): readonly Cell[] {
  const rates = runs.map(({ drainRate }) => drainRate);
  const cpu = runs.map(({ cpuShare }) => cpuShare).filter((share) => share !== null);
  const streams = streamsOf(runs);
  return [
    TITLES[kind],
    whole(median(rates)),
    `${whole(Math.min(...rates))}–${whole(Math.max(...rates))}`,
    streams.length === 0 ? null : whole(median(streams.map(({ rate }) => rate))),
    cpu.length === 0 ? null : `${(median(cpu) * 100).toFixed(0)} %`,
  ];
}

const SHARES = [0.5, 0.9, 0.99, 1] as const;

/* Those after the mark came while the daemon was being killed. */
const timesOf = ({ tookMs, mark }: Streams[number]): readonly number[] => tookMs.slice(0, mark);

function timeRows(kind: Kind, runs: readonly Run[]): readonly (readonly Cell[])[] {
  const rounds = streamsOf(runs).map(timesOf);
  const row = (title: string, over: (values: readonly number[]) => number): readonly Cell[] => [
    `${TITLES[kind]}: ${title}`,
    ...SHARES.map((share) => over(rounds.map((times) => percentile(times, share))).toFixed(1)),
  ];
  return [row('median', median), row('worst round', (values) => Math.max(...values))];
}

function sum(streams: Streams, read: (stream: Streams[number]) => number): number {
  return streams.reduce((total, stream) => total + read(stream), 0);
}

const missingOf = ({ kept }: Streams[number]): number => kept.acknowledged - kept.found;

function killRow(kind: Kind, runs: readonly Run[]): readonly Cell[] {
  const streams = streamsOf(runs);
  return [
    `${TITLES[kind]}: ${streams.length} ×`,
    whole(sum(streams, ({ kept }) => kept.acknowledged)),
    whole(sum(streams, ({ kept }) => kept.found)),
    whole(sum(streams, missingOf)),
    whole(sum(streams, ({ refused }) => refused)),
    whole(sum(streams, ({ cutOff }) => cutOff)),
  ];
}

function verdict(what: string, value: number, bar: string, isReached: boolean): void {
  const digits = Number.isInteger(value) ? 0 : 3;
  const found = isReached ? 'reached' : 'NOT REACHED';
  console.log(`  ${what}: ${value.toFixed(digits)}, bar ${bar}: ${found}`);
}

function printVerdicts(runs: Runs): void {
  const all = streamsOf([...runs.paced, ...runs.middle, ...runs.fast]);
  const missing = sum(all, missingOf);
  const unheeded = sum(all, ({ kept }) => kept.unheeded);
  const rateOf = (kind: Kind): number => median(runs[kind].map(({ drainRate }) => drainRate));
  const drain = rateOf('paced') / rateOf('alone');
  const p99 = Math.max(...streamsOf(runs.paced).map((stream) => percentile(timesOf(stream), 0.99)));
  console.log('\nsms-spoold');
  verdict('acknowledged and not on disk', missing, '0', missing === 0);
  verdict('last words on disk, not in the state of their message', unheeded, '0', unheeded === 0);
  verdict('drain, with paced receipts ÷ without', drain, `≥ ${BAR_DRAIN}`, drain >= BAR_DRAIN);
  verdict('p99 of the worst paced round, ms', p99, `< ${BAR_P99_MS}`, p99 < BAR_P99_MS);
}

export function printReceipts(runs: Runs, { fsyncMs, signal, ...around }: Surroundings): void {
  const { receipts, rate, connections, drainRate } = around;
  console.log(
    `\n${whole(receipts)} receipts over ${connections} connections, ${whole(rate)}/s when paced, ` +
      `during a drain at ${whole(drainRate)}/s\n`,
  );
  console.log(
    table(
      ['', 'msgs/s', 'spread', 'receipts/s', 'daemon CPU'],
      (['alone', 'paced', 'fast'] as const).map((kind) => drainRow(kind, runs[kind])),
    ),
  );
  const fsync = SHARES.map((share) => percentile(fsyncMs, share).toFixed(1));
  console.log('\nFrom a receipt’s request to its 200 (ms)\n');
  console.log(
    table(
      ['', 'p50', 'p90', 'p99', 'max'],
      [
        ...timeRows('paced', runs.paced),
        ...timeRows('fast', runs.fast),
        ['fdatasync of 4 kB', ...fsync],
      ],
    ),
  );
  console.log(`\nAfter the ${signal}, with receipts still coming\n`);
  console.log(
    table(
      ['', 'acknowledged', 'found', 'missing', 'refused', 'cut off'],
      (['paced', 'middle', 'fast'] as const).map((kind) => killRow(kind, runs[kind])),
    ),
  );
  printVerdicts(runs);
}
