/**
 * What all benchmarks share: child processes that never outlive the run, a temporary folder on a real disk,
 * medians, and what /proc knows of a process.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fdatasyncSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { statfsSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from './clock.ts';

export const ROOT = resolve(import.meta.dirname, '../..');

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => process.exit(1));
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** What the child writes to standard output goes nowhere. */
  readonly quiet?: boolean;
}

export interface Child {
  readonly pid: number;
  /** What it has written to standard error, for a complaint. */
  readonly errors: () => string;
  readonly hasEnded: () => boolean;
  /** Its next line of standard output. Rejects when it ends first. */
  readonly line: () => Promise<string>;
  /** Sends the signal and waits for the end. Rejects when it has not ended after 30 s. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<void>;
}

/** Starts a program that is killed, at the latest, when this process ends. */
export function start(command: string, args: readonly string[], options: StartOptions = {}): Child {
  const child = spawn(command, args, {
    stdio: ['ignore', options.quiet === true ? 'ignore' : 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  });
  running.add(child);
  const closed = once(child, 'close').finally(() => running.delete(child));
  closed.catch(() => undefined); // a command that cannot be started is told by line() and stop()
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-4000)));
  const lines = linesOf(child);
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    pid: child.pid ?? 0,
    errors: () => errors,
    hasEnded,
    line: async () => {
      const next = await Promise.race([lines(), closed.then(() => null)]);
      if (next === null) throw new Error(`${command} ${args.join(' ')} ended early:\n${errors}`);
      return next;
    },
    stop: async (signal = 'SIGTERM') => {
      if (hasEnded()) return;
      child.kill(signal);
      const late = sleep(30_000, null, { ref: false });
      const end = await Promise.race([closed, late]);
      if (end === null) throw new Error(`${command} ${args.join(' ')} did not end after ${signal}`);
    },
  };
}

function linesOf(child: ChildProcess): () => Promise<string> {
  const ready: string[] = [];
  const waiting: ((line: string) => void)[] = [];
  let rest = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    const [...lines] = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const taker = waiting.shift();
      if (taker === undefined) ready.push(line);
      else taker(line);
    }
  });
  return () => {
    const line = ready.shift();
    if (line !== undefined) return Promise.resolve(line);
    return new Promise((taker) => waiting.push(taker));
  };
}

/** Starts another script of this folder on the Node that runs this one. */
export function startScript(script: string, args: readonly string[]): Child {
  return start(process.execPath, [join(import.meta.dirname, script), ...args]);
}

const TMPFS = 0x01021994;
const RAMFS = 0x858458f6;

/** A folder of this run's own, removed at its end, on a disk: beside the checkout where /tmp is memory. */
export function temporaryFolder(): string {
  const inMemory = [TMPFS, RAMFS].includes(statfsSync(tmpdir()).type);
  const folder = mkdtempSync(join(inMemory ? process.cwd() : tmpdir(), '.sms-spoold-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The value below which the share lies (0.5 = median). NaN for no values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? NaN;
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? NaN;
  return (low + (sorted[Math.floor(middle)] ?? NaN)) / 2;
}

/** Milliseconds that each of `count` appends of 4 kB takes to reach the disk (fdatasync). */
export function measureFsync(folder: string, count = 200): readonly number[] {
  const file = join(folder, 'fsync');
  const page = Buffer.alloc(4096, 1);
  const descriptor = openSync(file, 'w');
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const from = monotonicMs();
    writeSync(descriptor, page);
    fdatasyncSync(descriptor);
    times.push(monotonicMs() - from);
  }
  closeSync(descriptor);
  rmSync(file);
  return times;
}

/* Linux reports times of processes in hundredths of a second, whatever the kernel's own tick. */
const TICK_US = 10_000;

function fromProc(pid: number, file: string): string | null {
  if (process.platform !== 'linux') return null;
  return readFileSync(`/proc/${pid}/${file}`, 'utf8');
}

/** CPU microseconds the process has used, all threads, in steps of 10 ms. Null where there is no /proc. */
export function cpuUs(pid: number): number | null {
  const stat = fromProc(pid, 'stat');
  if (stat === null) return null;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

export interface Memory {
  readonly nowMb: number;
  readonly peakMb: number;
}

/** Resident memory of the process. Null where there is no /proc. */
export function memory(pid: number): Memory | null {
  const status = fromProc(pid, 'status');
  if (status === null) return null;
  const read = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
  return { nowMb: read('VmRSS'), peakMb: read('VmHWM') };
}
