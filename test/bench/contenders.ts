/**
 * The contenders of the drain: each sends the same number of messages once, in a process of its own.
 */
import { existsSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { taskArgs, type Result } from './contenders/result.ts';
import { settledRate, startDaemon, verifyDrained, waitUntilSettled } from './daemon.ts';
import { missingForRedis, startRedis, type Endpoint } from './servers.ts';
import { cpuUs, memory, ROOT, startScript } from './support.ts';

/* Far above what any machine reaches: the daemon's pacing is on, and limits nothing. */
const NO_LIMIT = 1_000_000;

export interface Place {
  readonly endpoint: Endpoint;
  readonly folder: string;
  readonly messages: number;
  readonly inFlight: number;
}

export interface Run {
  /** Messages per second. */
  readonly rate: number;
  /** CPU microseconds a message, of its own process, start-up and Redis left out; null = not known here. */
  readonly cpuUs: number | null;
  readonly peakRssMb: number | null;
  /** CPU microseconds that the endpoint spent on each of its requests. */
  readonly endpointUs: number;
}

export interface Contender {
  readonly name: string;
  readonly title: string;
  /** Null when it can run here, else why not. */
  readonly missing: string | null;
  readonly run: (place: Place) => Promise<Run>;
}

type Measured = Omit<Run, 'endpointUs'>;

/* Every message must have been exactly one request: who sends twice is not fast. */
async function counted(place: Place, run: () => Promise<Measured>): Promise<Run> {
  const before = await place.endpoint.stats();
  const measured = await run();
  const after = await place.endpoint.stats();
  const requests = after.requests - before.requests;
  if (requests !== place.messages) {
    throw new Error(`the endpoint saw ${requests} requests instead of ${place.messages}`);
  }
  return { ...measured, endpointUs: (after.cpuUs - before.cpuUs) / requests };
}

async function runScript(script: string, place: Place, mode = '', store = ''): Promise<Measured> {
  const { messages, inFlight, endpoint } = place;
  const child = startScript(
    join('contenders', script),
    taskArgs({ mode, store, messages, inFlight, url: endpoint.url }),
  );
  const result = JSON.parse(await child.line()) as Result;
  await child.stop();
  return {
    rate: messages / result.seconds,
    cpuUs: result.cpuUs === null ? null : result.cpuUs / messages,
    peakRssMb: result.peakRssMb,
  };
}

async function runDaemon({ endpoint, folder, messages, inFlight }: Place): Promise<Measured> {
  const daemon = await startDaemon({
    folder,
    url: endpoint.url,
    concurrency: inFlight,
    rate: NO_LIMIT,
    backlog: messages,
  });
  const { pid } = daemon.child;
  await waitUntilSettled(daemon, messages);
  const used = (cpuUs(pid) ?? NaN) - (daemon.cpuUsAtReady ?? NaN);
  const peakRssMb = memory(pid)?.peakMb ?? null;
  await daemon.child.stop();
  verifyDrained(daemon.db, messages);
  const rate = settledRate(daemon.db, messages);
  await daemon.stop();
  return { rate, cpuUs: Number.isNaN(used) ? null : used / messages, peakRssMb };
}

async function runSdk(place: Place): Promise<Measured> {
  return runScript(
    'sdk-loop.ts',
    place,
    '',
    join(mkdtempSync(join(place.folder, 'sdk-')), 'rows.db'),
  );
}

async function runBullmq(place: Place): Promise<Measured> {
  const redis = await startRedis(place.folder);
  const measured = await runScript('bullmq.ts', place, '', String(redis.port));
  await redis.child.stop();
  return measured;
}

const contender = (
  name: string,
  title: string,
  run: (place: Place) => Promise<Measured>,
): Contender => ({
  name,
  title,
  missing: null,
  run: (place) => counted(place, () => run(place)),
});

export const contenders: readonly Contender[] = [
  contender('request', 'bare Pool.request', (place) => runScript('bare.ts', place, 'request')),
  contender('dispatch', 'bare dispatch', (place) => runScript('bare.ts', place, 'dispatch')),
  {
    ...contender('daemon', 'sms-spoold', runDaemon),
    missing: existsSync(join(ROOT, 'dist/main.js')) ? null : 'dist/ is not built',
  },
  { ...contender('bullmq', 'BullMQ, AOF everysec', runBullmq), missing: missingForRedis() },
  contender('sdk', 'p-queue + @vonage/sms', runSdk),
];
