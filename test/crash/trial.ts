/**
 * One trial: a sandbox, a spool with messages in it, and runs of the daemon that are killed one after
 * another until one is let go to the end.
 *
 * Always holds: after a kill nobody opens the spool before the daemon does. What a kill left is read from a
 * copy, because closing the last connection would tidy up what the daemon has to cope with.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Sqlite, { type Database } from 'better-sqlite3';
import { startSandbox, type Sandbox } from '../../src/gateway/sandbox/sandbox.ts';
import { openSpool } from '../../src/spool/open.ts';
import { judge } from './judge.ts';
import { faultVariables, type Fault } from './kill-points.ts';
import { Program, type Line, type ProgramOptions } from './program.ts';

export const CONCURRENCY = 4;
/** How soon an uncertain message is looked at again. */
export const UNCERTAIN_AFTER_MS = 200;

const API_KEY = 'abcd1234';
const API_SECRET = 'secret';
/** The ledger tells nobody when it grows. */
const LOOK_EVERY_MS = 5;
const FIRST_RECIPIENT = 447_700_900_000;

export interface TrialOptions {
  readonly messages?: number;
  readonly concurrency?: number;
  readonly onUncertain?: 'resend' | 'hold';
  /** How long the gateway takes to answer. */
  readonly latencyMs?: number;
}

/** What a run that did not come to its end left behind. */
export interface Crash {
  /** Messages whose attempt was open. */
  readonly open: readonly number[];
  /** How many messages were known to be accepted. */
  readonly settled: number;
  /** The last row of `events`. */
  readonly lastSeq: number;
  readonly lines: readonly Line[];
}

export interface Outcome {
  /** Every rule that does not hold, with the rows that break it. */
  readonly complaints: readonly string[];
  /** Requests that the gateway accepted beyond one a message, by its own ledger. */
  readonly doubles: number;
  readonly states: Readonly<Record<string, number>>;
}

export class Trial implements AsyncDisposable {
  readonly sandbox: Sandbox;
  readonly path: string;
  readonly config: string;
  readonly crashes: Crash[] = [];
  readonly #folder: string;
  readonly #options: Required<TrialOptions>;
  readonly #programs: Program[] = [];
  #messages: number;

  private constructor(sandbox: Sandbox, folder: string, options: Required<TrialOptions>) {
    this.sandbox = sandbox;
    this.#folder = folder;
    this.#options = options;
    this.#messages = options.messages;
    this.path = join(folder, 'spool.db');
    this.config = join(folder, 'sms-spoold.toml');
  }

  /** Starts a sandbox and makes a spool with messages for it. */
  static async begin(options: TrialOptions = {}): Promise<Trial> {
    const defaults = { messages: 30, concurrency: CONCURRENCY, onUncertain: 'resend' } as const;
    const all = { ...defaults, latencyMs: 2, ...options };
    const sandbox = await startSandbox({
      accounts: { [API_KEY]: { secret: API_SECRET, rate: null, balance: 1e6 } },
      latencyMs: all.latencyMs,
    });
    const trial = new Trial(sandbox, mkdtempSync(join(tmpdir(), 'sms-spoold-crash-')), all);
    writeFileSync(trial.config, trial.#configText(), { mode: 0o600 });
    trial.#dropMessages();
    return trial;
  }

  /** Starts the daemon, to be killed at `fault` or by the caller. */
  start(fault: Fault | null = null): Program {
    if (fault === null) return this.startWith({});
    return this.startWith({ preload: 'kill-at.ts', env: faultVariables(fault) });
  }

  startWith(options: Omit<ProgramOptions, 'config'>): Program {
    const program = new Program({ config: this.config, ...options });
    this.#programs.push(program);
    return program;
  }

  /** Lets the daemon run into `fault`. Rejects when it ends in any other way, or never gets there. */
  async crash(fault: Fault): Promise<Crash> {
    return this.died(this.start(fault));
  }

  /** Waits for the kill of a run and looks at what it left. */
  async died(program: Program): Promise<Crash> {
    const end = await program.end();
    if (end.signal !== 'SIGKILL') {
      throw new Error(`the daemon was not killed: ${JSON.stringify(end)}\n${program.errors}`);
    }
    return this.left(program);
  }

  /** What a run left behind that ended before its work was done. */
  left(program: Program): Crash {
    const copy = join(this.#folder, `left-${this.crashes.length}.db`);
    for (const end of ['', '-wal']) {
      if (existsSync(this.path + end)) copyFileSync(this.path + end, copy + end);
    }
    const db = new Sqlite(copy);
    const crash = {
      open: db.prepare(`SELECT id FROM messages WHERE state = 'sending'`).pluck().all() as number[],
      settled: countOf(db, `SELECT count(*) FROM messages WHERE state = 'await-receipt'`),
      lastSeq: countOf(db, 'SELECT coalesce(max(seq), 0) FROM events'),
      lines: program.lines,
    };
    db.close();
    this.crashes.push(crash);
    return crash;
  }

  /** Resolves when the gateway has accepted so many messages. */
  async accepted(count: number): Promise<void> {
    while (this.sandbox.ledger.counters.accepted < count) await sleep(LOOK_EVERY_MS);
  }

  /** Lets the daemon do what is left, drain and leave; then holds spool, log and ledger against each other. */
  async finish(): Promise<Outcome> {
    const program = this.start();
    await program.line(({ event }) => event === 'daemon.ready');
    if (this.#options.onUncertain === 'hold') this.#dropLast();
    await this.#allDone(program);
    program.kill('SIGTERM');
    const end = await program.end();
    if (end.code !== 0)
      throw new Error(`the drain failed: ${JSON.stringify(end)}\n${program.errors}`);
    return this.#outcome(program.lines);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs) await program[Symbol.asyncDispose]();
    await this.sandbox.close();
    rmSync(this.#folder, { recursive: true });
  }

  /* Asks the spool once for what is not done, and the log from then on. */
  async #allDone(program: Program): Promise<void> {
    const mayStay = this.#options.onUncertain === 'hold' ? 'uncertain' : 'await-receipt';
    const isDone = (state: string): boolean => state === 'await-receipt' || state === mayStay;
    const db = openSpool(this.path, { readonly: true });
    const rows = db.prepare<[], [number, string]>('SELECT id, state FROM messages').raw().all();
    db.close();
    const left = new Set(rows.filter(([, state]) => !isDone(state)).map(([id]) => id));
    await program.line(({ id, to = '' }) => {
      if (id !== undefined && isDone(to)) left.delete(id);
      return left.size === 0;
    });
  }

  #outcome(ending: readonly Line[]): Outcome {
    const db = new Sqlite(this.path);
    const entries = this.sandbox.ledger.entries();
    const complaints = judge(db, {
      messages: this.#messages,
      openMax: this.#options.concurrency + 128,
      onUncertain: this.#options.onUncertain,
      entries,
      crashes: this.crashes,
      ending,
    });
    const states = db.prepare<[], [string, number]>(
      'SELECT state, count(*) FROM messages GROUP BY state',
    );
    const outcome = { complaints, states: Object.fromEntries(states.raw().all()) };
    db.close();
    const accepted = new Set(entries.map(({ to }) => to));
    return { ...outcome, doubles: entries.length - accepted.size };
  }

  #dropMessages(): void {
    const db = openSpool(this.path, { create: true });
    const insert = db.prepare('INSERT INTO messages (recipient, text) VALUES (?, ?)');
    db.transaction(() => {
      for (let id = 1; id <= this.#options.messages; id += 1) {
        insert.run(String(FIRST_RECIPIENT + id), `Your order ${id} comes tomorrow`);
      }
    })();
    db.close();
  }

  /* It goes when every uncertain message has been looked at again: their instants come before its own. */
  #dropLast(): void {
    const db = openSpool(this.path, { busyTimeoutMs: 5_000 });
    this.#messages += 1;
    db.prepare(
      `INSERT INTO messages (recipient, text, send_at)
        SELECT ?, 'the last one', unixepoch('subsec') + ? / 1000.0`,
    ).run(String(FIRST_RECIPIENT + this.#messages), UNCERTAIN_AFTER_MS + 1);
    db.close();
  }

  #configText(): string {
    const { concurrency, onUncertain } = this.#options;
    return `
[spool]
path = "spool.db"
[accounts.main]
api_key = "${API_KEY}"
api_secret = "${API_SECRET}"
base_url = "${this.sandbox.url}"
sender = "AcmeInc"
rate = 10000
concurrency = ${concurrency}
[receipts]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
[messages]
on_uncertain = "${onUncertain}"
uncertain_after = "${UNCERTAIN_AFTER_MS}ms"
[retry]
max_attempts = 100
`;
  }
}

function countOf(db: Database, sql: string): number {
  return db.prepare<[], number>(sql).pluck().get() ?? 0;
}
