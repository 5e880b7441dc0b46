/**
 * The built program as its users start it: a process of its own, in a folder of its own, with a configuration
 * and no environment but what a test gives.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { openSpool, type Database } from '../../src/spool/file/open.ts';

export const MAIN = resolve(import.meta.dirname, '../../dist/main.js');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Standard input; left out: empty. */
  readonly input?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
}

export const ACCOUNTS = `
[accounts.main]
api_key = "abcd1234"
api_secret = "the-secret"
sender = "AcmeInc"
[accounts.second]
api_key = "efgh5678"
api_secret = "the-secret"
`;

export class Program implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'sms-spoold-cli-'));
  readonly spoolPath = join(this.folder, 'spool.db');

  constructor(accounts = ACCOUNTS) {
    this.write('sms-spoold.toml', `[spool]\npath = "spool.db"\n${accounts}`);
  }

  /** A file in the folder; its path. */
  write(name: string, content: string | Buffer): string {
    const path = join(this.folder, name);
    writeFileSync(path, content);
    return path;
  }

  /** Makes the spool. */
  init(): this {
    openSpool(this.spoolPath, { create: true }).close();
    return this;
  }

  /** Another connection to the spool. */
  open(): Database {
    return openSpool(this.spoolPath, { busyTimeoutMs: 5_000 });
  }

  /** One value of one row. */
  value(sql: string): unknown {
    const db = this.open();
    try {
      return db.prepare(sql).pluck().get();
    } finally {
      db.close();
    }
  }

  /** Runs SQL as an application or the daemon would. */
  exec(sql: string): void {
    const db = this.open();
    try {
      db.exec(sql);
    } finally {
      db.close();
    }
  }

  start(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    return spawn(process.execPath, [MAIN, ...args], {
      cwd: this.folder,
      env: { PATH: process.env['PATH'] ?? '', TZ: 'UTC', ...env },
    });
  }

  async run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    const child = this.start(args, options.env);
    child.stdin?.end(options.input ?? '');
    return ended(child);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** What a process said, once it is gone. */
export function ended(child: ChildProcess): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // A command that failed early has not read its standard input.
  child.stdin?.on('error', () => undefined);
  return new Promise((done, failed) => {
    child.on('error', failed);
    child.on('close', (code) => done({ code, stdout, stderr }));
  });
}

/** The widest line, in columns. */
export function widestLine(text: string): number {
  return Math.max(...text.split('\n').map((line) => Array.from(line).length));
}
