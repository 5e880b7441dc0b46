/**
 * The built daemon in real time, against the product's sandbox: a standing backlog under each model of the
 * limit, with the limit configured, not configured at all, or configured wrongly. Used = accepted ÷ (limit ×
 * seconds), by the sandbox's own counters. Scenarios of a batch run side by side, the fast ones alone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from './clock.ts';
import { startDaemon } from './daemon.ts';
import type { AccountOptions, LimitModel } from '../../src/sandbox/sandbox-options.ts';
import { SANDBOX_ACCOUNT, startSandbox } from './servers.ts';
import { temporaryFolder } from './support.ts';
import { table, type Cell } from './table.ts';

const BAR_USED = 0.94;
const BAR_THROTTLED = 0.005;
/** Of the first row of the table, and of the daemon that had to ask. */
const BAR_KNOWN = 0.003;
const LATENCY = { latencyMs: 40, jitterMs: 15 } as const;
const LEARNING_SECONDS = 30;

interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly real: {
    readonly rate: number;
    readonly model: LimitModel;
    readonly depth: number;
    readonly account?: AccountOptions;
    readonly latencyMs?: number;
    readonly jitterMs?: number;
  };
  /** Throttled, at most; left out = BAR_THROTTLED. */
  readonly barThrottled?: number;
  /** Requests per second in the daemon's configuration; null = left out. */
  readonly configured: number | null;
  /** Before counting begins. */
  readonly settleSeconds: number;
}

const window = (rate: number): Scenario['real'] => ({ rate, model: 'window', depth: 0 });
const bucket = (rate: number, depth: number): Scenario['real'] => ({
  rate,
  model: 'bucket',
  depth,
});

/* Its texts say nothing of a window, since it has none. */
const sliding = (rate: number, countRefused: boolean): Scenario['real'] => ({
  ...{ rate, model: 'sliding', depth: 0 },
  account: { countRefused, throttleText: 'plain' },
});

const known = (name: string, title: string, real: Scenario['real']): Scenario => ({
  ...{ name, title, configured: 30, settleSeconds: 0, barThrottled: BAR_KNOWN },
  real: { ...real, ...LATENCY },
});

/** The first row of the table; and the same where nothing is said of limits. */
const KNOWN: readonly Scenario[] = [
  known('sliding', '30/s known, A: sliding', sliding(30, false)),
  known('sliding-refused', '30/s known, B: sliding, refused count', sliding(30, true)),
  known('window', '30/s known, C: window', window(30)),
  known('bucket', '30/s known, bucket of 3', bucket(30, 3)),
  { ...known('asked', '30/s, C, none configured', window(30)), configured: null },
];

const SLOW: readonly Scenario[] = [
  {
    name: 'wrong',
    title: '30/s, window, 50 configured, after 30 s',
    real: window(30),
    configured: 50,
    settleSeconds: LEARNING_SECONDS,
  },
  {
    name: 'wrong-bucket',
    title: '30/s, bucket of 3, 50 configured, after 30 s',
    real: bucket(30, 3),
    configured: 50,
    settleSeconds: LEARNING_SECONDS,
  },
  {
    name: 'asked-40',
    title: '40/s, window, none configured',
    real: window(40),
    configured: null,
    settleSeconds: 0,
  },
];

const FAST: readonly Scenario[] = [
  {
    name: 'fast-window',
    title: '1000/s, window',
    real: window(1000),
    configured: 1000,
    settleSeconds: 0,
  },
  {
    name: 'fast-bucket',
    title: '1000/s, bucket of 100',
    real: bucket(1000, 100),
    configured: 1000,
    settleSeconds: 0,
  },
];

interface Found {
  readonly title: string;
  readonly used: number;
  readonly throttled: number;
  readonly barThrottled: number;
}

/** Runs the scenarios of these names (none = all), each for so many seconds; gives the table. */
export async function playForReal(seconds: number, names: readonly string[]): Promise<string> {
  const folder = temporaryFolder();
  const isWanted = ({ name }: Scenario): boolean => names.length === 0 || names.includes(name);
  const found: Found[] = [];
  for (const batch of [KNOWN, SLOW]) {
    const chosen = batch.filter(isWanted);
    found.push(...(await Promise.all(chosen.map((one) => run(one, { seconds, folder })))));
  }
  for (const one of FAST.filter(isWanted)) found.push(await run(one, { seconds, folder }));
  return table(['', 'used', 'throttled', ''], found.map(row));
}

async function run(
  { title, real, configured, settleSeconds, barThrottled = BAR_THROTTLED }: Scenario,
  { seconds, folder }: { readonly seconds: number; readonly folder: string },
): Promise<Found> {
  process.stderr.write(`${title}: ${settleSeconds + seconds} s\n`);
  const sandbox = await startSandbox(real);
  const fastest = Math.max(real.rate, configured ?? 0);
  const daemon = await startDaemon({
    folder,
    url: sandbox.url,
    concurrency: fastest > 100 ? 64 : 16,
    rate: configured,
    backlog: Math.ceil(fastest * (settleSeconds + seconds) * 1.2) + 100,
    ...SANDBOX_ACCOUNT,
  });
  await sleep(settleSeconds * 1000);
  const before = await sandbox.counts();
  const from = monotonicMs();
  await sleep(seconds * 1000);
  const after = await sandbox.counts();
  const elapsed = (monotonicMs() - from) / 1000;
  await daemon.stop();
  await sandbox.stop();
  const accepted = after.accepted - before.accepted;
  const throttled = after.throttled - before.throttled;
  return {
    title,
    barThrottled,
    used: accepted / (real.rate * elapsed),
    throttled: throttled === 0 ? 0 : throttled / (accepted + throttled),
  };
}

const row = ({ title, used, throttled, barThrottled }: Found): readonly Cell[] => [
  title,
  `${(used * 100).toFixed(1)} %`,
  `${(throttled * 100).toFixed(2)} %`,
  used >= BAR_USED && throttled <= barThrottled ? 'reached' : 'NOT REACHED',
];
