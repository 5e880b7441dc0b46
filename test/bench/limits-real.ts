/**
 * The built daemon in real time, against the product's sandbox: a standing backlog, a fixed one-second window
 * and a token bucket, a limit that is configured wrongly and one that is not configured. Used = accepted ÷
 * (limit × seconds), by the sandbox's own counters. The slow limits run side by side, the fast ones alone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from './clock.ts';
import { startDaemon } from './daemon.ts';
import { SANDBOX_ACCOUNT, startSandbox } from './servers.ts';
import { temporaryFolder } from './support.ts';
import { table, type Cell } from './table.ts';

const BAR_USED = 0.94;
const BAR_THROTTLED = 0.005;
const LEARNING_SECONDS = 30;

interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly real: {
    readonly rate: number;
    readonly model: 'window' | 'bucket';
    readonly depth: number;
  };
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

const SLOW: readonly Scenario[] = [
  { name: 'window', title: '30/s, window', real: window(30), configured: 30, settleSeconds: 0 },
  {
    name: 'bucket',
    title: '30/s, bucket of 3',
    real: bucket(30, 3),
    configured: 30,
    settleSeconds: 0,
  },
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
    name: 'asked',
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
}

/** Runs the scenarios of these names (none = all), each for so many seconds; gives the table. */
export async function playForReal(seconds: number, names: readonly string[]): Promise<string> {
  const folder = temporaryFolder();
  const isWanted = ({ name }: Scenario): boolean => names.length === 0 || names.includes(name);
  const found = await Promise.all(
    SLOW.filter(isWanted).map((one) => run(one, { seconds, folder })),
  );
  for (const one of FAST.filter(isWanted)) found.push(await run(one, { seconds, folder }));
  return table(['', 'used', 'throttled', ''], found.map(row));
}

async function run(
  { title, real, configured, settleSeconds }: Scenario,
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
    used: accepted / (real.rate * elapsed),
    throttled: throttled === 0 ? 0 : throttled / (accepted + throttled),
  };
}

const row = ({ title, used, throttled }: Found): readonly Cell[] => [
  title,
  `${(used * 100).toFixed(1)} %`,
  `${(throttled * 100).toFixed(2)} %`,
  used >= BAR_USED && throttled <= BAR_THROTTLED ? 'reached' : 'NOT REACHED',
];
