/**
 * One trial: a sandbox, a spool with messages in it, and runs of the daemon that are killed one after
 * another until one is let go to the end.
 *
 * Always holds: after a kill nobody opens the spool before the daemon does. What a kill left is read from a
 * copy, because closing the last connection would tidy up what the daemon has to cope with.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Sqlite, { type Database } from 'better-sqlite3';
import type { ReceiptOptions } from '../../src/sandbox/receipt-options.ts';
import { startSandbox, type Sandbox } from '../../src/sandbox/sandbox-gateway.ts';
import { openSpool } from '../../src/spool/file/open.ts';
import { judge, judgeLeft, type Trace, type Receipts } from './judge.ts';
import { faultVariables, type Fault } from './kill-points.ts';
import { PassedSocket } from './passed-socket.ts';
import { Program, SILENCE_MS, type Line, type ProgramOptions } from './program.ts';

export const CONCURRENCY = 4;
/** How soon an uncertain message is looked at again. */
export const UNCERTAIN_AFTER_MS = 200;

/** The same where receipts are sent: one that was sent comes sooner, however slow the machine. */
const PATIENCE = '1h';
/** How long a final receipt may take where all are lost. */
const LOST_AFTER = '50ms';
const RETRY_RECEIPTS_MS = 20;
/** Receipts are waited for as long as the sandbox may take to bring them again. */
const RECEIPTS_SILENCE_MS = 240_000;

export const API_KEY = 'abcd1234';
const API_SECRET = 'secret';
/** The ledger tells nobody when it grows. */
const LOOK_EVERY_MS = 5;
const FIRST_RECIPIENT = 447_700_900_000;
const LONG_TEXT = 'It comes in parts. '.repeat(20);

export interface TrialOptions {
  readonly messages?: number;
  readonly concurrency?: number;
  /** Requests per second. */
  readonly rate?: number;
  readonly onUncertain?: 'resend' | 'hold';
  /** How long the gateway takes to answer. */
  readonly latencyMs?: number;
  /** What the gateway says of accepted messages later on. Default: nothing. */
  readonly receipts?: Receipts;
  /** How the sandbox sends that; null = the test does. Default: at once, and again soon. */
  readonly sending?: ReceiptOptions | null;
  /** Where receipts are listened for: a socket that is passed (default), or a port of the daemon's own. */
  readonly listens?: 'passed' | 'own';
  /** Every so many messages one is of three parts. Default: none is. */
  readonly longEvery?: number;
}

/** What a run that did not come to its end left behind. */
export interface Crash {
  /** Messages whose attempt was open. */
  readonly open: readonly number[];
  /** The client_ref of those attempts. */
  readonly openRefs: readonly string[];
  /** How many messages were known to be accepted. */
  readonly settled: number;
  /** The last row of `events`. */
  readonly lastSeq: number;
  /** The client_ref of every receipt on disk. */
  readonly kept: readonly string[];
  readonly lines: readonly Line[];
  /** Every rule that did not hold. */
  readonly complaints: readonly string[];
}

export interface Outcome {
  /** Every rule that does not hold, with the rows that break it. */
  readonly complaints: readonly string[];
  /** Requests that the gateway accepted beyond one a message, by its own ledger. */
  readonly doubles: number;
  readonly states: Readonly<Record<string, number>>;
  /** Runs that were ended between an acceptance and the commit of its outcome. */
  readonly endedBetween: number;
  /** Attempts that the gateway accepted and that were open when a run ended: their answers are lost. */
  readonly answersLost: number;
}

const DEFAULTS = {
  messages: 30,
  concurrency: CONCURRENCY,
  rate: 10_000,
  onUncertain: 'resend',
  latencyMs: 2,
  receipts: 'none',
  sending: {},
  listens: 'passed',
  longEvery: Infinity,
} as const satisfies TrialOptions;

/** Where receipts come in. */
interface Place {
  /** As the configuration says it. */
  readonly listen: string;
  /** Null = nobody is told. */
  readonly url: string | null;
  readonly socket: PassedSocket | null;
  readonly silenceMs: number;
}

export class Trial implements AsyncDisposable {
  readonly sandbox: Sandbox;
  readonly path: string;
  readonly config: string;
  readonly crashes: Crash[] = [];
  readonly #folder: string;
  readonly #options: Required<TrialOptions>;
  readonly #place: Place;
  readonly #programs: Program[] = [];
  #messages: number;

  private constructor(sandbox: Sandbox, place: Place, options: Required<TrialOptions>) {
    const folder = mkdtempSync(join(tmpdir(), 'sms-spoold-crash-'));
    this.sandbox = sandbox;
    this.#folder = folder;
    this.#place = place;
    this.#options = options;
    this.#messages = options.messages;
    this.path = join(folder, 'spool.db');
    this.config = join(folder, 'sms-spoold.toml');
  }

  /** Starts a sandbox and makes a spool with messages for it. */
  static async begin(options: TrialOptions = {}): Promise<Trial> {
    const all = { ...DEFAULTS, ...options };
    const place = await placeOf(all);
    const sandbox = await startSandbox({
      accounts: { [API_KEY]: { secret: API_SECRET, rate: null, balance: 1e6 } },
      latencyMs: all.latencyMs,
      receipts: {
        url: all.sending === null ? null : place.url,
        delayMs: 0,
        retryMs: RETRY_RECEIPTS_MS,
        loss: all.receipts === 'lost' ? 1 : 0,
        ...all.sending,
      },
    });
    const trial = new Trial(sandbox, place, all);
    writeFileSync(trial.config, trial.#configText(), { mode: 0o600 });
    trial.#dropMessages();
    return trial;
  }

  /** Where receipts come in. */
  get receiptsPort(): number {
    return Number(new URL(this.#place.url ?? '').port);
  }

  /** Starts the daemon, to be killed at `fault` or by the caller. */
  start(fault: Fault | null = null): Program {
    if (fault === null) return this.startWith({});
    return this.startWith({ preload: 'kill-at.ts', env: faultVariables(fault) });
  }

  startWith(options: Partial<ProgramOptions>): Program {
    const { silenceMs, socket } = this.#place;
    const receiptsFd = socket?.fd ?? null;
    const program = new Program({ config: this.config, silenceMs, receiptsFd, ...options });
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
    const copy = join(this.#folder, 'left.db');
    for (const end of ['', '-wal']) {
      if (existsSync(this.path + end)) copyFileSync(this.path + end, copy + end);
    }
    const db = new Sqlite(copy);
    const crash = { ...look(db), lines: program.lines, complaints: this.#complaintsOf(db) };
    db.close();
    for (const end of ['', '-wal', '-shm']) rmSync(copy + end, { force: true });
    this.crashes.push(crash);
    return crash;
  }

  /** Resolves when the gateway has accepted so many messages. */
  async accepted(count: number): Promise<void> {
    while (this.sandbox.ledger.counters.accepted < count) await sleep(LOOK_EVERY_MS);
  }

  /** Resolves when each message is, or has come by, one of these states. */
  async until(program: Program, states: readonly string[]): Promise<void> {
    await this.#reach(
      program,
      states,
      this.#idsWhere((state) => !states.includes(state)),
    );
  }

  /** Lets the daemon do what is left, drain and leave; then holds spool, log and ledger against each other. */
  async finish(): Promise<Outcome> {
    const program = this.startWith({ preload: 'move-time.ts' });
    await program.line(({ event }) => event === 'daemon.ready');
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
    await this.#place.socket?.[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true });
  }

  async #allDone(program: Program): Promise<void> {
    const { receipts, onUncertain } = this.#options;
    if (receipts === 'sent') return this.#allDelivered(program);
    if (onUncertain === 'resend') return this.until(program, ['await-receipt']);
    if (receipts === 'lost') return this.until(program, ['unconfirmed']);
    this.#dropLast();
    return this.until(program, ['await-receipt', 'uncertain']);
  }

  /* What is uncertain when all receipts have come never reached the gateway: it goes when its time is up. */
  async #allDelivered(program: Program): Promise<void> {
    await this.until(program, ['await-receipt', 'uncertain', 'delivered']);
    await this.sandbox.receiptsSettled();
    const uncertain = this.#idsWhere((state) => state === 'uncertain');
    program.kill('SIGUSR2');
    await program.line(({ event }) => event === 'test.time-moved');
    await this.#reach(program, ['delivered'], uncertain);
    await this.sandbox.receiptsSettled();
  }

  async #reach(program: Program, states: readonly string[], left: Set<number>): Promise<void> {
    await program.line(({ id, to = '' }) => {
      if (id !== undefined && states.includes(to)) left.delete(id);
      return left.size === 0;
    });
  }

  #idsWhere(isIt: (state: string) => boolean): Set<number> {
    const db = openSpool(this.path, { readonly: true });
    const rows = db.prepare<[], [number, string]>('SELECT id, state FROM messages').raw().all();
    db.close();
    return new Set(rows.filter(([, state]) => isIt(state)).map(([id]) => id));
  }

  #trace(): Trace {
    const { receiptsAnswered, receiptsRepeated } = this.sandbox.ledger.counters;
    return {
      messages: this.#messages,
      entries: this.sandbox.ledger.entries(),
      answered: receiptsAnswered - receiptsRepeated,
    };
  }

  #complaintsOf(db: Database): readonly string[] {
    const run = this.crashes.length + 1;
    return judgeLeft(db, this.#trace()).map((complaint) => `after run ${run}: ${complaint}`);
  }

  #outcome(ending: readonly Line[]): Outcome {
    const db = new Sqlite(this.path);
    const trace = this.#trace();
    const { concurrency, onUncertain, receipts } = this.#options;
    const { crashes } = this;
    const openMax = concurrency + 128;
    const complaints = judge(db, { ...trace, openMax, onUncertain, receipts, crashes, ending });
    const states = db.prepare<[], [string, number]>(
      'SELECT state, count(*) FROM messages GROUP BY state',
    );
    const outcome = { complaints, states: Object.fromEntries(states.raw().all()) };
    db.close();
    const { entries } = trace;
    const recipients = new Set(entries.map(({ to }) => to));
    const arrived = new Set(entries.map(({ clientRef }) => clientRef));
    const lost = crashes.map(({ openRefs }) => openRefs.filter((ref) => arrived.has(ref)));
    return {
      ...outcome,
      doubles: entries.length - recipients.size,
      endedBetween: lost.filter(({ length }) => length > 0).length,
      answersLost: new Set(lost.flat()).size,
    };
  }

  #dropMessages(): void {
    const db = openSpool(this.path, { create: true });
    const insert = db.prepare('INSERT INTO messages (recipient, text) VALUES (?, ?)');
    db.transaction(() => {
      for (let id = 1; id <= this.#options.messages; id += 1) {
        const isLong = id % this.#options.longEvery === 0;
        const text = isLong ? LONG_TEXT : `Your order ${id} comes tomorrow`;
        insert.run(String(FIRST_RECIPIENT + id), text);
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
    const { concurrency, rate, onUncertain, receipts } = this.#options;
    return `
[spool]
path = "spool.db"
[accounts.main]
api_key = "${API_KEY}"
api_secret = "${API_SECRET}"
base_url = "${this.sandbox.url}"
sender = "AcmeInc"
rate = ${rate}
concurrency = ${concurrency}
[receipts]
listen = "${this.#place.listen}"
timeout = "${receipts === 'lost' && onUncertain === 'hold' ? LOST_AFTER : '76h'}"
[admin]
listen = "127.0.0.1:0"
[messages]
on_uncertain = "${onUncertain}"
uncertain_after = "${receipts === 'sent' ? PATIENCE : `${UNCERTAIN_AFTER_MS}ms`}"
[retry]
max_attempts = 100
`;
  }
}

function countOf(db: Database, sql: string): number {
  return db.prepare<[], number>(sql).pluck().get() ?? 0;
}

function look(db: Database): Omit<Crash, 'lines' | 'complaints'> {
  return {
    open: db.prepare<[], number>(`SELECT id FROM messages WHERE state = 'sending'`).pluck().all(),
    openRefs: listOf(db, 'SELECT client_ref FROM attempts WHERE route IS NULL'),
    settled: countOf(db, `SELECT count(*) FROM messages WHERE state = 'await-receipt'`),
    lastSeq: countOf(db, 'SELECT coalesce(max(seq), 0) FROM events'),
    kept: listOf(db, 'SELECT client_ref FROM receipts WHERE client_ref IS NOT NULL'),
  };
}

function listOf(db: Database, sql: string): readonly string[] {
  return db.prepare<[], string>(sql).pluck().all();
}

async function placeOf({ receipts, listens }: Required<TrialOptions>): Promise<Place> {
  const listen = '127.0.0.1:0';
  if (receipts === 'none') return { listen, url: null, socket: null, silenceMs: SILENCE_MS };
  const socket = listens === 'passed' ? await PassedSocket.open() : null;
  const port = socket?.port ?? (await freePort());
  const url = `http://127.0.0.1:${port}/receipts`;
  return { listen: `127.0.0.1:${port}`, url, socket, silenceMs: RECEIPTS_SILENCE_MS };
}

/* Below those that systems give away by themselves, and other ones in each process of these tests. */
let nextPort = 10_000 + (process.pid % 2_000) * 10;

/** A port that stays free while no daemon has it. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = nextPort;
    nextPort += 1;
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    await new Promise((resolve) => server.close(resolve));
    if (isFree) return port;
  }
}
