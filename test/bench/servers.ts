/**
 * The other processes of a run: the stand-in endpoint, the sandbox of the product, and Redis.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { AccountOptions, LimitModel } from '../../src/sandbox/sandbox-options.ts';
import type { EndpointStats } from './endpoint.ts';
import { ROOT, start, startScript, type Child } from './support.ts';

/** A port of loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface Endpoint {
  readonly url: string;
  readonly stats: () => Promise<EndpointStats>;
  /** When each recipient's request arrived (monotonic ms); only where it was started to record. */
  readonly arrivals: () => Promise<readonly (readonly [recipient: string, at: number])[]>;
  readonly stop: () => Promise<void>;
}

async function fetchJson(url: string): Promise<unknown> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return answer.json();
}

export async function startEndpoint(
  options: { readonly latencyMs?: number; readonly isRecording?: boolean } = {},
): Promise<Endpoint> {
  const { latencyMs = 0, isRecording = false } = options;
  const args = [`--latency=${latencyMs}`, ...(isRecording ? ['--record'] : [])];
  const child = startScript('endpoint.ts', args);
  const { port } = JSON.parse(await child.line()) as { port: number };
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    stats: async () => (await fetchJson(`${url}/stats`)) as EndpointStats,
    arrivals: async () => (await fetchJson(`${url}/arrivals`)) as [string, number][],
    stop: () => child.stop(),
  };
}

/** Why there can be no Redis for BullMQ here; null = there can. */
export function missingForRedis(): string | null {
  if (spawnSync('redis-server', ['--version']).status !== 0) return 'no redis-server';
  try {
    import.meta.resolve('ioredis');
  } catch {
    return 'no ioredis (the driver that bullmq wants beside it)';
  }
  return null;
}

/** Redis on loopback with an append-only file flushed every second, its data in `folder`. */
export async function startRedis(folder: string): Promise<{ port: number; child: Child }> {
  const port = await freePort();
  const data = mkdtempSync(join(folder, 'redis-'));
  const settings = { port, bind: '127.0.0.1', dir: data, save: '', appendonly: 'yes' };
  const args = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, String(value)]);
  const child = start('redis-server', [...args, '--appendfsync', 'everysec']);
  while (!(await child.line()).includes('Ready to accept connections'));
  return { port, child };
}

export interface SandboxCounts {
  readonly accepted: number;
  readonly throttled: number;
}

export interface Sandbox {
  readonly url: string;
  readonly counts: () => Promise<SandboxCounts>;
  readonly stop: () => Promise<void>;
}

interface Ledger {
  readonly counters: {
    readonly accepted: number;
    readonly throttledByAccount: number;
    readonly throttledBySender: number;
  };
}

async function readCounts(url: string): Promise<SandboxCounts> {
  const { counters } = (await fetchJson(`${url}/ledger?entries=no`)) as Ledger;
  const { accepted, throttledByAccount, throttledBySender } = counters;
  return { accepted, throttled: throttledByAccount + throttledBySender };
}

/** The key and secret of the account that the sandbox has from the start. */
export const SANDBOX_ACCOUNT = { apiKey: 'sandbox1', apiSecret: 'sandbox-secret' } as const;

/** The product's own sandbox with one limited account, whose credit does not run out. */
export async function startSandbox(limit: {
  readonly rate: number;
  readonly model: LimitModel;
  readonly depth: number;
  /** What else is to be said of the account. */
  readonly account?: AccountOptions;
  readonly latencyMs?: number;
  readonly jitterMs?: number;
}): Promise<Sandbox> {
  const port = await freePort();
  const { rate, model, depth, account = {}, latencyMs = 0, jitterMs = 0 } = limit;
  const child = start(process.execPath, [
    join(ROOT, 'dist/main.js'),
    'sandbox',
    `--port=${port}`,
    `--rate=${rate}`,
    `--model=${model}`,
    '--balance=1000000',
    ...(model === 'bucket' ? [`--depth=${depth}`] : []),
  ]);
  const url = `http://127.0.0.1:${port}`;
  await child.line();
  const accounts = { [SANDBOX_ACCOUNT.apiKey]: account };
  const answer = await fetch(`${url}/control`, {
    method: 'POST',
    body: JSON.stringify({ accounts, latencyMs, jitterMs }),
  });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
  return { url, counts: () => readCounts(url), stop: () => child.stop() };
}
