/**
 * The daemon as a benchmark runs it: the built program with the V8 limits of its unit, everything on, the
 * status log in a file, standard output thrown away; and the spool, made and judged by plain SQL.
 */
import { closeSync, copyFileSync, fsyncSync, mkdtempSync, openSync, readSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSpool, type Database } from '../../src/spool/file/open.ts';
import { monotonicMs } from './clock.ts';
import { dropRows, SENDER } from './rows.ts';
import { freePort } from './servers.ts';
import { cpuUs, ROOT, start, type Child } from './support.ts';

export const V8_LIMITS = ['--max-semi-space-size=4', '--max-old-space-size=96'] as const;

const READY_TIMEOUT_MS = 60_000;

export interface DaemonOptions {
  readonly folder: string;
  /** The gateway's. */
  readonly url: string;
  readonly concurrency: number;
  /** Requests per second; null = left out, so that the daemon asks. */
  readonly rate: number | null;
  readonly apiKey?: string;
  readonly apiSecret?: string;
  /** Rows waiting before the daemon starts. */
  readonly backlog: number;
  /** SQL that drops rows besides, before it starts. */
  readonly drop?: string;
  /** A closed spool, of which it works on a copy; left out = an empty one. */
  readonly spool?: string;
  /** Further lines of [spool]. */
  readonly spoolKeys?: string;
  /** Where it takes receipts; left out = any free port. */
  readonly receiptsPort?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Messages per second that senders are configured to allow; left out = no limits of their own. */
  readonly senders?: Readonly<Record<string, number>>;
  /** Further lines of [accounts.main], in the place of its `rate`; tables may follow. */
  readonly accountKeys?: string;
  /** For its Node, before the program. */
  readonly nodeArgs?: readonly string[];
}

export interface Daemon {
  readonly child: Child;
  /** CPU microseconds it had used when it was ready; null where the system does not tell. */
  readonly cpuUsAtReady: number | null;
  /** When the process was started (monotonic ms). */
  readonly spawnedMs: number;
  /** The bench's own connection to the spool; it writes at FULL, as an application that cares would. */
  readonly db: Database;
  /** Its configuration file. */
  readonly config: string;
  /** Where it tells of itself. */
  readonly adminUrl: string;
  /** Where it takes receipts. */
  readonly receiptsUrl: string;
  readonly stop: () => Promise<void>;
}

function configText(options: DaemonOptions, ports: readonly number[]): string {
  const { url, rate, concurrency } = options;
  return `
[spool]
path = "spool.db"
${options.spoolKeys ?? ''}
[accounts.main]
api_key = "${options.apiKey ?? 'abcd1234'}"
api_secret = { env = "SMS_SPOOLD_BENCH_SECRET" }
base_url = "${url}"
sender = "${SENDER}"
concurrency = ${concurrency}
${options.accountKeys ?? (rate === null ? '' : `rate = ${rate}`)}
${sendersText(options.senders ?? {})}
[receipts]
listen = "127.0.0.1:${ports[0] ?? 0}"
[admin]
listen = "127.0.0.1:${ports[1] ?? 0}"
[log]
file = "status.log"
`;
}

function sendersText(senders: Readonly<Record<string, number>>): string {
  return Object.entries(senders)
    .map(([sender, rate]) => `[accounts.main.senders."${sender}"]\nrate = ${rate}`)
    .join('\n');
}

/** Makes a spool with its backlog and starts the daemon on it; resolves at `daemon.ready`. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const folder = mkdtempSync(join(options.folder, 'daemon-'));
  const config = join(folder, 'sms-spoold.toml');
  const ports = [options.receiptsPort ?? (await freePort()), await freePort()];
  writeFileSync(config, configText(options, ports), { mode: 0o600 });
  if (options.spool !== undefined) copyToDisk(options.spool, join(folder, 'spool.db'));
  const db = openSpool(join(folder, 'spool.db'), { create: true, busyTimeoutMs: 10_000 });
  if (options.backlog > 0) db.exec(dropRows(options.backlog));
  if (options.drop !== undefined) db.exec(options.drop);
  db.pragma('wal_checkpoint(TRUNCATE)');
  const spawnedMs = monotonicMs();
  const child = start(
    process.execPath,
    [
      ...V8_LIMITS,
      ...(options.nodeArgs ?? []),
      ...[join(ROOT, 'dist/main.js'), 'run', '--config', config],
    ],
    {
      quiet: true,
      env: { ...options.env, SMS_SPOOLD_BENCH_SECRET: options.apiSecret ?? 'secret' },
    },
  );
  await waitForReady(child, join(folder, 'status.log'));
  const cpuUsAtReady = cpuUs(child.pid);
  const stop = async (): Promise<void> => {
    await child.stop();
    db.close();
  };
  const receiptsUrl = `http://127.0.0.1:${ports[0] ?? 0}/receipts`;
  const adminUrl = `http://127.0.0.1:${ports[1] ?? 0}`;
  return { child, config, spawnedMs, cpuUsAtReady, db, adminUrl, receiptsUrl, stop };
}

/* Written back now, so that it is not written back while something is measured. */
function copyToDisk(from: string, to: string): void {
  copyFileSync(from, to);
  const descriptor = openSync(to, 'r+');
  fsyncSync(descriptor);
  closeSync(descriptor);
}

/** Resolves when the log says that the daemon is ready; rejects when it ends first. */
export async function waitForReady(child: Child, log: string): Promise<void> {
  const until = performance.now() + READY_TIMEOUT_MS;
  const read = reader(log);
  while (!read().includes('"event":"daemon.ready"')) {
    if (child.hasEnded()) throw new Error(`the daemon ended early:\n${child.errors()}`);
    if (performance.now() > until) throw new Error(`no daemon.ready in ${log}:\n${child.errors()}`);
    await sleep(5);
  }
}

/* Gives what the file has more than last time, with a little of before, so that no line is missed. */
function reader(path: string): () => string {
  const OVERLAP = 64;
  const buffer = Buffer.alloc(1 << 20);
  let position = 0;
  return () => {
    let descriptor: number;
    try {
      descriptor = openSync(path, 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw error;
    }
    const read = readSync(descriptor, buffer, 0, buffer.length, Math.max(position - OVERLAP, 0));
    position = Math.max(position - OVERLAP, 0) + read;
    closeSync(descriptor);
    return buffer.toString('latin1', 0, read);
  };
}

/**
 * Waits until `count` messages have been settled, at a cost that does not grow with them: every settled
 * message has written one event. Rejects when the daemon ends, or when nothing moves for 30 s.
 */
export async function waitUntilSettled({ child, db }: Daemon, count: number): Promise<void> {
  const newest = db.prepare('SELECT coalesce(max(seq), 0) FROM events').pluck();
  let last = 0;
  let movedAt = performance.now();
  while (last < count) {
    await sleep(20);
    const seq = newest.get() as number;
    if (seq > last) movedAt = performance.now();
    last = seq;
    if (child.hasEnded()) throw new Error(`the daemon ended early:\n${child.errors()}`);
    if (performance.now() - movedAt > 30_000)
      throw new Error(`nothing settled for 30 s, ${last} events`);
  }
}

/** Messages per second from the first claim to the settling of the `count`-th answer, by the spool itself. */
export function settledRate(db: Database, count: number): number {
  const read = (sql: string, ...values: readonly number[]): number =>
    db
      .prepare(sql)
      .pluck()
      .get(...values) as number;
  const from = read('SELECT min(began_at) FROM attempts');
  const nth = count - 1;
  const answered = read(
    'SELECT ended_at FROM attempts WHERE ended_at IS NOT NULL ORDER BY ended_at LIMIT 1 OFFSET ?',
    nth,
  );
  const settled = read(
    'SELECT at FROM events WHERE message_id IS NOT NULL ORDER BY at LIMIT 1 OFFSET ?',
    nth,
  );
  return count / (Math.max(answered, settled) - from);
}

/** Throws unless the spool holds exactly one accepted attempt of one part for each message. */
export function verifyDrained(db: Database, messages: number): void {
  const counted = db
    .prepare(
      `SELECT
        (SELECT count(*) FROM messages WHERE state = 'await-receipt' AND attempts = 1) AS messages,
        (SELECT count(*) FROM attempts WHERE route = 'await-receipt' AND ended_at > 0) AS attempts,
        (SELECT count(*) FROM parts WHERE gateway_id IS NOT NULL) AS parts,
        (SELECT count(*) FROM events WHERE to_state = 'await-receipt') AS events`,
    )
    .get() as Readonly<Record<string, number>>;
  for (const [table, count] of Object.entries(counted)) {
    if (count !== messages)
      throw new Error(`${count} ${table} instead of ${messages} after the drain`);
  }
}
