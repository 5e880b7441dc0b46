/**
 * Receipts during a drain: whether one that was acknowledged can be lost, what they cost the drain, and how long
 * the gateway waits for its answer.
 *
 *   node test/bench/receipts.ts [--rounds 3] [--receipts 10000] [--rate 1000] [--cpu-prof FOLDER]
 *
 * Every run works on a copy of one spool, with the gateway, the stream of receipts and the daemon in processes
 * of their own, and ends with SIGKILL for the daemon while receipts are still coming. The drain's rate is by
 * the endpoint's own count and clock. With --cpu-prof the daemon leaves by SIGTERM instead, so that Node writes
 * its profile. Rounds are interleaved; reports only: the exit code is 0 whatever it finds.
 */
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startDaemon, type Daemon } from './daemon.ts';
import { printSurroundings } from './drain-report.ts';
import { lookUp, prepare, type Kept } from './receipt-spool.ts';
import type { StreamResult } from './receipt-stream.ts';
import { printReceipts, type Kind, type Run } from './receipts-report.ts';
import { startEndpoint } from './servers.ts';
import { cpuUs, measureFsync, startScript, temporaryFolder } from './support.ts';

const CONNECTIONS = 50;
const DRAIN_RATE = 1000;
/** Before anything is counted, the drain has found its pace. */
const LEAD_MS = 1500;
/** Receipts that are still coming when the daemon is killed, as a share. */
const SURPLUS = 0.2;
/** The backlog lasts for so many times the stream, and some seconds. */
const BACKLOG_TIMES = 3;
const BACKLOG_SECONDS = 10;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    receipts: { type: 'string', default: '10000' },
    rate: { type: 'string', default: '1000' },
    'cpu-prof': { type: 'string', default: '' },
  },
});
const rounds = Number(values.rounds);
const receipts = Number(values.receipts);
const rate = Number(values.rate);
const streamSeconds = receipts / rate;
const signal = values['cpu-prof'] === '' ? 'SIGKILL' : 'SIGTERM';

const folder = temporaryFolder();
const fsyncMs: number[] = [];
const endpoint = await startEndpoint();
process.stderr.write('preparing a spool\n');
const prepared = await prepare({
  folder,
  url: endpoint.url,
  receipts: Math.ceil(receipts * (1 + SURPLUS)),
  backlog: DRAIN_RATE * Math.ceil(streamSeconds * BACKLOG_TIMES + BACKLOG_SECONDS),
});

interface Stream {
  readonly rate: number;
  /** The daemon is killed when so many are acknowledged. */
  readonly mark: number;
}

const STREAMS: Readonly<Record<Kind, Stream | null>> = {
  alone: null,
  paced: { rate, mark: receipts },
  middle: { rate, mark: Math.ceil(receipts / 2) },
  fast: { rate: 0, mark: receipts },
};

/** How fast the endpoint was sent to, and what the daemon used, while `during` lasted. */
async function measure(
  daemon: Daemon,
  during: () => Promise<unknown>,
): Promise<Pick<Run, 'drainRate' | 'cpuShare'>> {
  const before = await endpoint.stats();
  const cpuBefore = cpuUs(daemon.child.pid);
  await during();
  const after = await endpoint.stats();
  const cpuAfter = cpuUs(daemon.child.pid);
  const elapsedMs = after.at - before.at;
  return {
    drainRate: ((after.requests - before.requests) * 1000) / elapsedMs,
    cpuShare:
      cpuBefore === null || cpuAfter === null ? null : (cpuAfter - cpuBefore) / (elapsedMs * 1000),
  };
}

async function alone(daemon: Daemon): Promise<Run> {
  const measured = await measure(daemon, () => sleep(streamSeconds * 1000));
  await leave(daemon);
  return { ...measured, stream: null };
}

async function streamed(daemon: Daemon, stream: Stream): Promise<Run> {
  const client = startScript('receipt-stream.ts', [
    `--url=${daemon.receiptsUrl}`,
    `--bodies=${prepared.bodies}`,
    `--connections=${CONNECTIONS}`,
    `--rate=${stream.rate}`,
    `--mark=${stream.mark}`,
  ]);
  await client.line();
  const measured = await measure(daemon, () => client.line());
  const path = daemon.db.name;
  await leave(daemon);
  const result = JSON.parse(await client.line()) as StreamResult;
  await client.stop();
  return { ...measured, stream: { ...result, mark: stream.mark, kept: kept(path, result) } };
}

function kept(path: string, { acknowledged }: StreamResult): Kept {
  const words = acknowledged.map((index) => prepared.words[index]);
  return lookUp(
    path,
    words.filter((word) => word !== undefined),
  );
}

/* Our own connection first: what the killed daemon left is then found as the next daemon would find it. */
async function leave(daemon: Daemon): Promise<void> {
  const waiting = daemon.db.prepare(`SELECT count(*) FROM messages WHERE state = 'queued'`).pluck();
  if (waiting.get() === 0) throw new Error('the backlog ended before the stream');
  daemon.db.close();
  await daemon.child.stop(signal);
}

async function run(kind: Kind): Promise<Run> {
  const daemon = await startDaemon({
    ...{ folder, url: endpoint.url, concurrency: 64, rate: DRAIN_RATE, backlog: 0 },
    spool: prepared.spool,
    nodeArgs:
      signal === 'SIGTERM' ? ['--cpu-prof', `--cpu-prof-dir=${values['cpu-prof']}/${kind}`] : [],
  });
  await sleep(LEAD_MS);
  const stream = STREAMS[kind];
  const done = await (stream === null ? alone(daemon) : streamed(daemon, stream));
  rmSync(dirname(daemon.db.name), { recursive: true });
  return done;
}

const runs: Record<Kind, Run[]> = { alone: [], paced: [], middle: [], fast: [] };
for (let round = 1; round <= rounds; round += 1) {
  fsyncMs.push(...measureFsync(folder));
  const pair = ['alone', 'paced'] as const;
  const kinds: readonly Kind[] = [
    ...(round % 2 === 1 ? pair : pair.toReversed()),
    'middle',
    'fast',
  ];
  for (const kind of kinds) {
    process.stderr.write(`round ${round} of ${rounds}: ${kind}\n`);
    runs[kind].push(await run(kind));
  }
}
await endpoint.stop();

printSurroundings(fsyncMs, rounds);
printReceipts(runs, {
  ...{ receipts, rate, connections: CONNECTIONS, drainRate: DRAIN_RATE },
  ...{ fsyncMs, signal },
});
