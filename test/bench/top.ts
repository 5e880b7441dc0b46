/**
 * What `top` costs on a spool of a million rows: its own CPU and what it adds to the daemon's, while the
 * daemon sends at 30 a second.
 *
 *   node test/bench/top.ts [--rows 1000000] [--seconds 25]
 *
 * `top` runs in a terminal of its own (util-linux `script`), 200 columns wide, and refreshes every second.
 * The daemon is watched without it, with it, and without it again. Reports only: the exit code is 0 whatever
 * it finds.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Status } from '../../src/core/stats/status.ts';
import { openSpool } from '../../src/spool/file/open.ts';
import { monotonicMs } from './clock.ts';
import { startDaemon } from './daemon.ts';
import { dropRows } from './rows.ts';
import { startEndpoint } from './servers.ts';
import { cpuUs, memory, ROOT, start, temporaryFolder } from './support.ts';
import { table, whole } from './table.ts';

const BAR_PERCENT = 3;
const LANES = 60;
const SETTLE_MS = 3_000;

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: '25' },
  },
});
const rows = Number(values.rows);
const seconds = Number(values.seconds);

const folder = temporaryFolder();
const endpoint = await startEndpoint({ latencyMs: 50 });

/* Sixty lanes, and one row in ten of another day. */
function makeSpool(): string {
  const path = join(folder, 'million.db');
  const db = openSpool(path, { create: true, busyTimeoutMs: 10_000 });
  db.exec(dropRows(rows));
  db.exec(`UPDATE messages SET revision = revision + 1, sender = 'Shop' || (id % ${LANES}),
    created_at = created_at - (id % 10) * 4000`);
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
  return path;
}

/** The CPU microseconds of a process and everything it started. */
function treeCpuUs(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  const own = cpuUs(pid) ?? NaN;
  if (children === '') return own;
  return children.split(' ').reduce((sum, child) => sum + treeCpuUs(Number(child)), own);
}

/** Per cent of a core that `read` grows by over the seconds of a run. */
async function percentOf(...reads: readonly (() => number)[]): Promise<readonly number[]> {
  const before = reads.map((read) => read());
  const fromMs = monotonicMs();
  await sleep(seconds * 1000);
  const tookUs = (monotonicMs() - fromMs) * 1000;
  return reads.map((read, index) => ((read() - (before[index] ?? NaN)) / tookUs) * 100);
}

process.stderr.write(`making a spool of ${whole(rows)} rows\n`);
const daemon = await startDaemon({
  folder,
  url: endpoint.url,
  concurrency: 10,
  rate: 30,
  backlog: 0,
  spool: makeSpool(),
});
const readyMs = monotonicMs();
const statusOf = async (): Promise<Status> =>
  (await (await fetch(`${daemon.adminUrl}/status`)).json()) as Status;
while (!(await statusOf()).is_counted) await sleep(100);
const countedS = (monotonicMs() - readyMs) / 1000;
await sleep(SETTLE_MS);

const ofDaemon = (): number => cpuUs(daemon.child.pid) ?? NaN;
process.stderr.write(`watching the daemon alone, then top, then alone, ${seconds} s each\n`);
const [before = NaN] = await percentOf(ofDaemon);
const top = start(
  'script',
  [
    '-qfc',
    `stty cols 200 rows 50; exec ${process.execPath} ${join(ROOT, 'dist/main.js')} --config ${daemon.config} top`,
    '/dev/null',
  ],
  { quiet: true },
);
await sleep(SETTLE_MS);
const [during = NaN, own = NaN] = await percentOf(ofDaemon, () => treeCpuUs(top.pid));
await top.stop();
await sleep(SETTLE_MS);
const [after = NaN] = await percentOf(ofDaemon);
const last = await statusOf();
const total = daemon.db.prepare('SELECT count(*) FROM messages').pluck().get() as number;
const { nowMb = NaN, peakMb = NaN } = memory(daemon.child.pid) ?? {};
await daemon.stop();
await endpoint.stop();

const alone = (before + after) / 2;
const percent = (value: number): string => value.toFixed(2);
console.log(`\nPer cent of a core, ${whole(rows)} rows in ${LANES} lanes, 30 messages a second\n`);
console.log(
  table(
    ['', 'per cent'],
    [
      ['daemon, before', percent(before)],
      ['daemon, with top', percent(during)],
      ['daemon, after', percent(after)],
      ['top itself', percent(own)],
    ],
  ),
);
const cost = own + during - alone;
const counted = Object.values(last.states).reduce((sum, count) => sum + count, 0);
const verdict = cost < BAR_PERCENT ? 'reached' : 'NOT REACHED';
console.log(`  top and what it adds: ${percent(cost)}, bar ${BAR_PERCENT}: ${verdict}`);
console.log(`  counted at the start within ${countedS.toFixed(1)} s of being ready`);
console.log(
  `  counted ${whole(counted)} of ${whole(total)}; daemon ${nowMb.toFixed(0)} MB, at most ${peakMb.toFixed(0)}`,
);
